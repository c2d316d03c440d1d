"""What a PLC gets: flat answers of whole numbers, as JSON or as text of fixed width."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from station.core.plc_words import (
    BAD_REQUEST_NUMBER,
    MS_AT_MOST,
    NOT_FOUND_NUMBER,
    NOT_USABLE_NUMBER,
    REGISTER_AT_MOST,
    REPEATED_PART_NUMBER,
    RESULT_WIDTHS,
    SCORE_AT_MOST,
    STATUS_WIDTHS,
    UNLISTED_NUMBER,
    PlcBit,
    TextLine,
    reason_numbers,
    wide_text,
)
from station.core.reasons import STATION_NUMBERS, StationReason
from station.core.result import Evaluation, Result, ResultState

STATION_ONLY = reason_numbers(())
"""Numbers where no recipe's table is at hand."""
_PART_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class Refusal(IntEnum):
    """Why a request was not followed, as its `code`."""

    NONE = 0
    WRONG = BAD_REQUEST_NUMBER
    NOT_THERE = NOT_FOUND_NUMBER
    NOT_USABLE = NOT_USABLE_NUMBER
    NOT_READY = STATION_NUMBERS[StationReason.NOT_READY]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer about one part; `passed` only with evaluation OK, completed, and no code."""

    seq: int
    part: int = 0
    passed: bool = False
    evaluation: Evaluation = Evaluation.UNDEFINED
    state: ResultState
    code: int = 0
    score: int = 0
    ms: int = 0
    is_duplicate: bool = False

    def __post_init__(self) -> None:
        proven = (Evaluation.OK, ResultState.COMPLETED, 0)
        if self.passed is not ((self.evaluation, self.state, self.code) == proven):
            raise ValueError("a part passes with evaluation OK, completed, code 0, and only then")

    @property
    def fields(self) -> dict[str, int]:
        """What it says, in the order of the contract."""
        values = (
            self.seq, self.part, int(self.passed), int(self.evaluation), int(self.state),
            self.code, self.score, self.ms, int(self.is_duplicate),
        )  # fmt: skip
        return dict(zip(RESULT_WIDTHS, values, strict=True))

    def as_json(self) -> bytes:
        """Nine whole numbers, always in this order."""
        return _flat(self.fields)

    def as_text(self) -> bytes:
        """49 signs."""
        return wide_text(TextLine.RESULT, self.fields).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the station is doing, at one moment."""

    bits: int
    beat: int
    recipe: int
    held: int
    seq: int
    """Of the oldest result that waits for its acknowledgement; 0: none waits."""

    @property
    def fields(self) -> dict[str, int]:
        """What it says, in the order of the contract."""
        shown = (
            PlcBit.TRIGGER_READY, PlcBit.BUSY, PlcBit.RESULTS_VALID, PlcBit.ONLINE, PlcBit.FAULT,
            PlcBit.LINE_STOP_REQUEST,
        )  # fmt: skip
        flags = (int(bool(self.bits & bit.mask)) for bit in shown)
        values = (self.bits, *flags, self.beat, self.recipe, self.held, self.seq)
        return dict(zip(STATUS_WIDTHS, values, strict=True))

    def as_json(self) -> bytes:
        """Eleven whole numbers, always in this order."""
        return _flat(self.fields)

    def as_text(self) -> bytes:
        """44 signs."""
        return wide_text(TextLine.STATUS, self.fields).encode()


def answer_of(result: Result, *, seq: int, numbers: Mapping[str, int] = STATION_ONLY) -> Answer:
    """A result as a PLC gets it; `numbers` are those of its recipe's reasons.

    What does not fit a field stands there as the largest number that does. A part whose id came
    before under another number, or under none, never passes by the answer it got then: a
    controller that sends one id for all its parts would open the gate for each of them.
    """
    is_another = result.is_duplicate and result.trigger_sequence != seq
    return Answer(
        seq=seq,
        part=part_number(result.part_id),
        passed=result.passed and not is_another,
        evaluation=result.evaluation,
        state=result.result_state,
        code=_code(result.reason_code, numbers) or REPEATED_PART_NUMBER * is_another,
        score=_worst_share(result),
        ms=_bounded(result.total_ms, MS_AT_MOST),
        is_duplicate=result.is_duplicate,
    )


def refused(code: Refusal, *, seq: int = 0, part: int = 0) -> Answer:
    """The same flat body where there is no result."""
    return Answer(seq=seq, part=part, state=ResultState.ABORTED, code=int(code))


def late(answer: Answer) -> Answer:
    """What a PLC gets of an evaluation that came when nobody waited for it any more."""
    if answer.state is not ResultState.COMPLETED:
        return answer
    return replace(
        answer,
        passed=False,
        evaluation=Evaluation.UNDEFINED,
        state=ResultState.ABORTED,
        code=STATION_NUMBERS[StationReason.LATE],
        score=0,
    )


def part_number(part_id: str) -> int:
    """A part's id where it is a number of at most nine digits, else 0."""
    return int(part_id) if _PART_NUMBER.fullmatch(part_id) else 0


def _flat(fields: Mapping[str, int]) -> bytes:
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


def _code(reason_code: str | None, numbers: Mapping[str, int]) -> int:
    if not reason_code:
        return 0
    return min(numbers.get(reason_code, UNLISTED_NUMBER), REGISTER_AT_MOST)


def _worst_share(result: Result) -> int:
    shares = (_bounded(finding.share * 1000, SCORE_AT_MOST) for finding in result.findings)
    return max(shares, default=0)


def _bounded(value: float, most: int) -> int:
    """Rounded down into 0 to `most`; what is no number is the largest one."""
    return int(min(max(value, 0), most)) if math.isfinite(value) else most
