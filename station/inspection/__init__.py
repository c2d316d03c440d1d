"""inspect(frame, prepared_recipe) -> Result: pure, and the only way a result comes about."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from station.core.configuration import Configuration
from station.core.errors import PictureError
from station.core.frame import AnyFrame, Frame, Job
from station.core.part import Found
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.inspection.answering import answer, unanswered
from station.inspection.looking import find, look, view_at
from station.vision.correction import acquired_heat, corrected
from station.vision.frames import decoded
from station.vision.health import find_fault
from station.vision.heat import Heat
from station.vision.part_view import lay_view

__all__ = ["heat_map", "inspect", "part_views", "unanswered"]

_IDENTITY = Configuration()


def inspect(frame: AnyFrame, prepared: PreparedRecipe, job: Job) -> Result:
    """Look at one frame with every tool of the recipe and answer; never raises.

    A frame that came undecoded is decoded first; one that is no whole picture ends the job as
    FAILED.

    The same frame and the same recipe give bit-equal scores. A tool that fails ends the job as
    FAILED with a reason code of the station; what the other tools found stays in the result.
    """
    try:
        picture = decoded(frame)
    except PictureError as error:
        unreadable = (StationReason.UNREADABLE_IMAGE, str(error))
        return answer(frame, prepared, job, time.perf_counter(), failure=unreadable)
    return _inspect(picture, prepared, job)


def _inspect(frame: Frame, prepared: PreparedRecipe, job: Job) -> Result:
    started = time.perf_counter()
    if job.product_id and prepared.recipe.product_id not in ("", job.product_id):
        text = f"job for {job.product_id!r}, recipe for {prepared.recipe.product_id!r}"
        return answer(frame, prepared, job, started, failure=(StationReason.WRONG_PRODUCT, text))
    fault = find_fault(frame.image, prepared.recipe.health)
    if fault:
        return answer(frame, prepared, job, started, failure=fault)
    values = {f"job.{name}": value for name, value in job.values.items()}
    seen = look(replace(frame, values=values), prepared)
    return answer(frame, prepared, job, started, findings=seen.findings, failure=seen.failure)


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
    found = find(frame, prepared)
    if found and found.problem:
        raise found.problem
    for part in found.parts if found else (None,):
        view = view_at(frame, part)
        for check in checks.values():
            heat = check.score_map(view) if check.score_map else None
            if heat is None:
                continue
            if part is None:
                np.maximum(onto, heat, out=onto)
            else:
                lay_view(heat, part, onto)
    return acquired_heat(np.maximum(onto, 0) if found else onto, prepared.configuration)


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
    return [view_at(frame, part) for part in found.parts]
