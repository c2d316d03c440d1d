"""Writing ONNX nodes: the picture's way into a net, and the statistics of its feature maps."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from station.core.errors import ModelError
from station.vision.card import ModelInput

PREFIX = "station."
STRONGEST = 0.02
"""Share of the places the statistic `top` averages: what a small defect stands out in."""

Statistic = Literal["mean", "std", "top", "grid", "as_is"]


def add_picture_input(graph: onnx.GraphProto, contract: ModelInput) -> ModelInput:
    """Put the way of the uint8 BGR picture before a net; returns the new graph's contract.

    A net that takes uint8 pictures as they are is left alone.

    Raises:
        ModelError: the net's own contract is none that is known.
    """
    if contract.normalisation == "in_graph" and contract.layout == "NHWC":
        return contract
    if contract.layout != "NCHW" or contract.dtype != "float32" or contract.channels != 3:
        raise ModelError(
            "a feature net must take NCHW float32 with three channels, or NHWC uint8 with the "
            f"normalisation in the graph; its card says {contract.layout} {contract.dtype}"
        )
    picture = "picture" if contract.name == "image" else "image"
    own = list(graph.node)
    del graph.node[:], graph.input[:]
    _normalise(graph, contract, picture)
    graph.node.extend(own)
    size = (1, contract.height, contract.width, 3)
    graph.input.append(helper.make_tensor_value_info(picture, TensorProto.UINT8, size))
    return ModelInput(
        name=picture,
        width=contract.width,
        height=contract.height,
        fit=contract.fit,
        pad=contract.pad,
    )


def _normalise(graph: onnx.GraphProto, contract: ModelInput, picture: str) -> None:
    """x = (pixel * scale - mean) / std as one DequantizeLinear and one Add, both exact."""
    std = np.array(contract.std or (1.0,), np.float64)
    offset = -np.array(contract.mean or (0.0,), np.float64) / std
    scale = contract.scale / std
    name = add_node(graph, "Transpose", [picture], f"{PREFIX}planes", perm=[0, 3, 1, 2])
    if contract.channel_order == "RGB":
        order = add_constant(graph, "rgb", np.array([2, 1, 0], np.int64))
        name = add_node(graph, "Gather", [name, order], f"{PREFIX}rgb_planes", axis=1)
    one_for_all = bool(np.ptp(scale) == 0)
    factor = add_constant(
        graph, "scale", np.float32(scale[0]) if one_for_all else np.float32(scale)
    )
    is_centred = bool((offset == 0).all())
    scaled = contract.name if is_centred else f"{PREFIX}scaled"
    add_node(graph, "DequantizeLinear", [name, factor], scaled, axis=1)
    if not is_centred:
        shift = add_constant(graph, "offset", np.float32(offset.reshape(1, -1, 1, 1)))
        add_node(graph, "Add", [scaled, shift], contract.name)


def add_statistic(
    graph: onnx.GraphProto, tap: str, statistic: Statistic, shape: tuple[int, ...]
) -> str:
    """Append one statistic of a map; returns the name of its (1, numbers) tensor."""
    if statistic == "as_is":
        return tap
    stem = f"{PREFIX}{tap}.{statistic}"
    pooled = _POOLINGS[statistic](graph, tap, stem, shape)
    return add_node(graph, "Flatten", [pooled], stem, axis=1)


def _mean(graph: onnx.GraphProto, tap: str, stem: str, _: tuple[int, ...]) -> str:
    return add_node(graph, "GlobalAveragePool", [tap], f"{stem}.pooled")


def _std(graph: onnx.GraphProto, tap: str, stem: str, _: tuple[int, ...]) -> str:
    centre = add_node(graph, "GlobalAveragePool", [tap], f"{stem}.centre")
    away = add_node(graph, "Sub", [tap, centre], f"{stem}.away")
    square = add_node(graph, "Mul", [away, away], f"{stem}.square")
    variance = add_node(graph, "GlobalAveragePool", [square], f"{stem}.variance")
    return add_node(graph, "Sqrt", [variance], f"{stem}.pooled")


def _top(graph: onnx.GraphProto, tap: str, stem: str, shape: tuple[int, ...]) -> str:
    places = shape[2] * shape[3]
    count = max(1, round(places * STRONGEST))
    flat_shape = add_constant(graph, f"{tap}.flat", np.array([1, shape[1], places], np.int64))
    flat = add_node(graph, "Reshape", [tap, flat_shape], f"{stem}.places")
    wanted = add_constant(graph, f"{tap}.count", np.array([count], np.int64))
    strongest = f"{stem}.strongest"
    graph.node.append(
        helper.make_node("TopK", [flat, wanted], [strongest, f"{stem}.where"], sorted=0)
    )
    return add_node(graph, "GlobalAveragePool", [strongest], f"{stem}.pooled")


def _grid(graph: onnx.GraphProto, tap: str, stem: str, shape: tuple[int, ...]) -> str:
    tall, wide = shape[2] // 2, shape[3] // 2
    kernel = [shape[2] - tall, shape[3] - wide]
    return add_node(
        graph, "AveragePool", [tap], f"{stem}.pooled", kernel_shape=kernel, strides=[tall, wide]
    )


_POOLINGS: dict[str, Callable[[onnx.GraphProto, str, str, tuple[int, ...]], str]] = {
    "mean": _mean,
    "std": _std,
    "top": _top,
    "grid": _grid,
}


def add_node(
    graph: onnx.GraphProto, operator: str, inputs: list[str], output: str, **attributes: Any
) -> str:
    graph.node.append(helper.make_node(operator, inputs, [output], **attributes))
    return output


def add_constant(graph: onnx.GraphProto, name: str, value: NDArray[np.generic] | np.generic) -> str:
    full = f"{PREFIX}{name}"
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), full))
    return full
