"""The annotated picture: a verdict strip, outlines and labels, and an untouched frame."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest

from station.core.frame import Image
from station.core.region import Polygon, Rectangle, Region
from station.core.result import Evaluation, Finding, Result, ResultState
from station.vision.annotate import (
    AMBER,
    GREEN,
    RED,
    VIOLET,
    Colour,
    annotate,
    deciding,
    describe_score,
)

NOW = datetime(2025, 1, 1, tzinfo=UTC)
GREY = 90


def result(
    evaluation: Evaluation = Evaluation.NOT_OK,
    *,
    state: ResultState = ResultState.COMPLETED,
    findings: Sequence[Finding] = (),
    code: str | None = "scratch",
    text: str = "a scratch",
) -> Result:
    passed = state is ResultState.COMPLETED and evaluation is Evaluation.OK
    return Result(
        job_id="j", part_id="part 7", product_id="", meas_id="", camera_id="c", sequence=1,
        result_state=state, evaluation=evaluation, passed=passed,
        reason_code=None if passed else code, reason_text="" if passed else text,
        findings=tuple(findings), recipe_id="r", recipe_version=1, recipe_hash="0" * 64, models={},
        configuration_id="", software_version="", is_simulated=True, is_partial=False, origin="",
        truth=None, triggered_at=NOW, acquired_at=NOW, completed_at=NOW, acquisition_ms=0.0,
        processing_ms=0.0, total_ms=0.0,
    )  # fmt: skip


def finding(
    region: Region | None,
    *,
    score: float = 0.9,
    evaluation: Evaluation = Evaluation.NOT_OK,
    code: str | None = "scratch",
) -> Finding:
    return Finding(
        tool="surface", evaluation=evaluation, reason_code=code, score=score,
        accept_limit=0.3, reject_limit=0.7, region=region,
    )  # fmt: skip


def blank(width: int = 640, height: int = 480, *, colour: bool = False) -> Image:
    shape = (height, width, 3) if colour else (height, width)
    return np.full(shape, GREY, np.uint8)


def has(picture: Image, colour: Colour) -> bool:
    return bool((picture == np.array(colour, np.uint8)).all(axis=2).any())


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(("width", "height"), [(300, 300), (640, 480), (2448, 2048), (4000, 200)])
def test_the_strip_stands_above_and_hides_nothing(width: int, height: int, colour: bool) -> None:
    image = blank(width, height, colour=colour)
    drawn = annotate(image, result(findings=[finding(None)]))
    strip_px = drawn.shape[0] - height
    assert drawn.shape[1:] == (width, 3)
    assert 20 <= strip_px <= height / 2
    assert drawn.dtype == np.uint8
    assert drawn.flags.c_contiguous
    assert (drawn[strip_px:] == GREY).all()


def test_the_frame_is_never_written_to() -> None:
    image = blank(colour=True)
    image.setflags(write=False)
    annotate(image, result(findings=[finding(Rectangle(x=5, y=5, width=50, height=50))]))
    assert (image == GREY).all()


VERDICTS = [
    (result(Evaluation.OK), GREEN),
    (result(Evaluation.NOT_OK), RED),
    (result(Evaluation.NOT_DECIDABLE), AMBER),
    (result(Evaluation.UNDEFINED, state=ResultState.FAILED), VIOLET),
    (result(Evaluation.UNDEFINED, state=ResultState.ABORTED), VIOLET),
]


@pytest.mark.parametrize(("told", "colour"), VERDICTS)
def test_each_verdict_has_its_colour(told: Result, colour: Colour) -> None:
    assert (annotate(blank(), told)[0, 0] == colour).all()


def test_each_verdict_can_be_told_without_colour() -> None:
    strips = [annotate(blank(), told)[:25, :200] for told, _ in VERDICTS]
    written = {(strip != strip[0, 0]).any(axis=2).tobytes() for strip in strips}
    assert len(written) == len(VERDICTS)


def test_pictures_of_one_size_stay_of_one_size() -> None:
    long = result(text="a tool failed: " + "very long words " * 40, state=ResultState.FAILED,
                  evaluation=Evaluation.UNDEFINED)  # fmt: skip
    assert annotate(blank(), long).shape == annotate(blank(), result(Evaluation.OK)).shape


@pytest.mark.parametrize(
    "region",
    [
        Rectangle(x=100, y=100, width=200, height=80),
        Rectangle(x=100, y=100, width=200, height=80, angle_deg=30),
        Polygon(points=((100, 100), (300, 120), (200, 300))),
    ],
)
def test_a_region_is_outlined_at_its_place(region: Region) -> None:
    drawn = annotate(blank(), result(findings=[finding(region)]), banner=False)
    assert drawn.shape == (480, 640, 3)
    for x, y in region.corners:
        near = drawn[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4]
        assert has(near, RED)
    cx = int(np.mean([x for x, _ in region.corners]))
    cy = int(np.mean([y for _, y in region.corners]))
    assert (drawn[cy - 5 : cy + 5, cx - 5 : cx + 5] == GREY).all(), "the inside stays to be seen"


def test_regions_and_labels_reaching_over_the_edge_are_drawn_inside() -> None:
    regions = [
        Rectangle(x=-20, y=-20, width=60, height=60),
        Rectangle(x=600, y=440, width=80, height=80),
        Rectangle(x=-10, y=470, width=700, height=30),
    ]
    drawn = annotate(blank(), result(findings=[finding(region) for region in regions]))
    assert has(drawn, RED)


def test_findings_are_shown_in_the_colour_of_their_own_verdict() -> None:
    findings = [
        finding(Rectangle(x=50, y=200, width=80, height=80), evaluation=Evaluation.OK, score=0.1),
        finding(
            Rectangle(x=250, y=200, width=80, height=80),
            evaluation=Evaluation.NOT_DECIDABLE,
            score=0.5,
        ),
        finding(Rectangle(x=450, y=200, width=80, height=80)),
    ]
    drawn = annotate(blank(), result(findings=findings), banner=False)
    for x, colour in ((50, GREEN), (250, AMBER), (450, RED)):
        assert has(drawn[150:300, x - 10 : x + 100], colour)


def test_a_preview_is_shrunk_with_its_regions() -> None:
    region = Rectangle(x=1000, y=800, width=400, height=400)
    drawn = annotate(
        blank(2448, 2048), result(findings=[finding(region)]), width_px=640, banner=False
    )
    assert drawn.shape[:2] == (535, 640)
    x, y = round(1000 * 640 / 2448), round(800 * 640 / 2448)
    assert has(drawn[y - 3 : y + 4, x - 3 : x + 4], RED)
    assert annotate(blank(300, 200), result(), width_px=640, banner=False).shape == (200, 300, 3)


def test_words_in_any_script_and_tiny_pictures_do_no_harm() -> None:
    told = result(text="Kratzer ≥ 2 mm, 划痕, царапина\nzweite Zeile")
    for size in ((1, 1), (8, 8), (50, 20), (20, 400)):
        assert annotate(blank(*size), told).shape[1] == size[0]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (finding(None, score=0.02, evaluation=Evaluation.OK), "0.020 ≤ 0.300"),
        (finding(None, score=0.93), "0.930 ≥ 0.700"),
        (finding(None, score=0.5, evaluation=Evaluation.NOT_DECIDABLE), "0.300 < 0.500 < 0.700"),
        (Finding(tool="t", evaluation=Evaluation.NOT_OK, reason_code="x", score=1234.5), "1234"),
        (Finding(tool="t", evaluation=Evaluation.NOT_OK, reason_code="x"), ""),
    ],
)
def test_the_score_is_told_against_the_limit_that_decided(found: Finding, words: str) -> None:
    assert describe_score(found) == words


def test_the_deciding_finding_has_the_results_reason() -> None:
    dent = finding(None, score=0.99, code="dent")
    scratch = finding(None, score=0.8)
    assert deciding(result(findings=[dent, scratch])) is scratch
    assert deciding(result(Evaluation.UNDEFINED, state=ResultState.FAILED)) is None


def test_threads_do_not_change_each_others_letters() -> None:
    region = Rectangle(x=300, y=200, width=60, height=60)
    shown = result(findings=[finding(region)])

    def draw(_: int) -> Image:
        return annotate(blank(), shown)

    alone = draw(0)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(picture, alone) for picture in pool.map(draw, range(64)))
