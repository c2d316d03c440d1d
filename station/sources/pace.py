"""A steady beat for sources that play a line."""

import time

from station.core.errors import NoFrameError


class Pace:
    """Waits for the next beat; beats that were missed are not made up for."""

    def __init__(self, rate_per_s: float) -> None:
        self._period_s = 1 / rate_per_s if rate_per_s > 0 else 0.0
        self._due_s = time.monotonic()

    def wait(self, timeout_s: float) -> None:
        """Return at the next beat, at once without a rate.

        Raises:
            NoFrameError: the beat is later than `timeout_s` from now; it stays due.
        """
        if not self._period_s:
            return
        now = time.monotonic()
        if self._due_s - now > timeout_s:
            time.sleep(timeout_s)
            raise NoFrameError(f"no frame within {timeout_s:g} s")
        if self._due_s > now:
            time.sleep(self._due_s - now)
        self._due_s = max(self._due_s + self._period_s, time.monotonic())
