"""Who looks at a part: a thread of the line itself, or a process of its own that may be lost."""

from collections.abc import Callable
from typing import Protocol

from station.core.errors import StationError
from station.core.frame import AnyFrame, Job
from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.inspection import inspect
from station.vision.run_limit import RunLimit

MODEL_SHARE = 0.8
"""Of the stall limit: a model still running then is ended, before the worker is."""


Beat = Callable[[], None]
"""To be called a few times a second: the inspection loop goes round."""


def no_beat() -> None:
    """Where nobody listens."""


class WorkerLostError(StationError, RuntimeError):
    """The process that looked at a part crashed, hung or contradicted the line."""


class Inspector(Protocol):
    """Looks at one part at a time; used by one thread."""

    def prepare(self, prepared: PreparedRecipe, beat: Beat = no_beat) -> None:
        """Be ready for parts of a recipe; called from any thread, also while a look is under way.

        Calls `beat` a few times a second while it takes.

        Raises:
            StationError: it cannot be.
        """

    def look(self, frame: AnyFrame, prepared: PreparedRecipe, job: Job, beat: Beat) -> Result:
        """The result of one part; calls `beat` a few times a second while it takes.

        Raises:
            WorkerLostError: there is none and never will be; the inspector must be restarted.
        """

    def restart(self, beat: Beat = no_beat) -> None:
        """Be as new, with the recipes it was prepared for; calls `beat` like `prepare`.

        Raises:
            StationError: it cannot be.
        """

    @property
    def is_alive(self) -> bool:
        """Whether it could look at a part now."""

    def close(self) -> None:
        """Give everything back."""


class ThreadInspector:
    """Looks in the thread that asks: nothing is copied, and a crash takes the line with it."""

    def __init__(self, stall_s: float) -> None:
        self._limit = RunLimit(stall_s * MODEL_SHARE)

    def prepare(self, prepared: PreparedRecipe, beat: Beat = no_beat) -> None:
        """A recipe made ready once is ready for all threads."""

    def look(
        self,
        frame: AnyFrame,
        prepared: PreparedRecipe,
        job: Job,
        beat: Beat,  # noqa: ARG002 - nobody could call it meanwhile
    ) -> Result:
        """See `Inspector.look`; is never lost."""
        with self._limit.look():
            return inspect(frame, prepared, job)

    def restart(self, beat: Beat = no_beat) -> None:
        """There is nothing to restart."""

    @property
    def is_alive(self) -> bool:
        """As alive as the line."""
        return True

    def close(self) -> None:
        """End the watching thread."""
        self._limit.close()
