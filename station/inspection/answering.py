"""From what was seen to the one result, or to the one that says why there is no evaluation."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from station import __version__
from station.core.frame import AnyFrame, Frame, Job
from station.core.overdue import judged, warnings_of
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import (
    Evaluation,
    Finding,
    Result,
    ResultState,
    evaluate,
    worst,
)


def answer(
    frame: AnyFrame,
    prepared: PreparedRecipe,
    job: Job,
    started: float,
    *,
    findings: Sequence[Finding] = (),
    failure: tuple[StationReason, str] | None = None,
) -> Result:
    evaluation = evaluate(findings, prepared.checks)
    if failure is None and evaluation is Evaluation.UNDEFINED:
        failure = (StationReason.NO_FINDING, "")
    processing_ms = (time.perf_counter() - started) * 1e3
    if failure:
        reason, text = failure
        return _result(
            job, prepared, frame, findings, Evaluation.UNDEFINED, ResultState.FAILED, reason, text,
            processing_ms=processing_ms,
        )  # fmt: skip
    evaluation, findings = judged(evaluation, findings, prepared.configuration, frame.acquired_at)
    finding = worst(findings, prepared.severity)
    why = None if finding is None or evaluation is Evaluation.OK else finding
    code, detail = (why.reason_code, _which(why, findings, prepared)) if why else (None, "")
    return _result(
        job, prepared, frame, findings, evaluation, ResultState.COMPLETED, code,
        detail=detail, processing_ms=processing_ms,
    )  # fmt: skip


def _which(why: Finding, findings: Sequence[Finding], prepared: PreparedRecipe) -> str:
    """Which part, of several, and what its tool says besides the meaning of the reason."""
    meaning = prepared.texts.get(why.reason_code or "", "").lower().split()
    says = "" if why.text.lower() in meaning else why.text
    is_one_of_several = len({finding.part for finding in findings if finding.part}) > 1
    return ", ".join(filter(None, (f"part {why.part}" if is_one_of_several else "", says)))


def unanswered(
    job: Job,
    prepared: PreparedRecipe,
    state: ResultState,
    reason: StationReason,
    text: str = "",
    *,
    camera_id: str = "",
    frame: AnyFrame | None = None,
) -> Result:
    """The result of a job that never came to an evaluation: ABORTED or FAILED, with its reason."""
    if state not in (ResultState.ABORTED, ResultState.FAILED):
        raise ValueError(f"a job without an evaluation cannot end as {state.name}")
    return _result(
        job,
        prepared,
        frame,
        (),
        Evaluation.UNDEFINED,
        state,
        reason,
        text,
        camera_id=camera_id,
    )


def _result(
    job: Job,
    prepared: PreparedRecipe,
    frame: AnyFrame | None,
    findings: Sequence[Finding],
    evaluation: Evaluation,
    state: ResultState,
    reason: str | None,
    text: str = "",
    *,
    detail: str = "",
    camera_id: str = "",
    processing_ms: float = 0.0,
) -> Result:
    meaning = prepared.texts.get(reason, reason) if reason else ""
    return Result(
        job_id=job.job_id,
        part_id=job.part_id,
        product_id=job.product_id or prepared.recipe.product_id,
        meas_id=job.meas_id,
        camera_id=frame.camera_id if frame else camera_id,
        sequence=frame.sequence if frame else None,
        result_state=state,
        evaluation=evaluation,
        passed=state is ResultState.COMPLETED and evaluation is Evaluation.OK,
        reason_code=str(reason) if reason else None,
        reason_text=f"{meaning}: {text}" if text else meaning,
        reason_detail=detail,
        findings=tuple(findings),
        recipe_id=prepared.recipe.recipe_id,
        recipe_version=prepared.recipe.version,
        recipe_hash=prepared.recipe_hash,
        models=prepared.models,
        configuration_id=prepared.configuration_id,
        software_version=__version__,
        is_simulated=frame.is_simulated if frame else False,
        is_partial=bool(findings) and state is not ResultState.COMPLETED,
        origin=frame.origin if frame else "",
        truth=frame.truth if frame else None,
        triggered_at=job.triggered_at,
        acquired_at=frame.acquired_at if frame else None,
        completed_at=datetime.now(UTC),
        acquisition_ms=frame.acquisition_ms if frame else 0.0,
        processing_ms=processing_ms,
        total_ms=(time.monotonic() - job.triggered_s) * 1e3,
        is_qualified=prepared.is_qualified,
        ledger_number=job.ledger_number,
        trigger_sequence=job.trigger_sequence,
        encoder_count=job.encoder_count,
        gate_delay_ms=job.gate_delay_ms,
        question_hash=job.question_hash,
        device_frame_id=frame.device_frame_id if isinstance(frame, Frame) else None,
        warnings=warnings_of(prepared.configuration, frame.acquired_at) if frame else (),
    )
