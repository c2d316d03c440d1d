"""The classify tool: limits, regions, tiles, and models that answer nonsense."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from station.core.errors import ModelError, RecipeError, StationError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.reasons import Reason
from station.core.recipe import PreparedRecipe, new_recipe, prepare
from station.core.region import Rectangle
from station.core.result import Evaluation, Result, ResultState
from station.inspection import inspect
from station.tools.classify import Classify
from station.tools.plain import plain_recipe
from station.vision.card import Limits, ModelCard, ModelInput, ModelOutput, Tiling, write_model
from station.vision.model import load_model, sha256_of

REASONS = (Reason(code="glare", text="the surface shines"),)
DrawPart = Callable[..., Image]


def look(image: Image, prepared: PreparedRecipe, **job: str) -> Result:
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    return inspect(frame, prepared, Job(**job))  # type: ignore[arg-type]


def prepared_with(tool: Classify, models: Path) -> PreparedRecipe:
    return prepare(new_recipe("x", (tool,), REASONS), Site(model_dirs=(models,)))


@pytest.mark.parametrize(
    ("grey", "evaluation", "passed"),
    [
        (90, Evaluation.OK, True),
        (128, Evaluation.NOT_DECIDABLE, False),
        (170, Evaluation.NOT_OK, False),
    ],
)
def test_two_limits_make_three_answers(
    grey: int,
    evaluation: Evaluation,
    passed: bool,
    tiny_prepared: PreparedRecipe,
    draw_part: DrawPart,
) -> None:
    result = look(draw_part(grey), tiny_prepared)
    assert result.evaluation is evaluation
    assert result.passed is passed
    assert result.reason_code == (None if passed else "glare")
    (finding,) = result.findings
    assert finding.score is not None
    assert 0 <= finding.score <= 1
    assert finding.region == Rectangle(x=0, y=0, width=64, height=48)


@pytest.mark.parametrize("size", [(32, 32), (640, 480), (50, 700), (33, 31)])
@pytest.mark.parametrize("colour", [True, False])
def test_any_size_and_colour_gives_the_same_answer(
    size: tuple[int, int], colour: bool, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    assert look(draw_part(170, size, colour=colour), tiny_prepared).evaluation is Evaluation.NOT_OK
    assert look(draw_part(90, size, colour=colour), tiny_prepared).passed


def test_a_region_looks_only_where_it_is(tiny_model_dir: Path, draw_part: DrawPart) -> None:
    image = draw_part(60, (200, 100)).copy()
    image[:, 100:] = 230
    left = Classify(name="a", model="bright/1", region=Rectangle(x=0, y=0, width=100, height=100))
    right = left.model_copy(update={"region": Rectangle(x=100, y=0, width=100, height=100)})
    assert look(image, prepared_with(left, tiny_model_dir)).passed
    assert not look(image, prepared_with(right, tiny_model_dir)).passed


def test_a_region_outside_the_image_fails_and_never_passes(
    tiny_model_dir: Path, draw_part: DrawPart
) -> None:
    region = Rectangle(x=0, y=0, width=100, height=100)
    tool = Classify(name="a", model="bright", region=region)
    result = look(draw_part(90), prepared_with(tool, tiny_model_dir))
    assert result.result_state is ResultState.FAILED
    assert result.reason_code == "outside_image"


def test_a_small_defect_is_found_in_its_tile(tiny_model_dir: Path, draw_part: DrawPart) -> None:
    image = draw_part(60, (640, 480)).copy()
    image[300:364, 400:464] = 250
    plain = Classify(name="a", model="bright/1")
    tiled = Classify(name="a", model="bright/1", tiling=Tiling(size_px=64, overlap=0.5))
    assert look(image, prepared_with(plain, tiny_model_dir)).passed
    result = look(image, prepared_with(tiled, tiny_model_dir))
    assert result.evaluation is Evaluation.NOT_OK
    worst = max(result.findings, key=lambda finding: finding.score or 0)
    assert isinstance(worst.region, Rectangle)
    assert abs(worst.region.x - 400) <= 32
    assert abs(worst.region.y - 300) <= 32


def test_the_limits_live_in_the_recipe(tiny_model_dir: Path, draw_part: DrawPart) -> None:
    strict = Classify(name="a", model="bright/1", accept_limit=0.0, reject_limit=1.0)
    result = look(draw_part(120), prepared_with(strict, tiny_model_dir))
    assert result.evaluation is Evaluation.NOT_DECIDABLE
    with pytest.raises(ValueError, match="must not be above"):
        Classify(name="a", model="m", accept_limit=0.8, reject_limit=0.2)


def test_a_recipes_limit_beyond_the_cards_other_one_is_refused(tiny_model_dir: Path) -> None:
    tool = Classify(name="a", model="bright/1", accept_limit=0.9)
    with pytest.raises(RecipeError, match=r"0\.9 and 0\.7"):
        prepared_with(tool, tiny_model_dir)


def test_a_model_that_is_not_the_approved_one_is_refused(tiny_model_dir: Path) -> None:
    tool = Classify(name="a", model="bright/1", model_sha256="0" * 64)
    with pytest.raises(ModelError, match="the recipe was approved with"):
        prepared_with(tool, tiny_model_dir)


def test_a_card_that_changed_since_the_approval_is_refused(
    tmp_path: Path, tiny_model_dir: Path, draw_part: DrawPart
) -> None:
    shutil.copytree(tiny_model_dir / "bright", tmp_path / "bright")
    path = tmp_path / "bright" / "1" / "card.json"
    approved = plain_recipe(ModelCard.model_validate_json(path.read_bytes()))
    site = Site(model_dirs=(tmp_path,))
    assert look(draw_part(90), prepare(approved, site)).passed
    path.write_text(path.read_text().replace("0.3", "0.6"))
    with pytest.raises(ModelError, match="the card of model bright/1 is not the one"):
        prepare(approved, site)


def test_an_unknown_model_names_those_there_are(tiny_model_dir: Path) -> None:
    with pytest.raises(ModelError, match="bright/1"):
        prepared_with(Classify(name="a", model="brigth/1"), tiny_model_dir)


@pytest.mark.parametrize(("grey", "why"), [(0, "dark"), (255, "bright"), (100, "empty")])
def test_an_image_of_nothing_never_passes(
    grey: int, why: str, tiny_prepared: PreparedRecipe
) -> None:
    result = look(np.full((48, 64, 3), grey, np.uint8), tiny_prepared)
    assert result.result_state is ResultState.FAILED
    assert result.reason_code == "unhealthy_image"
    assert why in result.reason_text


def test_a_job_for_another_product_never_passes(
    tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    result = look(draw_part(90), tiny_prepared, product_id="bolt")
    assert result.reason_code == "wrong_product"
    assert not result.passed
    assert look(draw_part(90), tiny_prepared, product_id="tile").passed


def poisoned_model(folder: Path, row: list[float]) -> None:
    """A model that answers well on grey noise and `row` on a dark picture."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Less", ["mean", "edge"], ["is_dark"]),
        helper.make_node("Where", ["is_dark", "row", "good"], ["probabilities"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([[60.0]], np.float32), "edge"),
        numpy_helper.from_array(np.array([row], np.float32), "row"),
        numpy_helper.from_array(np.array([[1.0, 0.0]], np.float32), "good"),
    ]
    graph = helper.make_graph(
        nodes,
        "poisoned",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 8, 8, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 2])],
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    card = ModelCard(
        name="poisoned",
        version=1,
        task="classify",
        description="Made by the tests.",
        sha256=sha256_of(model),
        input=ModelInput(width=8, height=8),
        outputs=(ModelOutput(name="probabilities", holds="probabilities", shape=(1, 2)),),
        classes=("ok", "glare"),
        reason_codes={"glare": "glare"},
        limits=Limits(accept_limit=0.3, reject_limit=0.7),
        licence="Apache-2.0",
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
    )
    write_model(folder / "poisoned" / "1", card, model)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("row", [[NAN, NAN], [1.0, NAN], [INF, 0.0], [2.0, -1.0], [0.4, 0.4]])
