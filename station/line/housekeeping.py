"""Keeps the disk from filling: applies the retention every few minutes."""

import logging
import threading

from station.core.errors import JournalError
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.journal.retention import apply_retention

PERIOD_S = 300.0
_LOG = logging.getLogger(__name__)


class Housekeeping:
    """A running thread; the first cleaning comes at once."""

    def __init__(self, journal: Journal, pictures: Pictures, policy: KeepPolicy) -> None:
        self._journal, self._pictures, self._policy = journal, pictures, policy
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                apply_retention(self._journal, self._pictures.folder, self._policy)
            except (JournalError, OSError) as error:
                _LOG.warning("retention: %s", error)
            if self._closing.wait(PERIOD_S):
                return
