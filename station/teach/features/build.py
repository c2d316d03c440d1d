"""From a feature net to one graph: uint8 picture in, pooled features out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from station.core.errors import ModelError
from station.teach.features.cut import cut, find_taps, fix_shapes, float_maps
from station.teach.features.net import FeatureNet
from station.vision.card import ModelInput

STRIDES = (8, 16)
STRONGEST = 0.02
"""Share of the places the statistic `top` averages: what a small defect stands out in."""
PREFIX = "station."

Statistic = Literal["mean", "std", "top", "grid", "as_is"]


@dataclass(frozen=True, slots=True)
class Block:
    """One statistic of one feature map: a run of numbers in the feature vector."""

    tap: str
    statistic: Statistic
    length: int
    stride: int
    """0 for a net's own output."""


@dataclass(frozen=True, slots=True)
class FeatureGraph:
    """A net made ready at one input size; any choice of its blocks can be turned into a model."""

    contract: ModelInput
    blocks: tuple[Block, ...]
    body: onnx.ModelProto

    def model(self, blocks: Sequence[Block]) -> onnx.ModelProto:
        """A model from the uint8 picture to `features`, float32 (1, sum of the blocks' lengths)."""
        proto = cut(self.body, list(dict.fromkeys(block.tap for block in blocks)))
        shapes = float_maps(self.body)
        graph = proto.graph
        del graph.output[:]
        names = [_pool(graph, block, shapes[block.tap]) for block in blocks]
        graph.node.append(helper.make_node("Concat", names, ["features"], axis=1))
        length = sum(block.length for block in blocks)
        graph.output.append(
            helper.make_tensor_value_info("features", TensorProto.FLOAT, (1, length))
        )
        return proto


def build(net: FeatureNet, width: int, height: int, *, fit: Literal["stretch", "letterbox"]) -> (
    FeatureGraph
):  # fmt: skip
    """Fix a net to one input size, put the picture's way in before it, and find its blocks.

    Raises:
        ModelError: the net does not run at this size, or gives nothing that can be pooled.
    """
    card = net.card
    contract = card.input.model_copy(update={"width": width, "height": height, "fit": fit})
    fixed = fix_shapes(net.proto, contract.name, contract.shape, card.reference)
    blocks = _blocks(net, fixed, width, height)
    body = cut(fixed, list(dict.fromkeys(block.tap for block in blocks)))
    body.graph.value_info.extend(
        entry
        for entry in (*fixed.graph.value_info, *fixed.graph.output)
        if entry.name in {block.tap for block in blocks}
    )
    return FeatureGraph(_add_picture_input(body, contract), blocks, body)


def _blocks(net: FeatureNet, fixed: onnx.ModelProto, width: int, height: int) -> tuple[Block, ...]:
    shapes = float_maps(fixed)
    taps = {} if net.has_own_taps else find_taps(fixed, height, width, STRIDES)
    if not taps:
        outputs = [entry.name for entry in fixed.graph.output]
        if net.has_own_taps and net.card.outputs[0].name in outputs:
            outputs = [entry.name for entry in net.card.outputs]
        named = [name for name in outputs if len(shapes.get(name, ())) in (2, 4)]
        if not named:
            raise ModelError(
                f"feature net {net.card.name} has no feature map at stride 8 or 16 and no output "
                f"with 2 or 4 dimensions at {width} x {height}; export it with fixed shapes"
            )
        taps = {_stride(shapes[name], height): name for name in named}
    found: list[Block] = []
    for stride, name in sorted(taps.items()):
        shape = shapes[name]
        if len(shape) == 2:
            found.append(Block(name, "as_is", shape[1], 0))
            continue
        found += [Block(name, kind, shape[1], stride) for kind in _PLAIN]
        if min(shape[2:]) >= 2:
            found.append(Block(name, "grid", 4 * shape[1], stride))
    return tuple(found)


_PLAIN: tuple[Statistic, ...] = ("mean", "std", "top")


