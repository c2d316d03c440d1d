"""Drawn parts to learn from, and a small feature net of the tests' own."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from station.core.frame import Image
from station.vision.images import encode_jpeg

DrawSet = Callable[..., Path]


@pytest.fixture
def draw_set(tmp_path: Path) -> DrawSet:
    """draw_set({"ok": 12, "scratch": 12}, size=(96, 96)): folders of drawn parts below tmp_path."""

    def draw(
        counts: dict[str, int],
        *,
        name: str = "set",
        size: tuple[int, int] = (96, 96),
        like: dict[str, str] | None = None,
    ) -> Path:
        root = tmp_path / name
        for index, (label, count) in enumerate(counts.items()):
            folder = root / label
            folder.mkdir(parents=True)
            kind = (like or {}).get(label, label.split("/")[-1])
            for number in range(count):
                image = draw_part(kind, size, seed=1000 * index + number)
                (folder / f"{number}.jpg").write_bytes(encode_jpeg(image, quality=95))
        return root

    return draw


def draw_part(kind: str, size: tuple[int, int], *, seed: int) -> Image:
    """A brushed disc; `scratch` and `stain` are its defects, anything else is a good part."""
    random = np.random.default_rng(seed)
    width, height = size
    image = np.full((height, width), 60 + random.integers(-5, 6), np.uint8)
    centre = (width // 2 + int(random.integers(-3, 4)), height // 2 + int(random.integers(-3, 4)))
    radius = int(min(size) * 0.4)
    cv2.circle(image, centre, radius, int(150 + random.integers(-8, 9)), -1, cv2.LINE_AA)
    turn = random.uniform(0, 2 * np.pi)
    place = (int(centre[0] + 14 * np.cos(turn)), int(centre[1] + 14 * np.sin(turn)))
    if kind == "scratch":
        along = random.uniform(0, np.pi)
        step = (int(16 * np.cos(along)), int(16 * np.sin(along)))
        start, end = (
            (place[0] - step[0], place[1] - step[1]),
            (place[0] + step[0], place[1] + step[1]),
        )
        cv2.line(image, start, end, 235, 2, cv2.LINE_AA)
    if kind == "stain":
        cv2.circle(image, place, 9, 105, -1, cv2.LINE_AA)
    noisy = image.astype(np.float32) + random.normal(0, 5, image.shape)
    return np.ascontiguousarray(np.clip(noisy, 0, 255).astype(np.uint8))


@pytest.fixture
def tiny_net(tmp_path: Path) -> Path:
    """A feature net of the user's: four strided convolutions of fixed weights, 64 px or any."""
    return write_net(tmp_path / "tiny.onnx")


def write_net(
    path: Path, *, side: int | None = None, pooled: bool = False, opset: int = 17
) -> Path:
    """A conv net from float NCHW to a map at stride 16, or to one vector where `pooled`."""
    random = np.random.default_rng(7)
    channels = (3, 8, 12, 16, 16)
    nodes, constants, name = [], [], "pixels"
    for layer in range(4):
        shape = (channels[layer + 1], channels[layer], 3, 3)
        weights = random.normal(0, 1 / np.sqrt(9 * channels[layer]), shape).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"w{layer}"))
        nodes += [
            helper.make_node(
                "Conv", [name, f"w{layer}"], [f"c{layer}"], strides=[2, 2], pads=[1] * 4
            ),
            helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]),
        ]
        name = f"r{layer}"
    shape_out: list[int | str] = [1, 16, "h16", "w16"]
    if pooled:
        nodes.append(helper.make_node("GlobalAveragePool", [name], ["pool"]))
        nodes.append(helper.make_node("Flatten", ["pool"], ["vector"], axis=1))
        name, shape_out = "vector", [1, 16]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(
                "pixels", TensorProto.FLOAT, ["n", 3, side or "h", side or "w"]
            )
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape_out)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path
