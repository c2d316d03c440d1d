"""inspect(frame, prepared_recipe) -> Result: pure, and the only way a result comes about."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from station import __version__
from station.core.configuration import Configuration
from station.core.errors import (
    JobValueError,
    ModelOutputError,
    OutsideImageError,
    PartAmbiguousError,
    PartNotFoundError,
)
from station.core.frame import Frame, Job
from station.core.overdue import CALIBRATION, judged, warnings_of
from station.core.part import Found, Part
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
from station.vision.correction import acquired_heat, acquired_region, corrected
from station.vision.health import find_fault
from station.vision.heat import Heat
from station.vision.part_view import check_visible, lay_view, view_of

Failure = tuple[StationReason, str]

_IDENTITY = Configuration()


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
        return _answer(frame, prepared, job, started, failure=fault)
    values = {f"job.{name}": value for name, value in job.values.items()}
    seen = _look(replace(frame, values=values), prepared)
    return _answer(frame, prepared, job, started, findings=seen.findings, failure=seen.failure)


def heat_map(frame: Frame, prepared: PreparedRecipe) -> Heat | None:
    """The evidence for a defect in every pixel (height, width); None where no tool has a map.

    Off the decision path.

    Raises:
        StationError: a tool cannot say, or the part is not found.
    """
    checks = {name: check for name, check in prepared.checks.items() if check.score_map}
    if not checks:
        return None
    onto = np.full(frame.image.shape[:2], -np.inf, np.float32)
    frame = corrected(frame, prepared.configuration)
    found = _find(frame, prepared)
    if found and found.problem:
        raise found.problem
    for part in found.parts if found else (None,):
        view = _view(frame, part)
        for check in checks.values():
            heat = check.score_map(view) if check.score_map else None
            if heat is None:
                continue
            if part is None:
                np.maximum(onto, heat, out=onto)
            else:
                lay_view(heat, part, onto)
    return acquired_heat(np.maximum(onto, 0) if found else onto, prepared.configuration)


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


def part_views(
    frame: Frame,
    find: Callable[[Frame], Found] | None,
    configuration: Configuration = _IDENTITY,
) -> list[Frame]:
    """What tools would be shown of a frame: the view of each part, or without `find` all of it.

    Raises:
        PartNotFoundError: there are not as many parts as there must be.
        OutsideImageError: the calibration holds for pictures of another size.
    """
    frame = corrected(frame, configuration)
    if find is None:
        return [frame]
    found = find(frame)
    if found.problem:
        raise found.problem
    return [_view(frame, part) for part in found.parts]


@dataclass(slots=True)
class _Seen:
    """What the tools have said so far."""

    findings: list[Finding] = field(default_factory=list)
    failure: Failure | None = None

    def fail(self, tool: str, error: Exception) -> None:
        """Remember the first failure; the job ends with it."""
        self.failure = self.failure or (_reason_for(error), f"{tool}: {error}")


def _look(frame: Frame, prepared: PreparedRecipe) -> _Seen:
    """Every tool on every part, in the corrected picture; regions as in the acquired one."""
    seen = _Seen()
    try:
        frame = corrected(frame, prepared.configuration)
        _look_for(frame, prepared, seen)
        seen.findings[:] = _acquired(seen.findings, prepared.configuration)
    except Exception as error:  # noqa: BLE001 - the border: no calibration stops the line
        seen.fail(CALIBRATION, error)
    return seen


def _look_for(frame: Frame, prepared: PreparedRecipe, seen: _Seen) -> None:
    """The parts first; without a tool that locates, the whole image is the one part."""
    finder = prepared.finder
    if finder is None:
        _look_at(frame, frame, None, prepared, seen)
        return
    try:
        found = _find(frame, prepared) or Found()
        for part in found.parts:
            seen.findings.append(_proven(part.finding, finder, prepared))
        views = [_view(frame, part) for part in found.parts]
    except Exception as error:  # noqa: BLE001 - the border: no tool stops the line
        seen.fail(finder, error)
        return
    if found.problem:
        seen.fail(finder, found.problem)
    for part, view in zip(found.parts, views, strict=True):
        _look_at(frame, view, part, prepared, seen)


def _find(frame: Frame, prepared: PreparedRecipe) -> Found | None:
    """The parts, numbered from 1 in the order they were found; None where none are located."""
    find = prepared.checks[prepared.finder].find if prepared.finder else None
    if find is None:
        return None
    found = find(frame)
    parts = tuple(
        replace(part, finding=replace(part.finding, part=number))
        for number, part in enumerate(found.parts, 1)
    )
    return replace(found, parts=parts)


def _look_at(
    frame: Frame, view: Frame, part: Part | None, prepared: PreparedRecipe, seen: _Seen
) -> None:
    """Every tool but the one that located, in order: later ones know what earlier ones read."""
    values = dict(frame.values)
    for name, check in prepared.checks.items():
        if name == prepared.finder:
            continue
        try:
            if part is not None:
                check_visible(frame.image, part, check.regions)
            for finding in check.run(replace(view, values=values)):
                proven = _proven(finding, name, prepared)
                seen.findings.append(_placed(proven, part))
                values |= _named(name, finding.read)
        except Exception as error:  # noqa: BLE001 - the border: no tool stops the line
            seen.fail(name, error)


def _view(frame: Frame, part: Part | None) -> Frame:
    """What the tools get: the frame itself, or the view of one part."""
    if part is None:
        return frame
    return replace(frame, image=view_of(frame.image, part), pose=part.pose)


def _placed(finding: Finding, part: Part | None) -> Finding:
    """A finding with its region in image coordinates, and the number of its part."""
    if part is None:
        return finding
    region = finding.region and part.pose.place(finding.region)
    return replace(finding, region=region, part=part.finding.part)


def _acquired(findings: Sequence[Finding], configuration: Configuration) -> Sequence[Finding]:
    """The findings with their regions in pixels of the picture as it was acquired."""
    if configuration.lens is None:
        return findings
    return [
        replace(finding, region=finding.region and acquired_region(finding.region, configuration))
        for finding in findings
    ]


def _named(tool: str, read: Mapping[str, str]) -> dict[str, str]:
    return {f"{tool}.{name}": value for name, value in read.items()}


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
    evaluation, findings = judged(evaluation, findings, prepared.configuration, frame.acquired_at)
    finding = worst(findings, prepared.severity)
    why = None if finding is None or evaluation is Evaluation.OK else finding
    code, text = (why.reason_code, why.text) if why else (None, "")
    return _result(
        job, prepared, frame, findings, evaluation, ResultState.COMPLETED, code, text,
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
        warnings=warnings_of(prepared.configuration, frame.acquired_at) if frame else (),
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
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), _OTHERWISE)


_REASONS: tuple[tuple[type[Exception], StationReason], ...] = (
    (ModelOutputError, StationReason.MODEL_OUTPUT),
    (OutsideImageError, StationReason.OUTSIDE_IMAGE),
    (PartAmbiguousError, StationReason.PART_AMBIGUOUS),
    (PartNotFoundError, StationReason.PART_NOT_FOUND),
    (JobValueError, StationReason.NO_JOB_VALUE),
)
_OTHERWISE = StationReason.TOOL_ERROR
