"""What many tests need: a tiny real classifier, a recipe around it, and pictures for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from station.core.frame import Image
from station.core.plugin import Site
from station.core.reasons import Reason
from station.core.recipe import PreparedRecipe, Recipe, new_recipe, prepare
from station.tools.classify import Classify
from station.vision.card import Limits, ModelCard, ModelInput, ModelOutput, write_model
from station.vision.model import sha256_of
from tests.boards import write_board, write_colour
from tests.finders import write_finders
from tests.plates import write_plate
from tests.shapes import write_bracket

DrawPart = Callable[..., Image]


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with `bright/1`: P(glare) = sigmoid((mean grey - 128) / 8), and `odd/1`.

    `odd/1` is an anomaly model: the heat of each 8 x 8 block is its distance from grey 90, over 10.
    `squares/1` detects red and blue squares, `stains/1` marks red and blue places.
    """
    models = tmp_path_factory.mktemp("models")
    write_finders(models)
    write_bracket(models)
    write_board(models)
    write_colour(models)
    write_plate(models)
    odd = odd_graph().SerializeToString()
    write_model(models / "odd" / "1", odd_card(odd), odd)
    model = bright_graph().SerializeToString()
    write_model(models / "bright" / "1", bright_card(model), model)
    return models


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """One tool `surface` with the model `bright/1`; the card's limits, 0.3 and 0.7."""
    return new_recipe(
        "tiny",
        (Classify(name="surface", model="bright/1"),),
        (Reason(code="glare", text="the surface shines"),),
        product_id="tile",
    )


@pytest.fixture(scope="session")
def tiny_prepared(tiny_recipe: Recipe, tiny_model_dir: Path) -> PreparedRecipe:
    """`tiny_recipe` made ready."""
    return prepare(tiny_recipe, Site(model_dirs=(tiny_model_dir,)))


@pytest.fixture(scope="session")
def draw_part() -> DrawPart:
    """draw_part(grey=90, size=(64, 48), colour=True, seed=0): an even part with a little noise.

    Grey 90 is OK for `tiny_recipe`, 128 is NOT_DECIDABLE, 170 is NOT_OK.
    """

    def draw(
        grey: float = 90, size: tuple[int, int] = (64, 48), *, colour: bool = True, seed: int = 0
    ) -> Image:
        width, height = size
        shape = (height, width, 3) if colour else (height, width)
        noise = np.random.default_rng(seed).normal(grey, 6, shape)
        image: Image = np.clip(np.round(noise), 0, 255).astype(np.uint8)
        return image

    return draw


def bright_card(model: bytes) -> ModelCard:
    """The card of `bright/1`."""
    return ModelCard(
        name="bright",
        version=1,
        task="classify",
        description="Bright is glare; made by the tests.",
        file="model.onnx",
        sha256=sha256_of(model),
        input=ModelInput(width=32, height=32),
        outputs=(ModelOutput(name="probabilities", holds="probabilities", shape=(1, 2)),),
        classes=("ok", "glare"),
        reason_codes={"glare": "glare"},
        limits=Limits(accept_limit=0.3, reject_limit=0.7),
        licence="Apache-2.0",
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
    )


def bright_graph() -> onnx.ModelProto:
    """uint8 (1, 32, 32, 3) -> probabilities (1, 2)."""
    constants = {"middle": -128.0, "slope": 1 / 8, "one": 1.0}
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Add", ["mean", "middle"], ["above"]),
        helper.make_node("Mul", ["above", "slope"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["bad"]),
        helper.make_node("Sub", ["one", "bad"], ["good"]),
        helper.make_node("Concat", ["good", "bad"], ["flat"], axis=0),
        helper.make_node("Reshape", ["flat", "shape"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 32, 32, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 2])],
        [
            *(
                numpy_helper.from_array(np.array(value, np.float32), name)
                for name, value in constants.items()
            ),
            numpy_helper.from_array(np.array([1, 2], np.int64), "shape"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def odd_card(model: bytes) -> ModelCard:
    """The card of `odd/1`."""
    return ModelCard(
        name="odd",
        version=1,
        task="anomaly",
        description="Anything but grey 90 is odd; made by the tests.",
        sha256=sha256_of(model),
        input=ModelInput(width=32, height=32),
        outputs=(
            ModelOutput(name="score", holds="score", shape=(1,)),
            ModelOutput(name="heat_map", holds="heat_map", shape=(1, 1, 4, 4)),
        ),
        reason_codes={"anomaly": "anomaly"},
        limits=Limits(accept_limit=2.0, reject_limit=3.0),
        licence="Apache-2.0",
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
    )


def odd_graph() -> onnx.ModelProto:
    """uint8 (1, 32, 32, 3) -> score (1,), heat_map (1, 1, 4, 4)."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["grey"], axes=[3], keepdims=0),
        helper.make_node("Unsqueeze", ["grey", "first"], ["plane"]),
        helper.make_node("AveragePool", ["plane"], ["blocks"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Sub", ["blocks", "usual"], ["away"]),
        helper.make_node("Abs", ["away"], ["far"]),
        helper.make_node("Mul", ["far", "tenth"], ["heat_map"]),
        helper.make_node("ReduceMax", ["heat_map"], ["score"], axes=[1, 2, 3], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 32, 32, 3])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("heat_map", TensorProto.FLOAT, [1, 1, 4, 4]),
        ],
        [
            numpy_helper.from_array(np.array([1], np.int64), "first"),
            numpy_helper.from_array(np.array(90.0, np.float32), "usual"),
            numpy_helper.from_array(np.array(0.1, np.float32), "tenth"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
