"""Which part was asked for before, and which triggers of the PLC never came."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from station.core.frame import Job
from station.core.plc_words import SEQUENCE_AT_MOST
from station.core.result import Result

RETRY_WINDOW_S = 2.0
RETRY_DEPTH = 8
"""Without a part id, the same number is a retry only so soon and so near to the newest one: a
controller that was restarted counts from 1 again, and must not get another part's answer."""

PartKey = tuple[str, str, str, str]
Promise = Future[Result]
Begin = Callable[[], Promise]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Known:
    """A job that came, and the promise of its result."""

    part: PartKey | None
    sequence: int | None
    came_s: float
    promise: Promise
    is_lost: bool = False
    """It never came, as the numbers after it show; it may yet."""


class KnownParts:
    """The jobs of the last seconds, by part and by sequence; safe from several threads."""

    def __init__(
        self,
        window_s: float,
        *,
        reject_window: int = 0,
        last_sequence: int | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """Remember jobs for `window_s`; name at most `reject_window` missing numbers at a time."""
        self._window_s, self._reject_window, self._clock = window_s, reject_window, clock
        self._lock = threading.Lock()
        self._jobs: OrderedDict[int, Known] = OrderedDict()
        self._by_part: dict[PartKey, Known] = {}
        self._by_sequence: dict[int, Known] = {}
        self._newest = last_sequence
        self._next = 0

    def admit(
        self, job: Job, begin: Begin, lose: Callable[[int], Promise], digest: str = ""
    ) -> tuple[Promise, bool]:
        """The promise of a job's result, and whether it is an earlier one's; else it begins.

        Before it begins, `lose` is called for each number between the newest sequence and its
        own, oldest first. A sequence that falls back is a controller that was restarted: then
        nothing is missing.
        """
        with self._lock:
            self._forget_old()
            known = self._find(job, part_key(job, digest))
            if known is not None:
                return known.promise, True
            for sequence in self._missing_before(job):
                self._remember(Known(None, sequence, self._clock(), lose(sequence), is_lost=True))
            promise, now_s = begin(), self._clock()
            self._remember(Known(part_key(job, digest), job.trigger_sequence, now_s, promise))
            return promise, False

    def forget_sequences(self) -> None:
        """The controller begins anew: no number it used before is a retry, nor its part."""
        with self._lock:
            self._by_sequence.clear()
            self._by_part = {
                key: known for key, known in self._by_part.items() if known.sequence is None
            }
            self._newest = None

    def _missing_before(self, job: Job) -> list[int]:
        sequence, newest = job.trigger_sequence, self._newest
        if sequence is None:
            return []
        self._newest = sequence
        ahead = (sequence - newest) % SEQUENCE_AT_MOST if newest is not None else 0
        if ahead > SEQUENCE_AT_MOST // 2:
            return []
        count = max(0, min(ahead - 1, self._reject_window))
        return [(sequence - 2 - k) % SEQUENCE_AT_MOST + 1 for k in range(count - 1, -1, -1)]

    def _find(self, job: Job, part: PartKey | None) -> Known | None:
        if part is not None and part in self._by_part:
            return self._by_part[part]
        sequence = job.trigger_sequence
        known = self._by_sequence.get(sequence) if sequence is not None else None
        if known is None or (part is not None and known.part is not None):
            return None
        if sequence is None or self._newest is None:
            return None
        if known.is_lost and is_overtaken(sequence, self._newest, self._reject_window):
            return known
        age_s = self._clock() - known.came_s
        return known if is_retry(sequence, self._newest, age_s) else None

    def _remember(self, known: Known) -> None:
        self._next += 1
        self._jobs[self._next] = known
        if known.part is not None:
            self._by_part[known.part] = known
        if known.sequence is not None:
            self._by_sequence[known.sequence] = known

    def _forget_old(self) -> None:
        oldest_s = self._clock() - max(self._window_s, RETRY_WINDOW_S)
        while self._jobs:
            number, known = next(iter(self._jobs.items()))
            if known.came_s >= oldest_s and self._window_s > 0:
                return
            del self._jobs[number]
            if known.part is not None and self._by_part.get(known.part) is known:
                del self._by_part[known.part]
            if known.sequence is not None and self._by_sequence.get(known.sequence) is known:
                del self._by_sequence[known.sequence]


def is_retry(sequence: int, newest: int, age_s: float) -> bool:
    """Whether a number that was used so long ago may be the same trigger sent again."""
    return (newest - sequence) % SEQUENCE_AT_MOST < RETRY_DEPTH and age_s <= RETRY_WINDOW_S


def is_overtaken(sequence: int, newest: int, reject_window: int) -> bool:
    """Whether a number given up as lost may still come, by a trigger that others overtook.

    A small one is that of a controller which begins anew.
    """
    behind = (newest - sequence) % SEQUENCE_AT_MOST
    return sequence > RETRY_DEPTH and behind < reject_window


def part_key(job: Job, digest: str = "") -> PartKey | None:
    """What makes two jobs the same question; None where the part has no id."""
    return (job.part_id, job.product_id, job.meas_id, digest) if job.part_id else None
