"""Results on their way out: each sink in a thread of its own that reads them from the journal."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from station.core.errors import DeliveryError, DeliveryRefusedError, JournalError
from station.core.plugin import Sink
from station.journal.dead_letters import dead_letters
from station.journal.records import Journal, Row

BATCH = 50
LOOK_S = 1.0
"""Without being told of a result the journal is looked into so often."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a failed delivery is tried again, and when a refused one no more."""

    first_s: float = 1.0
    longest_s: float = 300.0
    """The wait doubles from try to try up to this; a half to the whole of it, by chance."""
    asked_at_most_s: float = 3600.0
    """A receiver may ask for a longer wait, but not for more."""
    tries_if_refused: int = 3
    chance: Callable[[], float] = random.random

    def wait_s(self, tries: int, asked_s: float = 0.0) -> float:
        """How long to wait after so many failed tries."""
        longest_s = min(self.longest_s, self.first_s * 2.0 ** min(tries - 1, 60))
        return max(longest_s * (0.5 + 0.5 * self.chance()), min(asked_s, self.asked_at_most_s))


class Outlet:
    """One open sink. It gets every result in order, over restarts; the line never waits for it."""

    def __init__(self, sink: Sink, journal: Journal, retry: Retry | None = None) -> None:
        """Open the sink.

        Raises:
            StationError: it cannot be opened.
        """
        self.kind, self.name = sink.kind, sink.outlet_name
        self.delivered = self.failed = self._waiting = 0
        self.last_error = ""
        self._retry = retry or Retry()
        self._journal, self._outbox = journal, journal.outbox(self.name)
        self._delivery = sink.open()
        self._news = threading.Condition()
        self._has_news = True
        self._ends_s: float | None = None
        self._resends = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink-{self.name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Results it has not got yet; as last known where the journal cannot be read."""
        with suppress(JournalError):
            self._waiting = self._outbox.waiting
        return self._waiting

    @property
    def dead(self) -> int:
        """Results the receiver refused for good."""
        return self._outbox.dead

    @property
    def lost(self) -> int:
        """Results that were deleted before it got them."""
        return self._outbox.lost

    def notify(self) -> None:
        """There is a new result in the journal; returns at once."""
        with self._news:
            self._has_news = True
            self._news.notify()

    def resend(self) -> None:
        """Hand the dead letters over once more, in the sink's own thread; returns at once.

        What is refused again stays one, and so does the rest where the receiver is not there.
        """
        self._resends.set()
        self.notify()

    def close(self, timeout_s: float = 1.0) -> None:
        """Deliver what waits, but not longer than the time-out; the rest goes after the restart."""
        self._ends_s = time.monotonic() + timeout_s
        self._closing.set()
        self.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _LOG.error("sink %s is stuck; what it has not got waits for the restart", self.name)

    def _run(self) -> None:
        try:
            while self._goes_on():
                pass
        finally:
            self._delivery.close()

    def _goes_on(self) -> bool:
        """Deliver a batch; false: the sink is to end."""
        if self._is_over():  # a delivery took longer: the journal is closed by now
            return False
        with self._news:
            self._has_news = False
        try:
            if self._resends.is_set():
                self._resends.clear()
                self._send_letters()
            rows = self._outbox.next(BATCH)
        except (JournalError, ValueError) as error:
            self._failed(str(error))
            return not self._closing.wait(LOOK_S)
        for row in rows:
            if self._is_over() or not self._deliver(row):
                return False
        if rows:
            return True
        if self._closing.is_set():
            return False
        with self._news:
            self._news.wait_for(lambda: self._has_news, LOOK_S)
        return True

    def _send_letters(self) -> None:
        """Once each, oldest first; nobody adds one meanwhile but this thread."""
        last = 0
        while letters := dead_letters(self._journal, self.name, after=last, limit=BATCH):
            for letter in letters:
                if self._closing.is_set():
                    return
                error = self._try(letter)
                if error is None:
                    self._outbox.took(letter.id)
                elif not is_refusal(error):
                    return
                last = letter.id

    def _is_over(self) -> bool:
        return self._ends_s is not None and time.monotonic() >= self._ends_s

    def _deliver(self, row: Row) -> bool:
        """Try until it is delivered or refused for good; false: the sink is to end first."""
        tries = refused = 0
        while True:
            error = self._try(row)
            if error is None:
                self._outbox.delivered(row)
                return True
            tries += 1
            refused += is_refusal(error)
            if refused >= self._retry.tries_if_refused:
                _LOG.error("sink %s gives up %a: %s", self.name, row.job_id, error)
                self._outbox.give_up(row, str(error))
                return True
            asked_s = error.retry_after_s if isinstance(error, DeliveryError) else 0.0
            if self._closing.wait(self._retry.wait_s(tries, asked_s)):
                return False

    def _try(self, row: Row) -> Exception | None:
        try:
            self._delivery.deliver(row.result, None)
        except Exception as error:  # noqa: BLE001 - the border: no sink stops the line
            self._failed(f"{error or type(error).__name__}")
            return error
        self.delivered += 1
        self.last_error = ""
        return None

    def _failed(self, text: str) -> None:
        self.failed += 1
        if text != self.last_error:
            _LOG.warning("sink %s could not deliver: %s", self.name, text)
        self.last_error = text


def is_refusal(error: Exception) -> bool:
    """Whether the result itself is refused; a network or disk that fails refuses nothing."""
    return isinstance(error, DeliveryRefusedError) or not isinstance(error, OSError)


def open_outlets(
    sinks: Sequence[Sink], journal: Journal, retry: Retry | None = None
) -> list[Outlet]:
    """Open every sink.

    Raises:
        StationError: one cannot be opened; those before it are closed again.
    """
    outlets: list[Outlet] = []
    try:
        for sink in sinks:
            outlets.append(Outlet(sink, journal, retry))  # noqa: PERF401 - see below
    except Exception:
        for outlet in outlets:  # the ones before must not go on
            outlet.close()
        raise
    return outlets
