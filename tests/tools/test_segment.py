"""The segment tool: places that hang together, outlines, scores that no limit changes."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from station.core.errors import RecipeError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import prepare
from station.core.region import Polygon, Rectangle
from station.core.result import Evaluation, Finding
from station.inspection import inspect
from station.tools.plain import plain_recipe
from station.tools.segment import Segment
from station.vision.card import ModelOutput, find_model, read_card, write_model
from station.vision.layout import BoxLayout, CountRule
from tests.finders import BLUE, RED, squares, squares_card, stains_card
from tests.graphs import blob_boxes, colour_mask

Look = Callable[..., list[Finding]]


def frame_of(image: Image) -> Frame:
    return Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))


@pytest.fixture
def look(tiny_model_dir: Path) -> Look:
    """look(image, minimum_area_px=…, …): the findings of the tool."""

    def run(image: Image, **settings: Any) -> list[Finding]:
        tool = Segment(name="stains", model="stains/1", **settings)
        return list(tool.prepare(Site(model_dirs=(tiny_model_dir,))).run(frame_of(image)))

    return run


def test_a_stain_is_not_ok_and_outlined(look: Look) -> None:
    (finding,) = look(squares((16, 40, RED)))
    assert finding.evaluation is Evaluation.NOT_OK
    assert finding.reason_code == "rust"
    assert isinstance(finding.region, Polygon)
    drawn = np.zeros((64, 64), np.uint8)
    cv2.fillPoly(drawn, [np.array(finding.region.points, np.int32)], 1)
    assert drawn[42:46, 18:22].all()
    assert drawn[:38].sum() == drawn[:, 26:].sum() == 0
    assert finding.measured["area_px"] == pytest.approx(64, abs=1)


def test_a_clean_part_is_ok(look: Look) -> None:
    (finding,) = look(squares((40, 8, BLUE)))
    assert finding.evaluation is Evaluation.OK
    assert finding.score is not None
    assert finding.score < 0.05


def test_the_score_does_not_depend_on_limits(look: Look) -> None:
    image = squares((16, 40, (90, 90, 150)))
    scores = {
        look(image, accept_limit=accept, reject_limit=0.99)[0].score
        for accept in (0.01, 0.2, 0.5, 0.9)
    }
    assert len(scores) == 1


def test_what_hangs_together_must_be_large_enough(look: Look) -> None:
    one = squares((16, 40, RED))
    assert look(one, minimum_area_px=60)[0].evaluation is Evaluation.NOT_OK
    assert look(one, minimum_area_px=100)[0].evaluation is Evaluation.OK
    apart = squares((0, 0, RED), (32, 40, RED))
    assert len(look(apart, minimum_area_px=60)) == 2
    assert look(apart, minimum_area_px=100)[0].evaluation is Evaluation.OK


def test_stains_are_found_in_a_letterbox_and_in_a_region(tmp_path: Path) -> None:
    data = colour_mask("softmax").SerializeToString()
    card = stains_card(data)
    boxed = card.model_copy(update={"input": card.input.model_copy(update={"fit": "letterbox"})})
    write_model(tmp_path / "stains" / "1", boxed, data)
    image = np.full((64, 128, 3), 100, np.uint8)
    image[40:56, 96:112] = RED
    site = Site(model_dirs=(tmp_path,))
    for region in (None, Rectangle(x=64, y=16, width=64, height=48)):
        tool = Segment(name="stains", model="stains/1", region=region)
        (finding,) = tool.prepare(site).run(frame_of(image))
        assert finding.region
        low, high = np.array(finding.region.corners).min(0), np.array(finding.region.corners).max(0)
        assert low == pytest.approx((96, 40), abs=2)
        assert high == pytest.approx((112, 56), abs=2)


def test_places_are_counted(look: Look) -> None:
    rule = {"cap": CountRule(at_least=2, reason="cap_missing")}
    two = squares((0, 0, BLUE), (32, 32, BLUE))
    assert look(two, count=rule, minimum_area_px=16)[-1].evaluation is Evaluation.OK
    missing = look(squares((0, 0, BLUE)), count=rule, minimum_area_px=16)[-1]
    assert (missing.evaluation, missing.reason_code) == (Evaluation.NOT_OK, "cap_missing")
    with pytest.raises(RecipeError, match="in two pieces counts twice"):
        look(two, count=rule)


def test_the_evidence_of_every_pixel_lies_where_the_stain_is(tiny_model_dir: Path) -> None:
    region = Rectangle(x=8, y=24, width=40, height=40)
    tool = Segment(name="stains", model="stains/1", region=region)
    score_map = tool.prepare(Site(model_dirs=(tiny_model_dir,))).score_map
    assert score_map
    heat = score_map(frame_of(squares((16, 40, RED))))
    assert heat.shape == (64, 64)
    assert heat[42:46, 18:22].min() > 0.9
    assert heat[:36].max() < 0.1
    assert heat[:, 30:].max() < 0.1


def test_the_plain_recipe_runs_it(tiny_model_dir: Path) -> None:
    card = read_card(find_model("stains", [tiny_model_dir]))
    prepared = prepare(plain_recipe(card), Site(model_dirs=(tiny_model_dir,)))
    result = inspect(frame_of(squares((16, 40, RED))), prepared, Job())
    assert (result.passed, result.reason_code) == (False, "rust")
    assert inspect(frame_of(squares((16, 40, BLUE))), prepared, Job()).passed


def test_a_box_with_too_small_a_mask_hides_no_larger_one(tmp_path: Path) -> None:
    model = blob_boxes("v8seg")
    change(model, "place", lambda boxes: boxes.__setitem__((0, 1), boxes[0, 0]))
    change(model, "coefficients", lambda rows: rows.__setitem__((0, 0), -rows[0, 0]))
    data = model.SerializeToString()
    card = squares_card(
        data,
        task="segment",
        outputs=(
            ModelOutput(name="output0", holds="boxes", shape=(1, 38, 64)),
            ModelOutput(name="output1", holds="prototypes", shape=(1, 32, 32, 32)),
        ),
        boxes=BoxLayout(boxes_along="columns", coefficients=32),
    )
    write_model(tmp_path / "squares" / "1", card, data)
    image = squares((0, 0, RED), (8, 0, (20, 20, 200)))
    image[:2, :2] = 100  # all that the stronger of the two boxes marks
    tool = Segment(name="stains", model="squares/1", minimum_area_px=30)
    (finding,) = tool.prepare(Site(model_dirs=(tmp_path,))).run(frame_of(image))
    assert finding.evaluation is Evaluation.NOT_OK
    assert finding.score == pytest.approx(180 / 255, abs=0.01)


def change(model: onnx.ModelProto, name: str, edit: Callable[[NDArray[np.float32]], None]) -> None:
    """Change one of a graph's constants in place."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor).copy()
    edit(values)
    tensor.CopyFrom(numpy_helper.from_array(values, name))
