"""What the PLC counts: one part, one decision at the gate, and where it came from."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from station.core.result import Evaluation, ResultState

OUTCOMES = ("ok", "not_ok", "not_decidable", "aborted", "failed")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the station said to a trigger."""

    seq: int
    part: int
    """0: the door tells none, or the part's id is no number."""
    passed: bool
    evaluation: int
    state: int
    code: int
    score: int
    ms: int
    is_duplicate: bool

    @property
    def outcome(self) -> str | None:
        """One of `OUTCOMES`; None while it is under way, or where it makes no sense."""
        if self.state == ResultState.ABORTED:
            return "aborted"
        if self.state == ResultState.FAILED:
            return "failed"
        names = {
            Evaluation.OK: "ok",
            Evaluation.NOT_OK: "not_ok",
            Evaluation.NOT_DECIDABLE: "not_decidable",
        }
        return names.get(Evaluation(self.evaluation)) if self.state == 1 else None

    @property
    def contradicts_itself(self) -> bool:
        """It says pass although it is no completed OK without a reason, or the other way."""
        return self.passed is not (self.outcome == "ok" and self.code == 0)


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of one run; `parts` = `passed` + `rejected`, whatever happened."""

    parts: int = 0
    passed: int = 0
    rejected: int = 0
    lost: int = 0
    """Parts whose trigger was never sent."""
    crowded_out: int = 0
    """Of the lost ones: those that found no free connection before their gate."""
    triggers: int = 0
    """Telegrams with a trigger, repeated ones included."""
    answered: int = 0
    ok: int = 0
    not_ok: int = 0
    not_decidable: int = 0
    aborted: int = 0
    failed: int = 0
    refused: int = 0
    """Triggers that the station did not understand or take (number 90 and up)."""
    unseen: int = 0
    """Of the lost and refused ones: those that leave no gap in the sequence."""
    no_answer: int = 0
    unfinished: int = 0
    """Answers that say the part is still under way."""
    late: int = 0
    """Answers that came when the part had passed the gate, or say that they are late."""
    duplicates: int = 0
    stale: int = 0
    """First answers marked as repeated: they are of another part with this number."""
    wrong_seq: int = 0
    garbled: int = 0
    """What could not be read with one recv() of 254 bytes."""
    contradictions: int = 0
    """Answers that contradict themselves or an earlier one to the same part."""
    acks: int = 0
    acks_lost: int = 0
    breaks: int = 0
    """Connections that broke while an answer was due."""
    restarts: int = 0
    longest_beat_s: float = 0.0
    """The longest time between two changes of the heartbeat, as far as it was looked at."""
    stop_requested: bool = False
    by_code: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    round_trips_ms: "array[float]" = field(default_factory=lambda: array("d"))
    passed_parts: "array[int]" = field(default_factory=lambda: array("q"))
    """Numbers of the parts the gate let through."""
    answered_parts: "array[int]" = field(default_factory=lambda: array("q"))
    """Numbers of the parts that got an answer of their own, so that a record must be there."""
    unanswered_parts: list[int] = field(default_factory=list)
    """Numbers of the parts that were triggered and never answered."""

    @property
    def adds_up(self) -> bool:
        """Each part was either let through or rejected, and each answer has an outcome."""
        outcomes = sum(getattr(self, name) for name in OUTCOMES)
        answers = self.answered == outcomes + self.stale + self.refused
        return self.parts == self.passed + self.rejected and answers

    def round_trip_ms(self, share: float, *, last: int = 0) -> float:
        """The wall time that so large a share of the (last) answers kept; 0 without answers."""
        copied = self.round_trips_ms[-last:]  # a view would stop the belt from adding to it
        return float(np.quantile(np.frombuffer(copied), share)) if copied else 0.0

    def as_json(self) -> dict[str, Any]:
        """Every count, and the round trips in two numbers."""
        left_out = {
            "round_trips_ms", "passed_parts", "answered_parts", "unanswered_parts", "by_code",
        }  # fmt: skip
        counts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        by_code = {str(code): number for code, number in sorted(self.by_code.items())}
        return counts | {
            "seconds": round(self.seconds, 3),
            "longest_beat_s": round(self.longest_beat_s, 3),
            "by_code": by_code,
            "p50_ms": round(self.round_trip_ms(0.5), 3),
            "p99_ms": round(self.round_trip_ms(0.99), 3),
        }


@dataclass(frozen=True, slots=True)
class Bits:
    """The status as the PLC sees it."""

    bits: int
    beat: int
    recipe: int
    held: int
    seq: int
    """Of the oldest result that waits for its acknowledgement; 0: none waits."""


def answer_of(numbers: Sequence[int]) -> Answer:
    """The answer in the nine numbers of a result, in the contract's order.

    Raises:
        ValueError: an evaluation or state there is not.
    """
    seq, part, passed, evaluation, state, code, score, ms, dup = numbers
    if passed not in (0, 1) or dup not in (0, 1):
        raise ValueError(f"pass and dup are 0 or 1: {numbers}")
    Evaluation(evaluation)
    ResultState(state)
    return Answer(seq, part, passed == 1, evaluation, state, code, score, ms, dup == 1)
