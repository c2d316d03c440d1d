"""What the desk remembers: the PLC's numbers, and the answers it has not taken yet."""

import math
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from station.api.plc.answers import Answer
from station.api.plc.orders import Order
from station.core.plc_words import RESULTS_HELD, SEQUENCE_AT_MOST
from station.core.reasons import STATION_NUMBERS, StationReason
from station.line.known_parts import begins_anew, is_ahead, is_retry, may_still_come

LOST = STATION_NUMBERS[StationReason.LOST_TRIGGER]
MOST_KNOWN = 1000
OWN_NUMBERS = 2_000_000_001
"""Where the station's own numbers begin, for triggers that came without one."""


@dataclass(slots=True, eq=False)
class Known:
    """A trigger that was taken, and its answer once there is one."""

    seq: int
    part_id: str
    came_s: float
    due_s: float
    """From then on its answer is late, on the monotonic clock."""
    first_due_s: float
    """The same of the first time it was asked: a repeated answer that was late once stays so."""
    answer: Answer | None


class Memory:
    """Triggers by number, and up to 8 answers that wait for their acknowledgement."""

    def __init__(self, reject_window: int = 0) -> None:
        """`reject_window`: so many numbers later a lost trigger may still come."""
        self._reject_window = reject_window
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._waiting: deque[Answer] = deque()
        self._newest: int | None = None
        self._first = 0
        """Of this life of the PLC."""
        self._own = OWN_NUMBERS - 1

    def __contains__(self, seq: int) -> bool:
        return seq in self._known

    @property
    def waiting(self) -> int:
        """How many answers wait for their acknowledgement."""
        return len(self._waiting)

    @property
    def oldest(self) -> Answer | None:
        """The answer that waits longest."""
        return self._waiting[0] if self._waiting else None

    def find(self, seq: int) -> Known | None:
        """The newest trigger with a number, while the PLC that gave it still runs."""
        return self._known.get(seq)

    def follow(self, order: Order) -> None:
        """Follow the PLC's numbers; they begin anew with a PLC that was restarted.

        They mean other parts from then on, so that nothing stays stored under them. In doubt they
        do: a result that is gone costs a good part, one of an earlier life passes a bad one.
        """
        if not order.seq:
            return
        newest = self._newest
        if newest is None or self._begins_anew(order, newest):
            self._clear()
            self._first = self._newest = order.seq
        elif is_ahead(order.seq, newest):
            self._newest = order.seq

    def forget(self, seq: int) -> None:
        """A trigger with this number was not taken: an answer of before is not its own."""
        self._known.pop(seq, None)
        self._drop(seq)

    def restart(self) -> None:
        """Forget everything: the PLC begins anew."""
        self._clear()
        self._newest = None

    def own_number(self) -> int:
        """A number for a trigger that came without one."""
        self._own = self._own + 1 if self._own < SEQUENCE_AT_MOST else OWN_NUMBERS
        self._known.pop(self._own, None)
        return self._own

    def remember(
        self, seq: int, part_id: str, due_s: float = math.inf, answer: Answer | None = None
    ) -> Known:
        """Of one number only the newest trigger counts; a retry keeps the times of the first."""
        earlier, came_s, first_due_s = self._known.pop(seq, None), time.monotonic(), due_s
        is_named = earlier is not None and earlier.part_id and earlier.part_id == part_id
        if earlier is not None and (is_named or self._is_retry(earlier, part_id)):
            came_s, first_due_s = earlier.came_s, min(due_s, earlier.first_due_s)
        known = Known(seq, part_id, came_s, due_s, first_due_s, answer)
        self._known[seq] = known
        self._drop(seq)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return known

    def begins(self, known: Known) -> None:
        """The part was looked at anew for this trigger: what was asked before it counts no more."""
        known.first_due_s = known.due_s
        newest = self._known.get(known.seq)
        if newest is not None and newest.part_id == known.part_id:
            newest.first_due_s = min(newest.due_s, known.due_s)

    def keep(self, known: Known, answer: Answer) -> bool:
        """Store the answer of a trigger until it is acknowledged.

        False where it pushed out an older one that nobody had taken.
        """
        if self._known.get(known.seq) is not known:
            return True
        known.answer = answer
        self._waiting.append(answer)
        if len(self._waiting) <= RESULTS_HELD:
            return True
        self._waiting.popleft()
        return False

    def acknowledge(self, seq: int) -> bool:
        """Give up an answer the PLC has; again is no mistake. False where there is none."""
        known = self._known.get(seq)
        return self._drop(seq) or (known is not None and known.answer is not None)

    def _drop(self, seq: int) -> bool:
        waiting = len(self._waiting)
        self._waiting = deque(answer for answer in self._waiting if answer.seq != seq)
        return len(self._waiting) < waiting

    def _clear(self) -> None:
        self._known.clear()
        self._waiting.clear()

    def _begins_anew(self, order: Order, newest: int) -> bool:
        seq, known = order.seq, self._known.get(order.seq)
        if is_ahead(seq, newest):
            return False
        if begins_anew(seq, newest, self._reject_window) or is_ahead(self._first, seq):
            return True
        if known is None or (known.part_id and order.part_id == known.part_id):
            return False  # skipped by others that overtook it, or the same part asked for late
        age_s = time.monotonic() - known.came_s
        if known.answer is not None and known.answer.code == LOST:
            return not may_still_come(seq, newest, age_s, self._reject_window)
        return not self._is_retry(known, order.part_id)

    def _is_retry(self, earlier: Known, part_id: str) -> bool:
        is_same = not earlier.part_id or part_id in ("", earlier.part_id)
        age_s = time.monotonic() - earlier.came_s
        return is_same and (self._newest is None or is_retry(earlier.seq, self._newest, age_s))
