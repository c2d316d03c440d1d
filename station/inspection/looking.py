"""Every tool on every part: what they say, proven, and where it lies in the acquired picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from station.core.configuration import Configuration
from station.core.errors import (
    JobValueError,
    ModelOutputError,
    OutsideImageError,
    PartAmbiguousError,
    PartNotFoundError,
    TimeLimitError,
)
from station.core.frame import Frame
from station.core.overdue import CALIBRATION
from station.core.part import Found, Part
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Evaluation, Finding
from station.vision.correction import acquired_region, corrected
from station.vision.part_view import check_visible, view_of

Failure = tuple[StationReason, str]


@dataclass(slots=True)
class Seen:
    """What the tools have said so far."""

    findings: list[Finding] = field(default_factory=list)
    failure: Failure | None = None

    def fail(self, tool: str, error: Exception) -> None:
        """Remember the first failure; the job ends with it."""
        self.failure = self.failure or (_reason_for(error), f"{tool}: {error}")


def look(frame: Frame, prepared: PreparedRecipe) -> Seen:
    """Every tool on every part, in the corrected picture; regions as in the acquired one."""
    seen = Seen()
    try:
        frame = corrected(frame, prepared.configuration)
        _look_for(frame, prepared, seen)
        seen.findings[:] = _acquired(seen.findings, prepared.configuration)
    except Exception as error:  # noqa: BLE001 - the border: no calibration stops the line
        seen.fail(CALIBRATION, error)
    return seen


def _look_for(frame: Frame, prepared: PreparedRecipe, seen: Seen) -> None:
    """The parts first; without a tool that locates, the whole image is the one part."""
    finder = prepared.finder
    if finder is None:
        _look_at(frame, frame, None, prepared, seen)
        return
    try:
        found = find(frame, prepared) or Found()
        for part in found.parts:
            seen.findings.append(_proven(part.finding, finder, prepared))
        views = [view_at(frame, part) for part in found.parts]
    except Exception as error:  # noqa: BLE001 - the border: no tool stops the line
        seen.fail(finder, error)
        return
    if found.problem:
        seen.fail(finder, found.problem)
    for part, view in zip(found.parts, views, strict=True):
        _look_at(frame, view, part, prepared, seen)


def find(frame: Frame, prepared: PreparedRecipe) -> Found | None:
    """The parts, numbered from 1 in the order they were found; None where none are located."""
    finder = prepared.checks[prepared.finder].find if prepared.finder else None
    if finder is None:
        return None
    found = finder(frame)
    parts = tuple(
        replace(part, finding=replace(part.finding, part=number))
        for number, part in enumerate(found.parts, 1)
    )
    return replace(found, parts=parts)


def _look_at(
    frame: Frame, view: Frame, part: Part | None, prepared: PreparedRecipe, seen: Seen
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


def view_at(frame: Frame, part: Part | None) -> Frame:
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
    (TimeLimitError, StationReason.TIME_LIMIT),
)
_OTHERWISE = StationReason.TOOL_ERROR
