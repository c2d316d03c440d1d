"""The workers: frames that wait, threads that have them looked at, and what is lost meanwhile."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from station.core.errors import StationError
from station.core.frame import AnyFrame
from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.line.inspectors import Beat, Inspector, WorkerLostError
from station.line.tickets import Ticket

BEATS_PER_S = 4
LOSSES_TO_FAULT, LOSSES_WITHIN_S = 3, 60.0
RETRY_S = 1.0
READY_SLICE_S = 0.05
_LOG = logging.getLogger(__name__)


class Outcome(Protocol):
    """What the workers hand back."""

    def looked(self, ticket: Ticket, frame: AnyFrame, result: Result) -> None:
        """A part was looked at."""

    def lost(self, ticket: Ticket, frame: AnyFrame, text: str) -> None:
        """Whoever looked at the part is gone; there is no result."""

    def fault(self, text: str) -> None:
        """The workers cannot go on by themselves."""


class Workers:
    """Some threads, each with an inspector of its own, and the bounded queue before them."""

    def __init__(
        self,
        outcome: Outcome,
        make: Callable[[], Inspector],
        prepared: PreparedRecipe,
        *,
        count: int,
        queue_size: int,
    ) -> None:
        self.losses = 0
        self._outcome, self._first = outcome, prepared
        self._queue: queue.Queue[tuple[Ticket, AnyFrame] | None] = queue.Queue(queue_size)
        self._lost_s: deque[float] = deque(maxlen=LOSSES_TO_FAULT)
        self._closing = threading.Event()
        self._failed = threading.Event()
        self._ready = [threading.Event() for _ in range(count)]
        self._alive_s = [time.monotonic()] * count
        self._inspectors = [make() for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=(n,), name=f"worker-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_ready(self) -> bool:
        """Whether every worker has its recipe."""
        return all(ready.is_set() for ready in self._ready)

    @property
    def ready(self) -> int:
        """How many workers can look at a part now."""
        return sum(ready.is_set() for ready in self._ready)

    @property
    def beat(self) -> int:
        """Grows some times a second as long as every worker's loop goes round."""
        return int(min(self._alive_s) * BEATS_PER_S)

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until every worker has its recipe, at most so long, or until one cannot start."""
        until_s = time.monotonic() + timeout_s
        for ready in self._ready:
            while not ready.is_set() and not self._failed.is_set() and time.monotonic() < until_s:
                ready.wait(READY_SLICE_S)

    def offer(self, ticket: Ticket, frame: AnyFrame, *, wait_s: float = 0.0) -> bool:
        """Queue a frame; False where the queue stays full for so long."""
        try:
            self._queue.put((ticket, frame), block=wait_s > 0, timeout=wait_s or None)
        except queue.Full:
            return False
        return True

    def take_waiting(self) -> list[tuple[Ticket, AnyFrame]]:
        """What no worker has begun with, taken out of the queue."""
        taken: list[tuple[Ticket, AnyFrame]] = []
        while True:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return taken
            if entry is not None:
                taken.append(entry)

    def prepare(self, prepared: PreparedRecipe) -> None:
        """Make every worker ready for a recipe, one after the other, so that the others go on.

        Raises:
            StationError: one cannot be.
        """
        for inspector in self._inspectors:
            inspector.prepare(prepared)

    def close(self) -> None:
        """Finish the looks under way and end the threads."""
        self._closing.set()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        inspector = self._inspectors[number]
        try:
            self._begin(number, lambda beat: inspector.prepare(self._first, beat))
            while (entry := self._next(number)) is not None:
                if not entry[0].is_claimed:
                    self._look(number, *entry)
        finally:
            inspector.close()

    def _next(self, number: int) -> tuple[Ticket, AnyFrame] | None:
        while True:
            self._alive(number)
            try:
                return self._queue.get(timeout=1 / BEATS_PER_S)
            except queue.Empty:
                self._see_to(number)

    def _see_to(self, number: int) -> None:
        """A worker that died while it had nothing to do is missed before the next part comes."""
        inspector = self._inspectors[number]
        if not inspector.is_alive:
            self._count_loss("it ended while no part was there")
            self._begin(number, inspector.restart)

    def _look(self, number: int, ticket: Ticket, frame: AnyFrame) -> None:
        inspector = self._inspectors[number]
        try:
            result = inspector.look(frame, ticket.prepared, ticket.job, lambda: self._alive(number))
        except WorkerLostError as error:
            self._outcome.lost(ticket, frame, str(error))
            self._count_loss(str(error))
            self._begin(number, inspector.restart)
        except StationError as error:  # the recipe cannot be used any more, or there is no memory
            self._outcome.lost(ticket, frame, str(error))
            self._outcome.fault(str(error))
        else:
            self._outcome.looked(ticket, frame, result)

    def _begin(self, number: int, start: Callable[[Beat], None]) -> None:
        """Start or restart an inspector, as often as it takes."""
        self._ready[number].clear()
        while not self._closing.is_set():
            try:
                start(lambda: self._alive(number))
            except (StationError, OSError, EOFError) as error:
                self._failed.set()
                self._outcome.fault(f"a worker cannot start: {error}")
                self._alive(number)
                self._closing.wait(RETRY_S)
                start = self._inspectors[number].restart
            else:
                self._ready[number].set()
                return

    def _count_loss(self, text: str) -> None:
        _LOG.error("worker lost: %s", text)
        self.losses += 1
        self._lost_s.append(time.monotonic())
        if len(self._lost_s) == LOSSES_TO_FAULT:
            if self._lost_s[-1] - self._lost_s[0] <= LOSSES_WITHIN_S:
                self._outcome.fault(f"{LOSSES_TO_FAULT} workers were lost within a minute: {text}")
            self._lost_s.popleft()

    def _alive(self, number: int) -> None:
        self._alive_s[number] = time.monotonic()
