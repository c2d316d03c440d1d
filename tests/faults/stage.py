"""What the faults happen to: models, recipes and pictures of parts whose truth is known."""

import functools
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from station.cli.home import shipped
from station.core.frame import Frame, Image
from station.core.plugin import Site, Tool
from station.core.reasons import Reason
from station.core.recipe import PreparedRecipe, Recipe, new_recipe, prepare, read_recipe
from station.line.shelf import Shelf
from station.sources.replay import Replay
from station.sources.synthetic import part_seed, render
from station.teach.health import limits_of, measure
from station.tools.classify import Classify
from station.tools.rehearsal import REASON
from station.vision.card import write_model
from station.vision.images import encode_png
from tests.conftest import bright_card, bright_graph

GOOD, DOUBTFUL, BAD, TRIGGER = 90, 128, 170, 235
"""Grey values of parts: OK, NOT_DECIDABLE and NOT_OK for `bright`; what sets a broken model off."""
SIZE = (64, 48)
VARIANTS = 5
REASONS = (Reason(code="glare", text="it shines"), Reason(code=REASON, text="rehearsed"))


def draw(grey: float, seed: int = 0) -> Image:
    """An even part of this grey with a little noise."""
    noise = np.random.default_rng(seed).normal(grey, 6, (SIZE[1], SIZE[0], 3))
    image: Image = np.clip(np.round(noise), 0, 255).astype(np.uint8)
    return image


def frame_of(grey: int, number: int, bad: Sequence[int] = (DOUBTFUL, BAD, TRIGGER)) -> Frame:
    """A drawn part as a frame; its truth is what its grey means."""
    truth = "glare" if grey in bad else "ok"
    return Frame(
        image=draw(grey, number),
        camera_id="drawn",
        sequence=number,
        acquired_at=datetime.now(UTC),
        is_simulated=True,
        origin=f"drawn:{grey}-{number}",
        truth=truth,
    )


def write_bright(models: Path, version: int = 1) -> None:
    """The model `bright/<version>`: P(glare) = sigmoid((mean grey - 128) / 8)."""
    model = bright_graph().SerializeToString()
    card = bright_card(model).model_copy(update={"version": version})
    write_model(models / "bright" / str(version), card, model)


def write_broken(models: Path, way: str) -> None:
    """The model `bright/1`, which for parts brighter than 200 gives NaN or never ends."""
    graph = bright_graph()
    nodes = _nan_nodes() if way == "nan" else _endless_nodes()
    last = graph.graph.node[3]  # Mul: above, slope -> logit
    last.output[0] = "sound_logit"
    for place, node in enumerate(nodes):
        graph.graph.node.insert(4 + place, node)
    graph.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, kind), name)
        for name, value, kind in (
            ("set_off", 200.0, np.float32),
            ("no_turns", 0, np.int64),
            ("for_ever", 2**62, np.int64),
            ("yes", True, np.bool_),
        )
    )
    model = graph.SerializeToString()
    onnx.checker.check_model(graph)
    write_model(models / "bright" / "1", bright_card(model), model)


def site_of(home: Path) -> Site:
    """A site with this home's models."""
    return Site(model_dirs=(home / "models",))


def shelf_of(home: Path) -> Shelf:
    """The recipes of this home."""
    return Shelf((home / "recipes",), site_of(home))


def tiny_recipe(*more: Tool, recipe_id: str = "tiny", model: str = "bright/1") -> Recipe:
    """A recipe around the tiny model, with more tools where given."""
    return new_recipe(recipe_id, (Classify(name="surface", model=model), *more), REASONS)


def loose_recipe() -> Recipe:
    """A recipe on `bright/2` that passes doubtful parts too."""
    tool = Classify(name="surface", model="bright/2", accept_limit=0.9, reject_limit=0.95)
    return new_recipe("loose", (tool,), REASONS)


def prepare_tiny(home: Path, *more: Tool) -> PreparedRecipe:
    """The tiny recipe on the tiny model, both written into this home."""
    if not (home / "models").exists():
        write_bright(home / "models")
    return prepare(tiny_recipe(*more), site_of(home))


def write_parts(
    home: Path, greys: Sequence[int], count: int, bad: Sequence[int] = (DOUBTFUL, BAD)
) -> Replay:
    """A camera that plays drawn parts of these greys in turn, each with its truth."""
    folder = home / "parts"
    folder.mkdir(parents=True)
    records = []
    for number in range(VARIANTS * len(greys)):
        grey = greys[number % len(greys)]
        name = f"{grey}-{number}.png"
        (folder / name).write_bytes(encode_png(draw(grey, number)))
        records.append(json.dumps({"origin": name, "truth": "glare" if grey in bad else "ok"}))
    lines = itertools.islice(itertools.cycle(records), count)
    (home / "parts.jsonl").write_text("\n".join(lines) + "\n")
    return Replay(results=home / "parts.jsonl", pictures=folder, rate_per_s=400)


@functools.cache
def rings(count: int) -> tuple[tuple[Image, str], ...]:
    """Rendered rings and their truth; every fourth has a dent."""
    parts = []
    for number in range(count):
        defect = "dent" if number % 4 == 3 else None
        part = render("ring", seed=part_seed(7, number), defect=defect, size=(640, 480))
        parts.append((part.image, part.truth))
    return tuple(parts)


@functools.cache
def prepare_ring() -> PreparedRecipe:
    """The demo recipe with the light, focus and tears of rendered rings taught."""
    recipe = read_recipe(shipped() / "sample_images" / "ring" / "recipe.json")
    seen = [measure(image, Path(str(n))) for n, (image, _) in enumerate(rings(24))]
    taught = recipe.model_copy(update={"health": limits_of(seen, 1.5)})
    return prepare(taught, Site(model_dirs=(shipped() / "models",)))


def _nan_nodes() -> Sequence[onnx.NodeProto]:
    """logit * sqrt(200 - mean) / sqrt(200 - mean): NaN where the part is brighter than 200."""
    return (
        helper.make_node("Sub", ["set_off", "mean"], ["below"]),
        helper.make_node("Sqrt", ["below"], ["root"]),
        helper.make_node("Div", ["root", "root"], ["one_or_nan"]),
        helper.make_node("Mul", ["sound_logit", "one_or_nan"], ["logit"]),
    )


def _endless_nodes() -> Sequence[onnx.NodeProto]:
    """logit unchanged after a loop of no turns, or of 2**62 where the part is brighter than 200."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still_going"]),
            helper.make_node("Identity", ["before"], ["after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("still_going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [1]),
        ],
    )
    return (
        helper.make_node("Greater", ["mean", "set_off"], ["is_set_off"]),
        helper.make_node("Where", ["is_set_off", "for_ever", "no_turns"], ["turns_1"]),
        helper.make_node("ReduceMax", ["turns_1"], ["turns"], keepdims=0),
        helper.make_node("Loop", ["turns", "yes", "sound_logit"], ["logit"], body=body),
    )
