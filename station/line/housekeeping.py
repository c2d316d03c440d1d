"""Keeps the disk from filling: looks at the space often, applies the retention now and then."""

import logging
import threading
import time

from station.core.errors import JournalError
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.journal.retention import RetentionClock, apply_retention
from station.journal.space import free_bytes, make_space

PERIOD_S = 300.0
LOOK_S = 5.0
_LOG = logging.getLogger(__name__)


class Housekeeping:
    """A running thread; the first cleaning comes at once."""

    def __init__(self, journal: Journal, pictures: Pictures, policy: KeepPolicy) -> None:
        self._journal, self._pictures, self._policy = journal, pictures, policy
        self._clock = RetentionClock(journal)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        next_s = time.monotonic()
        while True:
            try:
                self._watch_space()
                if time.monotonic() >= next_s:
                    next_s = time.monotonic() + PERIOD_S
                    apply_retention(
                        self._journal, self._pictures.folder, self._policy,
                        now_s=self._clock.now_s(),
                    )  # fmt: skip
            except (JournalError, OSError) as error:
                _LOG.warning("retention: %s", error)
            if self._closing.wait(LOOK_S):
                return

    def _watch_space(self) -> None:
        least = self._policy.min_free_bytes
        gone = make_space(self._pictures.folder, least)
        if gone:
            _LOG.warning("the disk is nearly full: %d pictures were deleted", gone)
        if free_bytes(self._journal.path.parent) >= least:
            self._journal.refill()
