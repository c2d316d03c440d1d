"""Which part was asked for before, and which triggers of the PLC never came."""

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import astuple, dataclass
from typing import Self

from station.core.frame import Job
from station.core.plc_words import SEQUENCE_AT_MOST
from station.core.result import Result

RETRY_WINDOW_S = 2.0
RETRY_DEPTH = 8
"""Without a part id, the same number is a retry only so soon and so near to the newest one: a
controller that was restarted counts from 1 again, and must not get another part's answer."""

Promise = Future[Result]
Begin = Callable[[], Promise]
Lose = Callable[[int], Promise]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked of a part: the same answer is right for another job only if this is equal."""

    product_id: str = ""
    meas_id: str = ""
    values: tuple[tuple[str, str], ...] = ()
    recipe: str = ""
    """Its hash."""
    digest: str = ""
    """Of the picture that came with the job; empty: none did."""

    @classmethod
    def of(cls, job: Job, recipe: str = "", digest: str = "") -> Self:
        """What this job asks, by the recipe that is active now."""
        values = tuple(sorted(job.values.items()))
        return cls(job.product_id, job.meas_id, values, recipe, digest)

    @property
    def hash(self) -> str:
        """Tells it from every other question, over restarts too; 64 hex digits."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()


PartKey = tuple[str, Question]


@dataclass(frozen=True, slots=True)
class Known:
    """A job that came, and the promise of its result."""

    part_id: str
    question: Question
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

    def admit(self, job: Job, question: Question, begin: Begin, lose: Lose) -> tuple[Promise, bool]:
        """The promise of a job's result, and whether it is an earlier one's; else it begins.

        Before it begins, `lose` is called for each number between the newest sequence and its
        own, oldest first. Before a sequence that falls back nothing is missing.
        """
        with self._lock:
            self._forget_old()
            known = self._find(job, question)
            if known is not None:
                if known.sequence != job.trigger_sequence:
                    self._note_repeat(job, question, known.promise, lose)
                return known.promise, True
            self._lose_before(job, lose)
            known = self._known(job, question, begin())
            self._note(known)
            if job.part_id:
                self._by_part[job.part_id, question] = known
            return known.promise, False

    def repeat(self, job: Job, question: Question, promise: Promise, lose: Lose) -> None:
        """A job was answered from the journal: its number is used, and those before it missing."""
        with self._lock:
            self._forget_old()
            self._note_repeat(job, question, promise, lose)

    def forget_sequences(self) -> None:
        """The controller begins anew: no number it used before is a retry, nor its part."""
        with self._lock:
            self._by_sequence.clear()
            self._by_part = {
                key: known for key, known in self._by_part.items() if known.sequence is None
            }
            self._newest = None

    def _note_repeat(self, job: Job, question: Question, promise: Promise, lose: Lose) -> None:
        """A known part came under a number of its own; for how long it is known stays as it is."""
        self._lose_before(job, lose)
        self._note(self._known(job, question, promise))

    def _lose_before(self, job: Job, lose: Lose) -> None:
        for sequence in self._missing_before(job):
            promise, now_s = lose(sequence), self._clock()
            self._note(Known("", Question(), sequence, now_s, promise, is_lost=True))

    def _known(self, job: Job, question: Question, promise: Promise) -> Known:
        return Known(job.part_id, question, job.trigger_sequence, self._clock(), promise)

    def _missing_before(self, job: Job) -> list[int]:
        sequence, newest = job.trigger_sequence, self._newest
        if sequence is None:
            return []
        if newest is not None and is_ahead(sequence, newest):
            self._newest = sequence
            count = min(_steps(newest, sequence) - 1, self._reject_window)
            return [(sequence - 2 - k) % SEQUENCE_AT_MOST + 1 for k in range(count - 1, -1, -1)]
        if newest is None or self._is_anew(job, sequence, newest):
            self._newest = sequence
        return []

    def _is_anew(self, job: Job, sequence: int, newest: int) -> bool:
        """Whether the controller counts anew: far back, or with a number of another part."""
        known = self._by_sequence.get(sequence)
        is_of_another = known is not None and known.part_id not in ("", job.part_id)
        return (is_of_another and bool(job.part_id)) or begins_anew(
            sequence, newest, self._reject_window
        )

    def _find(self, job: Job, question: Question) -> Known | None:
        known = self._by_part.get((job.part_id, question)) if self._window_s > 0 else None
        if known is not None:
            return known
        sequence, newest = job.trigger_sequence, self._newest
        known = self._by_sequence.get(sequence) if sequence is not None else None
        if sequence is None or newest is None or known is None:
            return None
        age_s = self._clock() - known.came_s
        if known.is_lost:
            may_come = may_still_come(sequence, newest, age_s, self._reject_window)
            return known if may_come else None
        is_same = known.question == question and job.part_id in ("", known.part_id)
        is_asked_again = is_same and self._window_s > 0 and is_retry(sequence, newest, age_s)
        return known if is_asked_again else None

    def _note(self, known: Known) -> None:
        self._next += 1
        self._jobs[self._next] = known
        if known.sequence is not None:
            self._by_sequence[known.sequence] = known

    def _forget_old(self) -> None:
        oldest_s = self._clock() - max(self._window_s, RETRY_WINDOW_S)
        while self._jobs:
            number, known = next(iter(self._jobs.items()))
            if known.came_s >= oldest_s:
                return
            del self._jobs[number]
            part: PartKey = (known.part_id, known.question)
            if self._by_part.get(part) is known:
                del self._by_part[part]
            if known.sequence is not None and self._by_sequence.get(known.sequence) is known:
                del self._by_sequence[known.sequence]


def is_retry(sequence: int, newest: int, age_s: float) -> bool:
    """Whether a number that was used so long ago may be the same trigger sent again."""
    return 0 <= _steps(sequence, newest) < RETRY_DEPTH and age_s <= RETRY_WINDOW_S


def may_still_come(sequence: int, newest: int, age_s: float, reject_window: int) -> bool:
    """Whether a number given up as lost so long ago may come, by a trigger that others overtook.

    After a while a small one is that of a controller which begins anew.
    """
    is_near = 0 <= _steps(sequence, newest) < max(reject_window, RETRY_DEPTH)
    return is_near and (sequence > RETRY_DEPTH or age_s <= RETRY_WINDOW_S)


def begins_anew(sequence: int, newest: int, reject_window: int) -> bool:
    """Whether a number that falls back is that of a controller which was restarted.

    Else a trigger was overtaken by others, or sent again late.
    """
    behind = _steps(sequence, newest)
    return behind >= RETRY_DEPTH and (sequence <= RETRY_DEPTH or behind >= reject_window)


def is_ahead(sequence: int, newest: int) -> bool:
    """Whether a number comes after the newest one."""
    return _steps(newest, sequence) > 0


def _steps(one: int, other: int) -> int:
    """How far the other number is ahead of the one; less than 0: behind."""
    ahead = (other - one) % SEQUENCE_AT_MOST
    return ahead if ahead <= SEQUENCE_AT_MOST // 2 else ahead - SEQUENCE_AT_MOST
