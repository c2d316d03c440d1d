"""From a feature net to one graph: uint8 picture in, pooled features out."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper

from station.core.errors import ModelError
from station.teach.features.cut import cut, find_taps, fix_shapes, float_maps
from station.teach.features.net import FeatureNet
from station.teach.features.nodes import Statistic, add_picture_input, add_statistic
from station.vision.card import ModelInput
from station.vision.geometry import Fit

STRIDES = (8, 16)
PLAIN: tuple[Statistic, ...] = ("mean", "std", "top")


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
        names = [
            add_statistic(graph, block.tap, block.statistic, shapes[block.tap]) for block in blocks
        ]
        graph.node.append(helper.make_node("Concat", names, ["features"], axis=1))
        length = sum(block.length for block in blocks)
        graph.output.append(
            helper.make_tensor_value_info("features", TensorProto.FLOAT, (1, length))
        )
        return proto


def build(net: FeatureNet, width: int, height: int, *, fit: Fit) -> (
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
    return FeatureGraph(add_picture_input(body.graph, contract), blocks, body)


def _blocks(net: FeatureNet, fixed: onnx.ModelProto, width: int, height: int) -> tuple[Block, ...]:
    shapes = float_maps(fixed)
    taps = {} if net.has_own_taps else find_taps(fixed, height, width, STRIDES)
    found: list[Block] = []
    for name in taps.values() or _outputs(net, fixed):
        shape = shapes.get(name, ())
        if len(shape) == 2:
            found.append(Block(name, "as_is", shape[1], 0))
        elif len(shape) == 4:
            stride = max(1, height // shape[2])
            found += [Block(name, kind, shape[1], stride) for kind in PLAIN]
            if min(shape[2:]) >= 2:
                found.append(Block(name, "grid", 4 * shape[1], stride))
    if not found:
        raise ModelError(
            f"feature net {net.card.name} has no feature map at stride 8 or 16 and no output with "
            f"2 or 4 dimensions at {width} x {height}; export it with fixed shapes"
        )
    return tuple(sorted(found, key=lambda block: block.stride))


def _outputs(net: FeatureNet, fixed: onnx.ModelProto) -> list[str]:
    outputs = [entry.name for entry in fixed.graph.output]
    named = [entry.name for entry in net.card.outputs]
    return [name for name in outputs if name in named] if net.has_own_taps else outputs
