"""A job under way: whoever claims it first gives its one result."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from station.core.frame import Job
from station.core.recipe import PreparedRecipe
from station.core.result import Result


@dataclass(slots=True, eq=False)
class Ticket:
    """A job, the recipe snapshot taken at its trigger, and the promise of its result."""

    job: Job
    prepared: PreparedRecipe
    due_s: float | None = None
    """When the answer is worth nothing any more, on the monotonic clock."""
    future: Future[Result] = field(default_factory=Future)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_claimed: bool = False
    _is_late: bool = False

    def __post_init__(self) -> None:
        # From now on a client that goes away cannot cancel the promise, only stop waiting.
        self.future.set_running_or_notify_cancel()

    def claim(self, *, is_late: bool = False) -> bool:
        """True for the first caller only: that one gives the result, all others must not."""
        with self._lock:
            first, self._is_claimed = not self._is_claimed, True
            self._is_late = self._is_late or (first and is_late)
            return first

    @property
    def is_claimed(self) -> bool:
        """Whether somebody has given, or is giving, the result."""
        return self._is_claimed

    @property
    def is_late(self) -> bool:
        """Whether the deadline came first: a look that ends now is kept, but is not the answer."""
        return self._is_late


class Deadlines:
    """Calls `on_late` for each ticket that nobody claimed by its deadline; it may claim it."""

    def __init__(self, on_late: Callable[[Ticket], None]) -> None:
        self._on_late = on_late
        self._heap: list[tuple[float, int, Ticket]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
        self._thread.start()

    def add(self, ticket: Ticket, due_s: float, *, reserve_s: float = 0.0) -> None:
        """Watch a ticket until it is due, less what its record will take."""
        due_s -= reserve_s
        with self._changed:
            heapq.heappush(self._heap, (due_s, next(self._order), ticket))
            if self._heap[0][2] is ticket:
                self._changed.notify()

    def close(self) -> None:
        """Stop watching."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while self._heap and self._heap[0][2].is_claimed:
                    heapq.heappop(self._heap)
                wait_s = self._heap[0][0] - time.monotonic() if self._heap else None
                if self._is_closing:
                    return
                if wait_s is None or wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                ticket = heapq.heappop(self._heap)[2]
            self._on_late(ticket)