def _stride(shape: tuple[int, ...], height: int) -> int:
    return max(1, height // shape[2]) if len(shape) == 4 else 0


def _add_picture_input(proto: onnx.ModelProto, contract: ModelInput) -> ModelInput:
    """Put the way of the uint8 BGR picture before the net; returns the graph's own contract.

    x = (pixel * scale - mean) / std becomes one DequantizeLinear and one Add, both exact.
    """
    if contract.normalisation == "in_graph" and contract.layout == "NHWC":
        return contract
    if contract.layout != "NCHW" or contract.dtype != "float32" or contract.channels != 3:
        raise ModelError(
            "a feature net must take NCHW float32 with three channels, or NHWC uint8 with the "
            f"normalisation in the graph; its card says {contract.layout} {contract.dtype}"
        )
    graph = proto.graph
    std = np.array(contract.std or (1.0,), np.float64)
    scale = contract.scale / std
    offset = -np.array(contract.mean or (0.0,), np.float64) / std
    before: list[onnx.NodeProto] = []

    def add(operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        before.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    name = add("Transpose", ["image"], f"{PREFIX}planes", perm=[0, 3, 1, 2])
    if contract.channel_order == "RGB":
        order = _constant(graph, "rgb", np.array([2, 1, 0], np.int64))
        name = add("Gather", [name, order], f"{PREFIX}rgb_planes", axis=1)
    shape = () if np.ptp(scale) == 0 else (3,)
    factor = np.broadcast_to(scale[0] if not shape else scale, shape).astype(np.float32)
    scale_name = _constant(graph, "scale", factor)
    if (offset == 0).all():
        add("DequantizeLinear", [name, scale_name], contract.name, axis=1)
    else:
        name = add("DequantizeLinear", [name, scale_name], f"{PREFIX}scaled", axis=1)
        shift = _constant(graph, "offset", offset.reshape(1, -1, 1, 1).astype(np.float32))
        add("Add", [name, shift], contract.name)
    rest = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend([*before, *rest])
    size = (1, contract.height, contract.width, 3)
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, size))
    return ModelInput(
        width=contract.width, height=contract.height, fit=contract.fit, pad=contract.pad
    )


def _pool(graph: onnx.GraphProto, block: Block, shape: tuple[int, ...]) -> str:
    """Append one statistic of a tap to a graph; returns the name of its (1, length) tensor."""
    stem = f"{PREFIX}{block.tap}.{block.statistic}"

    def add(operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        graph.node.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    if block.statistic == "as_is":
        return block.tap
    if block.statistic == "mean":
        pooled = add("GlobalAveragePool", [block.tap], f"{stem}.pooled")
    elif block.statistic == "std":
        centre = add("GlobalAveragePool", [block.tap], f"{stem}.centre")
        away = add("Sub", [block.tap, centre], f"{stem}.away")
        square = add("Mul", [away, away], f"{stem}.square")
        pooled = add("Sqrt", [add("GlobalAveragePool", [square], f"{stem}.var")], f"{stem}.pooled")
    elif block.statistic == "top":
        places = shape[2] * shape[3]
        flat_shape = _constant(graph, f"{block.tap}.flat", np.array([1, shape[1], places]))
        flat = add("Reshape", [block.tap, flat_shape], f"{stem}.places")
        count = _constant(
            graph, f"{block.tap}.count", np.array([max(1, round(places * STRONGEST))], np.int64)
        )
        strongest = f"{stem}.strongest"
        graph.node.append(
            helper.make_node("TopK", [flat, count], [strongest, f"{stem}.where"], sorted=0)
        )
        pooled = add("GlobalAveragePool", [strongest], f"{stem}.pooled")
    else:
        tall, wide = shape[2] // 2, shape[3] // 2
        pooled = add(
            "AveragePool", [block.tap], f"{stem}.pooled", strides=[tall, wide],
            kernel_shape=[shape[2] - tall, shape[3] - wide],
        )  # fmt: skip
    return add("Flatten", [pooled], stem, axis=1)


def _constant(graph: onnx.GraphProto, name: str, value: NDArray[np.generic]) -> str:
    full = f"{PREFIX}{name}"
    graph.initializer.append(numpy_helper.from_array(value, full))
    return full
