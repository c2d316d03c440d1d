"""Inspection through a calibration: what tools see, what results say, and when it is overdue."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from station.core.configuration import Configuration, WhenOverdue
from station.core.frame import Frame, Image, Job
from station.core.plugin import Check
from station.core.recipe import PreparedRecipe
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding, Result, ResultState
from station.inspection import heat_map, inspect, part_views
from station.vision.correction import to_corrected
from tests.vision.test_correction import CURVED, LENS, SIZE

NOW = datetime(2026, 5, 1, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)


def frame_of(size: tuple[int, int] = SIZE) -> Frame:
    noise = np.random.default_rng(0).integers(60, 120, size[::-1])
    image: Image = noise.astype(np.uint8)
    return Frame(image=image, camera_id="c", sequence=1, acquired_at=NOW)


def says(evaluation: Evaluation) -> Check:
    code = None if evaluation is Evaluation.OK else "glare"
    region = Rectangle(x=20, y=20, width=100, height=60)

    def run(_: Frame) -> Sequence[Finding]:
        return [Finding(tool="", evaluation=evaluation, reason_code=code, region=region)]

    return Check(run=run, score_map=lambda frame: frame.image.astype(np.float32))


def result_of(
    prepared: PreparedRecipe,
    configuration: Configuration,
    evaluation: Evaluation = Evaluation.OK,
    frame: Frame | None = None,
) -> Result:
    odd = replace(prepared, configuration=configuration, checks={"surface": says(evaluation)})
    return inspect(frame or frame_of(), odd, Job())


def overdue(when: WhenOverdue) -> Configuration:
    return Configuration(due_at=YESTERDAY, when_overdue=when)


def test_regions_are_given_back_in_the_acquired_picture(tiny_prepared: PreparedRecipe) -> None:
    result = result_of(tiny_prepared, CURVED)
    region = result.findings[0].region
    assert region is not None
    straight = to_corrected(np.array(region.corners), LENS)
    assert straight.min(axis=0) == pytest.approx((20, 20), abs=0.01)
    assert straight.max(axis=0) == pytest.approx((120, 80), abs=0.01)
    assert result.configuration_id == CURVED.configuration_id


def test_tools_and_teaching_see_the_corrected_picture(tiny_prepared: PreparedRecipe) -> None:
    seen: list[Image] = []

    def run(frame: Frame) -> Sequence[Finding]:
        seen.append(frame.image)
        return [Finding(tool="", evaluation=Evaluation.OK)]

    prepared = replace(tiny_prepared, configuration=CURVED, checks={"s": Check(run=run)})
    assert inspect(frame_of(), prepared, Job()).passed
    (view,) = part_views(frame_of(), None, CURVED)
    assert np.array_equal(seen[0], view.image)
    assert not np.array_equal(seen[0], frame_of().image)


def test_heat_is_given_back_in_the_acquired_picture(tiny_prepared: PreparedRecipe) -> None:
    down, across = np.mgrid[0:120, 0:160]
    frame = replace(frame_of(), image=(across + down // 2).astype(np.uint8))
    checks = {"s": says(Evaluation.OK)}  # its heat is what it sees
    heat = heat_map(frame, replace(tiny_prepared, configuration=CURVED, checks=checks))
    assert heat is not None
    inner = (slice(15, 105), slice(15, 145))
    assert np.abs(heat[inner] - frame.image[inner]).max() <= 2
    (seen,) = part_views(frame, None, CURVED)
    assert np.abs(seen.image[inner] - frame.image[inner].astype(np.float32)).max() > 2


def test_a_picture_of_another_size_never_passes(tiny_prepared: PreparedRecipe) -> None:
    result = result_of(tiny_prepared, CURVED, frame=frame_of((120, 160)))
    assert (result.passed, result.result_state) == (False, ResultState.FAILED)
    assert result.reason_code == "outside_image"
    assert "160 x 120" in result.reason_text


def test_overdue_warns_and_changes_nothing_else(tiny_prepared: PreparedRecipe) -> None:
    result = result_of(tiny_prepared, overdue("warn"))
    assert result.passed
    assert "due on 2026-04-30" in result.warnings[0]
    fresh = Configuration(due_at=NOW + timedelta(days=1), when_overdue="not_decidable")
    assert result_of(tiny_prepared, fresh).warnings == ()
    assert result_of(tiny_prepared, fresh).passed


def test_overdue_stops_passing_where_that_is_set(tiny_prepared: PreparedRecipe) -> None:
    result = result_of(tiny_prepared, overdue("not_decidable"))
    assert (result.passed, result.evaluation) == (False, Evaluation.NOT_DECIDABLE)
    assert result.reason_code == "calibration_overdue"
    assert [finding.tool for finding in result.findings] == ["surface", "calibration"]
    assert result.warnings


def test_a_picture_from_before_the_calibration_does_not_pass(
    tiny_prepared: PreparedRecipe,
) -> None:
    later = NOW + timedelta(days=9)
    configuration = Configuration(
        calibrated_at=later, due_at=later + timedelta(days=99), when_overdue="not_decidable"
    )
    result = result_of(tiny_prepared, configuration)
    assert result.reason_code == "calibration_overdue"
    assert "set the clock" in result.warnings[0]


@pytest.mark.parametrize("evaluation", [Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE])
def test_overdue_never_softens_another_verdict(
    evaluation: Evaluation, tiny_prepared: PreparedRecipe
) -> None:
    result = result_of(tiny_prepared, overdue("not_decidable"), evaluation)
    assert result.evaluation is evaluation
    assert result.reason_code == "glare"
    assert len(result.warnings) == 1
