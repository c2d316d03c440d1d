"""inspect(frame, prepared_recipe) -> Result: pure, and the only way a result comes about."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from station import __version__
from station.core.errors import ModelOutputError
from station.core.frame import Frame, Job
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
from station.vision.geometry import OutsideImageError
from station.vision.health import find_fault


def inspect(frame: Frame, prepared: PreparedRecipe, job: Job) -> Result:
    """Look at one frame with every tool of the recipe and answer; never raises.

    The same frame and the same recipe give bit-equal scores. A tool that fails ends the job as
    FAILED with a reason code of the station; what the other tools found stays in the result.
    """
    started = time.perf_counter()
    if job.product_id and prepared.recipe.product_id not in ("", job.product_id):
        text = f"job for {job.product_id!r}, recipe for {prepared.recipe.product_id!r}"
        return _answer(frame, prepared, job, started, failure=(StationReason.WRONG_PRODUCT, text))
    fault = find_fault(frame.image, prepared.recipe.health)
    if fault:
        failure = (StationReason.UNHEALTHY_IMAGE, fault)
        return _answer(frame, prepared, job, started, failure=failure)
    findings: list[Finding] = []
    failure_seen: tuple[StationReason, str] | None = None
    for name, check in prepared.checks.items():
        try:
            findings.extend(_proven(finding, name, prepared) for finding in check.run(frame))
        except Exception as error:  # noqa: BLE001 - the border: no tool stops the line
            failure_seen = failure_seen or (_reason_for(error), f"{name}: {error}")
    return _answer(frame, prepared, job, started, findings=findings, failure=failure_seen)


def unanswered(
    job: Job,
    prepared: PreparedRecipe,
    state: ResultState,
    reason: StationReason,
    text: str = "",
    *,
    camera_id: str = "",
    frame: Frame | None = None,
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


def _answer(
    frame: Frame,
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
    finding = worst(findings, prepared.severity)
    code = None if finding is None or evaluation is Evaluation.OK else finding.reason_code
    return _result(
        job, prepared, frame, findings, evaluation, ResultState.COMPLETED, code,
        processing_ms=processing_ms,
    )  # fmt: skip


def _result(
    job: Job,
    prepared: PreparedRecipe,
    frame: Frame | None,
    findings: Sequence[Finding],
    evaluation: Evaluation,
    state: ResultState,
    reason: str | None,
    text: str = "",
    *,
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
    )


def _proven(finding: Finding, tool: str, prepared: PreparedRecipe) -> Finding:
    """A tool's finding under the tool's name, refused where it contradicts itself."""
    score = finding.score
    if score is not None and not math.isfinite(score):
        raise ModelOutputError(f"score {score} is not a finite number")
    if finding.evaluation is Evaluation.OK:
        limit = finding.accept_limit
        if score is not None and limit is not None and not score <= limit:
            raise ModelOutputError(f"score {score} above the accept limit {limit} was called OK")
    elif finding.reason_code not in prepared.severity:
        raise ModelOutputError(f"reason code {finding.reason_code!r} is not in the recipe's table")
    return finding if finding.tool == tool else replace(finding, tool=tool)


def _reason_for(error: Exception) -> StationReason:
    if isinstance(error, ModelOutputError):
        return StationReason.MODEL_OUTPUT
    if isinstance(error, OutsideImageError):
        return StationReason.OUTSIDE_IMAGE
    return StationReason.TOOL_ERROR
