"""Results on their way out: each sink in a thread of its own, so that none can hold the line."""

import logging
import queue
import threading
from collections.abc import Sequence

from station.core.frame import AnyFrame
from station.core.plugin import Sink
from station.core.result import Result

QUEUE_SIZE = 1000
_LOG = logging.getLogger(__name__)


class Outlet:
    """One open sink: when 1,000 results wait the next is not delivered, and counted."""

    def __init__(self, sink: Sink) -> None:
        """Open the sink.

        Raises:
            StationError: it cannot be opened.
        """
        self.kind = sink.kind
        self.delivered = 0
        self.failed = 0
        self._delivery = sink.open()
        self._waiting: queue.Queue[tuple[Result, AnyFrame | None] | None] = queue.Queue(QUEUE_SIZE)
        self._thread = threading.Thread(target=self._deliver_all, name=sink.kind, daemon=True)
        self._thread.start()

    def offer(self, result: Result, frame: AnyFrame | None) -> None:
        """Deliver later; returns at once."""
        try:
            self._waiting.put_nowait((result, frame))
        except queue.Full:
            self.failed += 1

    def close(self, timeout_s: float = 1.0) -> None:
        """Deliver what waits, but not longer than the time-out."""
        try:
            self._waiting.put(None, timeout=timeout_s)
        except queue.Full:
            _LOG.error("sink %s is stuck; %d results undelivered", self.kind, QUEUE_SIZE)
            return
        self._thread.join(timeout_s)

    def _deliver_all(self) -> None:
        while (entry := self._waiting.get()) is not None:
            try:
                self._delivery.deliver(*entry)
                self.delivered += 1
            except Exception:  # noqa: BLE001 - the border: no sink stops the line
                self.failed += 1
                _LOG.exception("sink %s could not deliver %s", self.kind, entry[0].job_id)
        self._delivery.close()


def open_outlets(sinks: Sequence[Sink]) -> list[Outlet]:
    """Open every sink.

    Raises:
        StationError: one cannot be opened; those before it are closed again.
    """
    outlets: list[Outlet] = []
    try:
        for sink in sinks:
            outlets.append(Outlet(sink))  # noqa: PERF401 - the ones before must be closable
    except Exception:
        for outlet in outlets:
            outlet.close()
        raise
    return outlets
