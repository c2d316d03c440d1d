"""The detect tool: faults by class and size, things that must be there, limits at run time."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from station.core.errors import ModelError, RecipeError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import prepare
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding, Result
from station.inspection import inspect
from station.tools.detect import Detect
from station.tools.plain import plain_recipe
from station.vision.card import Limits, write_model
from station.vision.layout import BoxLayout, CountRule
from tests.finders import BLUE, RED, squares, squares_card
from tests.graphs import blob_boxes

Look = Callable[..., list[Finding]]

FOUR_CAPS = {"cap": CountRule(at_least=4, reason="cap_missing")}


def frame_of(image: Image) -> Frame:
    return Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))


@pytest.fixture
def look(tiny_model_dir: Path) -> Look:
    """look(image, minimum_area_px=…, …): the findings of the tool."""

    def run(image: Image, **settings: Any) -> list[Finding]:
        tool = Detect(name="parts", model="squares/1", **settings)
        return list(tool.prepare(Site(model_dirs=(tiny_model_dir,))).run(frame_of(image)))

    return run


def test_a_fault_is_not_ok_and_boxed(look: Look) -> None:
    (finding,) = look(squares((16, 40, RED)))
    assert finding.evaluation is Evaluation.NOT_OK
    assert finding.reason_code == "rust"
    assert finding.score == pytest.approx(210 / 255, abs=0.01)
    assert finding.region == Rectangle(x=16, y=40, width=8, height=8)
    assert finding.measured["area_px"] == 64


def test_nothing_found_is_ok_with_the_score_kept(look: Look) -> None:
    (finding,) = look(squares((16, 40, (100, 100, 130))))
    assert finding.evaluation is Evaluation.OK
    assert finding.score == pytest.approx(30 / 255, abs=0.01)
    assert (finding.accept_limit, finding.reject_limit) == (0.3, 0.6)


def test_limits_of_the_recipe_come_before_the_cards(look: Look) -> None:
    faint = squares((16, 40, (100, 100, 130)))
    assert (
        look(faint, accept_limit=0.05, reject_limit=0.6)[0].evaluation is Evaluation.NOT_DECIDABLE
    )
    assert look(faint, accept_limit=0.05, reject_limit=0.1)[0].evaluation is Evaluation.NOT_OK
    with pytest.raises(ValidationError, match="must not be above"):
        look(faint, accept_limit=0.7, reject_limit=0.2)


def test_every_fault_is_a_finding_and_ignored_classes_are_none(look: Look) -> None:
    found = look(squares((0, 0, RED), (32, 32, RED), (48, 8, BLUE)))
    assert [finding.reason_code for finding in found] == ["rust", "rust"]


def test_boxes_lie_right_in_pictures_of_any_size_and_in_a_region(look: Look) -> None:
    image = squares((32, 80, RED), px=128, edge=16)
    (finding,) = look(image)
    assert finding.region == Rectangle(x=32, y=80, width=16, height=16)
    image = squares((32, 80, RED), px=128)
    (finding,) = look(image, region=Rectangle(x=24, y=64, width=64, height=64))
    assert finding.region == Rectangle(x=32, y=80, width=8, height=8)
    turned = Rectangle(x=24, y=64, width=64, height=64, angle_deg=180)
    (finding,) = look(image, region=turned)
    assert finding.region
    assert np.array(finding.region.corners).mean(axis=0) == pytest.approx((36, 84), abs=1)


def test_what_is_too_small_is_not_looked_at(look: Look) -> None:
    image = squares((16, 40, RED))
    assert look(image, minimum_area_px=65)[0].evaluation is Evaluation.OK
    assert look(image, minimum_area_px=64)[0].evaluation is Evaluation.NOT_OK
    with pytest.raises(RecipeError, match="more than the whole picture of 64 x 64"):
        look(image, minimum_area_px=5000)


@pytest.mark.parametrize(
    ("caps", "evaluation"), [(4, Evaluation.OK), (3, Evaluation.NOT_OK), (5, Evaluation.OK)]
)
def test_what_must_be_there_is_counted(look: Look, caps: int, evaluation: Evaluation) -> None:
    found = look(squares(*((16 * n, 16, BLUE) for n in range(4)), (0, 0, BLUE))
                 if caps == 5 else squares(*((16 * n, 16, BLUE) for n in range(caps))),
                 count=FOUR_CAPS)  # fmt: skip
    counted = found[-1]
    assert counted.evaluation is evaluation
    assert counted.reason_code == (None if evaluation is Evaluation.OK else "cap_missing")
    assert counted.measured["count"] == caps


def test_a_thing_hardly_seen_goes_to_a_person(look: Look) -> None:
    faint = (200, 80, 80)  # blue - green of 120 / 255: between the limits
    caps = [(0, 16, BLUE), (16, 16, BLUE), (32, 16, BLUE), (48, 16, faint)]
    counted = look(squares(*caps), count=FOUR_CAPS)[-1]
    assert counted.evaluation is Evaluation.NOT_DECIDABLE
    assert counted.score == pytest.approx(1 - 120 / 255, abs=0.01)
    assert (counted.accept_limit, counted.reject_limit) == pytest.approx((0.4, 0.7))


def test_too_many_are_noticed(look: Look) -> None:
    rule = {"cap": CountRule(at_least=1, at_most=1, reason="cap_count")}
    assert look(squares((0, 0, BLUE)), count=rule)[-1].evaluation is Evaluation.OK
    found = look(squares((0, 0, BLUE), (32, 0, BLUE)), count=rule)[-1]
    assert (found.evaluation, found.reason_code) == (Evaluation.NOT_OK, "cap_count")


def test_a_count_of_nothing_known_is_refused(look: Look) -> None:
    rule = CountRule(at_least=1, reason="screw_missing")
    with pytest.raises(RecipeError, match="no such class"):
        look(squares(), count={"screw": rule})
    with pytest.raises(RecipeError, match="there is: cap"):
        look(squares(), count={"rust": rule})
    with pytest.raises(ValidationError, match="proves nothing"):
        CountRule(reason="screw_missing")


def test_boxes_of_one_thing_are_one(tmp_path: Path) -> None:
    """Two overlapping boxes of a cap must not stand in for a cap that is missing."""
    result = result_of(tmp_path, squares((0, 0, BLUE)), overlap_boxes=True)
    assert result.reason_code == "cap_missing"


def result_of(models: Path, image: Image, *, overlap_boxes: bool = False, **fields: Any) -> Result:
    """A whole inspection with the plain recipe of a detector that must find two caps."""
    model = blob_boxes("v8")
    if overlap_boxes:
        place = next(t for t in model.graph.initializer if t.name == "place")
        boxes = np.frombuffer(place.raw_data, np.float32).reshape(1, 64, 4).copy()
        boxes[0, 1] = boxes[0, 0] + (1, 1, -4, -4)  # smaller, and inside
        place.raw_data = boxes.tobytes()
        image = image.copy()
        image[:8, 8:16] = BLUE
    data = model.SerializeToString()
    counts = {"cap": CountRule(at_least=2, reason="cap_missing")}
    card = squares_card(data, **{"counts": counts, "ignored": (), **fields})
    write_model(models / "squares" / "1", card, data)
    return inspect(frame_of(image), prepare(plain_recipe(card), Site(model_dirs=(models,))), Job())


def test_the_plain_recipe_counts_too(tmp_path: Path) -> None:
    assert result_of(tmp_path, squares((0, 0, BLUE), (32, 0, BLUE))).passed
    missing = result_of(tmp_path, squares((0, 0, BLUE)))
    assert (missing.passed, missing.reason_code) == (False, "cap_missing")
    both = result_of(tmp_path, squares((0, 0, RED)))
    assert {finding.reason_code for finding in both.findings} == {"rust", "cap_missing"}


def test_a_count_of_the_card_is_not_forgotten_for_another(tmp_path: Path) -> None:
    data = blob_boxes("v8").SerializeToString()
    cap, rivet = (CountRule(at_least=1, reason=f"{name}_missing") for name in ("cap", "rivet"))
    both = {"rivet": rivet, "cap": cap}
    card = squares_card(
        data, classes=("rivet", "cap"), reason_codes={}, ignored=(), counts=both
    )  # fmt: skip
    write_model(tmp_path / "squares" / "1", card, data)
    site = Site(model_dirs=(tmp_path,))
    for counts in ({"cap": cap}, {}):
        check = Detect(name="parts", model="squares/1", count=counts).prepare(site)
        found = check.run(frame_of(squares((0, 0, BLUE))))
        assert {finding.reason_code for finding in found} == {"rivet_missing", None}, counts


def test_an_answer_that_cannot_be_read_never_passes(tmp_path: Path) -> None:
    caps = squares((0, 0, BLUE), (32, 0, BLUE))
    assert result_of(tmp_path, caps).passed
    for layout in (
        BoxLayout(boxes_along="columns", has_objectness=True),  # a number more than there is
        BoxLayout(boxes_along="rows"),
    ):
        result = result_of(tmp_path, caps, boxes=layout)
        assert (result.passed, result.reason_code) == (False, "model_output"), layout


def test_another_task_is_refused(tiny_model_dir: Path) -> None:
    with pytest.raises(ModelError, match="is for segment"):
        Detect(name="x", model="stains/1").prepare(Site(model_dirs=(tiny_model_dir,)))


def test_a_class_without_a_meaning_is_refused() -> None:
    with pytest.raises(ValidationError, match="without: cap"):
        squares_card(b"", ignored=())
    with pytest.raises(ValidationError, match="can find no fault"):
        squares_card(b"", reason_codes={}, ignored=("rust", "cap"))
    with pytest.raises(ValidationError, match="ends at 1"):
        squares_card(b"", limits=Limits(accept_limit=1.5, reject_limit=2))
