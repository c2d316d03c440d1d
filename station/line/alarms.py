"""When to ask for the line to be stopped: too many parts that were rejected without a defect."""

import threading
from collections import deque

from station.core.reasons import StationReason
from station.core.result import Result
from station.line.settings import AlarmSettings

OF = 100
_STATION_REASONS = frozenset(StationReason)


class RejectWatch:
    """Counts parts that got no judgement; rejecting a whole shift for a dead lamp helps nobody."""

    def __init__(self, settings: AlarmSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._in_row = 0
        self._last: deque[bool] = deque(maxlen=OF)
        self._request = ""

    @property
    def stop_request(self) -> str:
        """Why the line should be stopped; empty: it need not be. Stays until `reset`."""
        return self._request

    def answered(self, result: Result) -> None:
        """A part got its result."""
        is_unjudged = result.reason_code in _STATION_REASONS
        with self._lock:
            self._in_row = self._in_row + 1 if is_unjudged else 0
            self._last.append(is_unjudged)
            why = self._why()
            if why and not self._request:
                self._request = f"{why}, the last one: {result.reason_in_words}"

    def reset(self) -> None:
        """Somebody has seen to it."""
        with self._lock:
            self._in_row, self._request = 0, ""
            self._last.clear()

    def _why(self) -> str:
        row, most = self._settings.unjudged_in_row, self._settings.unjudged_of_100
        if row and self._in_row >= row:
            return f"{self._in_row} parts in a row could not be judged"
        unjudged = sum(self._last)
        if most and unjudged >= most:
            return f"{unjudged} of the last {len(self._last)} parts could not be judged"
        return ""
