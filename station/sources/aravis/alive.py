"""Whether a camera still answers, asked all the time by a thread of its own."""

import threading
import time
from collections.abc import Callable


class AliveWatch:
    """Asks a camera again and again; silence counts from the last answer.

    Asking may block for seconds when the camera is gone, so nobody waits for it: whoever wants to
    know compares `silent_s` with what is bearable.
    """

    def __init__(self, answers: Callable[[], bool], *, period_s: float) -> None:
        self._answers, self._period_s = answers, period_s
        self._answered_s = time.monotonic()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera-alive", daemon=True)
        self._thread.start()

    @property
    def silent_s(self) -> float:
        """Seconds since the camera last answered."""
        return time.monotonic() - self._answered_s

    def close(self) -> None:
        """End the thread; waits for the question under way."""
        self._is_closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closing.wait(self._period_s):
            if self._answers():
                self._answered_s = time.monotonic()
