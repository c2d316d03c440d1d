"""What came out of one job: findings, their evaluation, and the one result."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from pydantic import TypeAdapter

from station.core.errors import ModelOutputError
from station.core.region import Region


class Evaluation(IntEnum):
    """The verdict (OPC 40001-101 ResultEvaluationEnum)."""

    UNDEFINED = 0
    OK = 1
    NOT_OK = 2
    NOT_DECIDABLE = 3


class ResultState(IntEnum):
    """How the job ended (OPC 40100-1 ResultStateDataType)."""

    COMPLETED = 1
    PROCESSING = 2
    ABORTED = 3
    FAILED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one tool saw in one place; `score` grows with the evidence for a defect."""

    tool: str
    evaluation: Evaluation
    reason_code: str | None = None
    score: float | None = None
    accept_limit: float | None = None
    reject_limit: float | None = None
    region: Region | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    text: str = ""
    read: Mapping[str, str] = field(default_factory=dict)
    """What was read on the part, by name; later tools may compare with it as `TOOL.NAME`."""
    part: int = 0
    """Which part of the image it belongs to, 1 and up; 0 where parts are not located."""

    @property
    def share(self) -> float:
        """See `share_of`."""
        return share_of(self.score, self.reject_limit, self.evaluation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The one answer to one job; `passed` is true only for COMPLETED and OK."""

    job_id: str
    part_id: str
    product_id: str
    meas_id: str
    camera_id: str
    sequence: int | None
    result_state: ResultState
    evaluation: Evaluation
    passed: bool
    reason_code: str | None
    reason_text: str
    findings: tuple[Finding, ...]
    recipe_id: str
    recipe_version: int
    recipe_hash: str
    models: Mapping[str, str]
    """Name/version of every model in the recipe -> sha256 of its file."""
    configuration_id: str
    software_version: str
    is_simulated: bool
    is_partial: bool
    origin: str
    truth: str | None
    triggered_at: datetime
    acquired_at: datetime | None
    completed_at: datetime
    acquisition_ms: float
    processing_ms: float
    """Inspection alone, from frame to evaluation."""
    total_ms: float
    """Trigger to result."""
    is_qualified: bool = False
    """The recipe carried a valid qualification; false in records older than the field."""
    warnings: tuple[str, ...] = ()
    """What did not change the verdict and must be seen to, as an overdue calibration."""
    reason_detail: str = ""
    """Which part, position or text it was that decided; `reason_text` says what the code means."""
    ledger_number: int = 0
    """Counts the triggers of this station without a gap, over restarts; 0 outside the line."""
    trigger_sequence: int | None = None
    """See `Job.trigger_sequence`."""
    encoder_count: int | None = None
    gate_delay_ms: float | None = None
    device_frame_id: int | None = None
    """See `Frame.device_frame_id`."""
    question_hash: str = ""
    """See `Job.question_hash`; empty in records older than the field."""
    is_duplicate: bool = False
    """The part was asked for again; this is the answer it got the first time. Never stored."""

    def __post_init__(self) -> None:
        passes = self.result_state is ResultState.COMPLETED and self.evaluation is Evaluation.OK
        if self.passed is not passes:
            raise ValueError("passed is true for COMPLETED and OK, and for nothing else")
        if not passes and not self.reason_code:
            raise ValueError("a result that is not a pass needs a reason code")

    @property
    def reason_in_words(self) -> str:
        """What the reason means, and which one it was; empty for a pass."""
        return ": ".join(filter(None, (self.reason_text, self.reason_detail)))


RESULT_JSON: TypeAdapter[Result] = TypeAdapter(Result)
"""Reads and writes a Result as JSON; enums are numbers, stamps are ISO 8601 in UTC."""


def decide(score: float, *, accept_limit: float, reject_limit: float) -> Evaluation:
    """OK up to the accept limit, NOT_OK from the reject limit, NOT_DECIDABLE between them.

    Raises:
        ModelOutputError: the score is NaN or infinite, so that it proves nothing.
    """
    if not math.isfinite(score):
        raise ModelOutputError(f"score {score} is not a finite number")
    if score <= accept_limit and score < reject_limit:
        return Evaluation.OK
    if score >= reject_limit:
        return Evaluation.NOT_OK
    return Evaluation.NOT_DECIDABLE


def share_of(score: float | None, reject_limit: float | None, evaluation: Evaluation) -> float:
    """A score in units of its reject limit: the one scale on which several tools compare.

    Without a score or a limit it is 1 for NOT_OK and 0 for OK.
    """
    if score is not None and reject_limit:
        return float(score / reject_limit)
    return {Evaluation.OK: 0.0, Evaluation.NOT_OK: 1.0}.get(evaluation, 0.5)


_WORST_FIRST = (
    Evaluation.NOT_OK,
    Evaluation.NOT_DECIDABLE,
    Evaluation.UNDEFINED,
    Evaluation.OK,
)


def evaluate(findings: Sequence[Finding], tools: Iterable[str]) -> Evaluation:
    """The verdict over all findings: the worst one; OK only if every tool found OK.

    NOT_DECIDABLE never hides a NOT_OK; without a finding from every tool, on every part that has
    one, there is no OK.
    """
    seen = {finding.evaluation for finding in findings}
    if Evaluation.NOT_OK in seen:
        return Evaluation.NOT_OK
    said = {(finding.tool, finding.part) for finding in findings}
    silent = {(tool, finding.part) for tool in tools for finding in findings} - said
    if silent or not findings or Evaluation.UNDEFINED in seen:
        return Evaluation.UNDEFINED
    return Evaluation.NOT_DECIDABLE if Evaluation.NOT_DECIDABLE in seen else Evaluation.OK


def worst(findings: Sequence[Finding], severity: Mapping[str, int]) -> Finding | None:
    """The finding that explains the verdict: by evaluation, then severity, then share."""

    def rank(finding: Finding) -> tuple[int, int, float]:
        grade = severity.get(finding.reason_code or "", 0)
        return _WORST_FIRST.index(finding.evaluation), -grade, -finding.share

    return min(findings, key=rank, default=None)
