"""Ends runs of ONNX models that take too long; the model itself never would."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import onnxruntime as ort

from station.core.errors import TimeLimitError

Answer = TypeVar("Answer")

_OPTIONS: ContextVar[ort.RunOptions | None] = ContextVar("run_options", default=None)
"""Of the look under way in this thread; None where nobody limits it."""


def limited(run: Callable[[ort.RunOptions | None], Answer], name: str) -> Answer:
    """Run a session with the options of the look under way, so that it can be ended.

    Raises:
        TimeLimitError: it was ended because the look took longer than it may.
    """
    options = _OPTIONS.get()
    try:
        return run(options)
    except Exception as error:
        if options is not None and options.terminate:
            raise TimeLimitError(f"model {name} did not come to an end; it was stopped") from error
        raise


class RunLimit:
    """A watching thread for one inspecting thread: ends model runs that outlast the limit."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._changed = threading.Condition()
        self._options: ort.RunOptions | None = None
        self._due_s = 0.0
        self._is_closing = False
        self._thread = threading.Thread(target=self._watch, name="run limit", daemon=True)
        self._thread.start()

    @contextmanager
    def look(self) -> Iterator[None]:
        """Models run inside it, in this thread, are ended when the limit is over."""
        options = ort.RunOptions()
        token = _OPTIONS.set(options)
        with self._changed:
            self._options, self._due_s = options, time.monotonic() + self._limit_s
        try:
            yield
        finally:
            with self._changed:
                self._options = None
            _OPTIONS.reset(token)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        """Looks a few times per limit, so that a look itself costs no wake-up."""
        with self._changed:
            while not self._is_closing:
                self._changed.wait(self._limit_s / 10)
                if self._options is not None and time.monotonic() >= self._due_s:
                    self._options.terminate = True
