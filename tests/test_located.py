"""Parts that are located: every tool gets the view of each part, and none passes unseen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from station.core.errors import PartAmbiguousError, PartNotFoundError, StationError
from station.core.frame import Frame, Image, Job
from station.core.part import Found, Part
from station.core.plugin import Check
from station.core.pose import Pose
from station.core.recipe import PreparedRecipe
from station.core.region import Rectangle, Region
from station.core.result import Evaluation, Finding, Result, ResultState
from station.inspection import heat_map, inspect

SCENE = np.full((200, 300, 3), 40, np.uint8)
SCENE[50:60, 100:120] = 255
HERE = Pose(x=100, y=50)


def part_at(pose: Pose, width_px: int = 20, height_px: int = 10) -> Part:
    found = Finding(tool="", evaluation=Evaluation.OK, score=0.1, accept_limit=0.5)
    return Part(pose=pose, width_px=width_px, height_px=height_px, finding=found)


def judged(
    prepared: PreparedRecipe,
    poses: Sequence[Pose],
    run: Callable[[Frame], Sequence[Finding]],
    *,
    problem: StationError | None = None,
    regions: tuple[Region, ...] | None = None,
    image: Image = SCENE,
    more: dict[str, Check] | None = None,
) -> Result:
    found = Found(parts=tuple(part_at(pose) for pose in poses), problem=problem)
    finder = Check(run=lambda _: [], find=lambda _: found)
    checks = {"where": finder, "look": Check(run=run, regions=regions), **(more or {})}
    located = replace(prepared, checks=checks, finder="where")
    return inspect(frame_of(image), located, Job(values={"lot": "A1"}))


def frame_of(image: Image) -> Frame:
    return Frame(image=image.copy(), camera_id="c", sequence=1, acquired_at=datetime.now(UTC))


def bright(frame: Frame) -> Sequence[Finding]:
    """OK where the whole view is white."""
    share = float((frame.image > 200).mean())
    fine = share > 0.9
    return [
        Finding(
            tool="",
            evaluation=Evaluation.OK if fine else Evaluation.NOT_OK,
            reason_code=None if fine else "glare",
            score=1 - share,
            region=Rectangle(x=0, y=0, width=20, height=10),
        )
    ]


def test_the_view_follows_the_part_and_its_findings_lie_in_the_image(
    tiny_prepared: PreparedRecipe,
) -> None:
    result = judged(tiny_prepared, [HERE], bright)
    assert result.passed
    where, look = result.findings
    assert (where.tool, where.part, look.part) == ("where", 1, 1)
    assert look.region == Rectangle(x=100, y=50, width=20, height=10)


def test_a_turned_part_is_seen_upright(tiny_prepared: PreparedRecipe) -> None:
    turned = np.ascontiguousarray(np.rot90(SCENE, -1))  # clockwise
    # the view's corner (100, 50) of a 300 x 200 image lies at (200 - 50, 100) after the turn
    result = judged(tiny_prepared, [Pose(x=150, y=100, angle_deg=90)], bright, image=turned)
    assert result.passed


def test_every_part_is_judged(tiny_prepared: PreparedRecipe) -> None:
    result = judged(tiny_prepared, [HERE, Pose(x=10, y=10)], bright)
    assert result.evaluation is Evaluation.NOT_OK
    seen = [(finding.tool, finding.part, finding.evaluation.name) for finding in result.findings]
    assert ("look", 1, "OK") in seen
    assert ("look", 2, "NOT_OK") in seen


def test_a_tool_silent_on_one_part_never_passes(tiny_prepared: PreparedRecipe) -> None:
    looks: list[Callable[[Frame], Sequence[Finding]]] = [bright, lambda _: []]
    calls = iter(looks)
    result = judged(tiny_prepared, [HERE, HERE], lambda frame: next(calls)(frame))
    assert (result.result_state, result.reason_code) == (ResultState.FAILED, "no_finding")


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (PartNotFoundError("1 of 2"), "part_not_found"),
        (PartAmbiguousError("two poses"), "part_ambiguous"),
    ],
)
def test_a_problem_of_the_search_fails_the_job_and_keeps_what_was_seen(
    tiny_prepared: PreparedRecipe, problem: StationError, reason: str
) -> None:
    result = judged(tiny_prepared, [HERE], bright, problem=problem)
    assert (result.result_state, result.reason_code) == (ResultState.FAILED, reason)
    assert not result.passed
    assert len(result.findings) == 2


def test_no_part_and_no_problem_is_no_pass(tiny_prepared: PreparedRecipe) -> None:
    result = judged(tiny_prepared, [], bright)
    assert (result.result_state, result.reason_code) == (ResultState.FAILED, "no_finding")


def test_a_part_may_reach_out_only_where_nobody_looks(tiny_prepared: PreparedRecipe) -> None:
    image = np.full((200, 300, 3), 255, np.uint8)
    image[:, 150:] = 100
    at_edge = [Pose(x=-5, y=0)]
    left, right = (Rectangle(x=x, y=0, width=10, height=10) for x in (0, 8))
    result = judged(tiny_prepared, at_edge, bright, image=image, regions=(left,))
    assert result.reason_code == "outside_image"
    assert judged(tiny_prepared, at_edge, bright, image=image, regions=(right,)).passed
    assert judged(tiny_prepared, at_edge, bright, image=image).reason_code == "outside_image"


def test_later_tools_know_what_the_job_says_and_earlier_ones_read(
    tiny_prepared: PreparedRecipe,
) -> None:
    def read(_: Frame) -> Sequence[Finding]:
        return [Finding(tool="", evaluation=Evaluation.OK, read={"10": "A1"})]

    def same(frame: Frame) -> Sequence[Finding]:
        fine = frame.value("look.10") == frame.value("job.lot")
        return [Finding(tool="", evaluation=Evaluation.OK if fine else Evaluation.NOT_OK)]

    def missing(frame: Frame) -> Sequence[Finding]:
        frame.value("job.serial")
        return same(frame)

    assert judged(tiny_prepared, [HERE], read, more={"same": Check(run=same)}).passed
    result = judged(tiny_prepared, [HERE], read, more={"same": Check(run=missing)})
    assert (result.result_state, result.reason_code) == (ResultState.FAILED, "no_job_value")


def test_heat_lies_where_the_part_lies(tiny_prepared: PreparedRecipe) -> None:
    found = Found(parts=(part_at(HERE),))
    hot = Check(
        run=lambda _: [], score_map=lambda frame: np.ones(frame.image.shape[:2], np.float32)
    )
    checks = {"where": Check(run=lambda _: [], find=lambda _: found), "look": hot}
    heat = heat_map(frame_of(SCENE), replace(tiny_prepared, checks=checks, finder="where"))
    assert heat is not None
    assert heat[50:60, 100:120].min() == 1
    assert heat.sum() == 200


def test_a_region_beyond_the_view_is_refused_though_the_image_is_large(
    tiny_prepared: PreparedRecipe,
) -> None:
    image = np.full((200, 300, 3), 255, np.uint8)
    image[:, 150:] = 100
    beyond = Rectangle(x=5, y=0, width=20, height=10)
    result = judged(tiny_prepared, [HERE], bright, image=image, regions=(beyond,))
    assert result.reason_code == "outside_image"
    assert "the view of the part is 20 x 10" in result.reason_text


def test_the_reason_says_which_part(tiny_prepared: PreparedRecipe) -> None:
    result = judged(tiny_prepared, [HERE, Pose(x=10, y=10)], bright)
    assert "part 2" in result.reason_detail