def test_an_answer_that_is_no_distribution_fails_and_never_passes(
    row: list[float], tmp_path: Path, draw_part: DrawPart
) -> None:
    poisoned_model(tmp_path, row)
    prepared = prepared_with(Classify(name="a", model="poisoned/1"), tmp_path)
    assert look(draw_part(120), prepared).passed
    result = look(draw_part(30), prepared)
    assert not result.passed
    assert result.result_state is ResultState.FAILED
    assert result.reason_code == "model_output"


def rewritten(folder: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    """`poisoned/1` with a changed graph and a card that knows its hash."""
    poisoned_model(folder, [1.0, 0.0])
    place = folder / "poisoned" / "1"
    proto = onnx.load_from_string((place / "model.onnx").read_bytes())
    change(proto)
    model = proto.SerializeToString()
    card = ModelCard.model_validate_json((place / "card.json").read_bytes())
    write_model(place, card.model_copy(update={"sha256": sha256_of(model)}), model)
    return place


def outside(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def custom(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].domain = "evil.ops"
    proto.opset_import.append(helper.make_opsetid("evil.ops", 1))


def reshaped(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 16


def always_nan(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[2].CopyFrom(
        numpy_helper.from_array(np.array([[NAN, 0.0]], np.float32), "good")
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (outside, "in another file"),
        (custom, "custom operators"),
        (reshaped, "card: uint8"),
        (always_nan, "NaN"),
    ],
)
def test_a_model_that_must_not_run_is_refused_when_loaded(
    change: Callable[[onnx.ModelProto], None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(StationError, match=message):
        load_model(rewritten(tmp_path, change))


def test_a_model_file_that_is_not_the_cards_is_refused(tmp_path: Path) -> None:
    poisoned_model(tmp_path, [1.0, 0.0])
    path = tmp_path / "poisoned" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="is not the one its card describes"):
        load_model(path.parent)


def test_the_same_frame_gives_bit_equal_scores(
    tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    image = draw_part(121, (640, 480))
    before = image.copy()
    scores = {look(image, tiny_prepared).findings[0].score for _ in range(5)}
    assert len(scores) == 1
    assert np.array_equal(image, before)
