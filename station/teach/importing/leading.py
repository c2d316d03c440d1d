"""What the first nodes of a graph do to the picture tells what they expect."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

IMAGENET_MEAN: tuple[float, ...] = (0.485, 0.456, 0.406)
IMAGENET_STD: tuple[float, ...] = (0.229, 0.224, 0.225)
"""Of red, green and blue, 0 to 1: the means and deviations of the ImageNet training set."""
CAFFE_MEAN: tuple[float, ...] = (103.939, 116.779, 123.68)
"""Of blue, green and red, 0 to 255: the means of the same set, as the Caffe nets use them."""

_PASSES = frozenset({"Cast", "Transpose", "Resize", "Identity", "Unsqueeze", "Squeeze", "Reshape"})
_CLOSE = 0.02
_MOST_NODES = 24

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leading:
    """What the graph's own normalisation gives away."""

    range: str
    """`byte` or `unit`: what the graph expects."""
    order: str
    """RGB or BGR; empty where the channels are treated alike."""
    because: str


def find_leading(proto: onnx.ModelProto, entry: str) -> Leading | None:
    """What the normalisation at the start of a graph says of its input; None without one."""
    factor, offset = _affine(proto, entry)
    for order in ("RGB", "BGR"):
        turn = slice(None) if order == "RGB" else slice(None, None, -1)
        mean, std = np.array(IMAGENET_MEAN)[turn], np.array(IMAGENET_STD)[turn]
        caffe = np.array(CAFFE_MEAN[::-1])[turn]
        if _same(factor, 1 / std) and _same(offset, -mean / std):
            return Leading("unit", order, f"the graph subtracts ImageNet's means of {order}")
        if _same(factor, 1 / (255 * std)) and _same(offset, -mean / std):
            return Leading("byte", order, f"the graph subtracts ImageNet's means of {order} x 255")
        if _same(factor, np.ones(3)) and _same(offset, -caffe):
            return Leading("byte", order, f"the graph subtracts ImageNet's means of {order} x 255")
    for scale, shift, told in ((1 / 255, 0, "byte"), (1 / 127.5, -1, "byte"), (2, -1, "unit")):
        if _same(factor, np.full(3, scale)) and _same(offset, np.full(3, float(shift))):
            ends = "0 to 255" if told == "byte" else "0 to 1"
            return Leading(told, "", f"the graph's first step expects values from {ends}")
    return None


def _affine(proto: onnx.ModelProto, entry: str) -> tuple[Vector, Vector]:
    """Factor and offset a channel, (3,) each, of the first nodes taken together."""
    constants = _constants(proto)
    factor, offset, name = np.ones(3), np.zeros(3), entry
    for _ in range(_MOST_NODES):
        users = [n for n in proto.graph.node if name in n.input and n.op_type != "Shape"]
        if len(users) != 1 or len(users[0].output) != 1:
            break
        step = _step(users[0], name, constants)
        if step is None:
            break
        factor, offset = factor * step[0], offset * step[0] + step[1]
        name = users[0].output[0]
    return factor, offset


def _step(
    node: onnx.NodeProto, name: str, constants: Mapping[str, Vector]
) -> tuple[Vector, Vector] | None:
    """One node as factor and offset a channel; None where it is neither that nor harmless."""
    if node.op_type in _PASSES:
        return np.ones(3), np.zeros(3)
    if node.op_type not in ("Add", "Sub", "Mul", "Div") or len(node.input) != 2:
        return None
    other = node.input[1] if node.input[0] == name else node.input[0]
    value = constants.get(other)
    is_turned = node.input[1] == name
    if value is None or value.size not in (1, 3) or (is_turned and node.op_type == "Div"):
        return None
    number = np.broadcast_to(value.reshape(-1), 3).astype(np.float64)
    if node.op_type == "Mul":
        return number, np.zeros(3)
    if node.op_type == "Div":
        return (1 / number, np.zeros(3)) if number.all() else None
    if node.op_type == "Add":
        return np.ones(3), number
    return (-np.ones(3), number) if is_turned else (np.ones(3), -number)


def _constants(proto: onnx.ModelProto) -> dict[str, Vector]:
    small = [tensor for tensor in proto.graph.initializer if np.prod(tensor.dims) <= 3]
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in small}
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return {name: np.asarray(value, np.float64) for name, value in found.items()}


def _same(one: Vector, other: Vector) -> bool:
    return bool(np.allclose(one, other, rtol=_CLOSE, atol=1e-6))
