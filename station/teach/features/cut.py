"""Cutting a net where its feature maps are: fixed input size, taps by stride, unused parts gone."""

from collections.abc import Iterable, Sequence

import onnx
from onnx import TensorProto, shape_inference, version_converter

from station.core.errors import ModelError

MIN_OPSET = 13
"""From here on DequantizeLinear knows channels and Softmax one axis."""
TARGET_OPSET = 17

Shapes = dict[str, tuple[int, ...]]


def float_input_shape(proto: onnx.ModelProto, name: str) -> tuple[str, tuple[int, ...]]:
    """Name and shape of the one input, which must be float NCHW with 3 channels; 0 is "any".

    Raises:
        ModelError: the net takes something else.
    """
    constants = {tensor.name for tensor in proto.graph.initializer}
    inputs = [entry for entry in proto.graph.input if entry.name not in constants]
    if len(inputs) == 1 and inputs[0].type.tensor_type.elem_type == TensorProto.FLOAT:
        dims = inputs[0].type.tensor_type.shape.dim
        shape = tuple(dim.dim_value for dim in dims)
        if len(shape) == 4 and shape[0] in (0, 1) and shape[1] in (0, 3):
            return inputs[0].name, shape
    found = ", ".join(
        f"{entry.name} {[dim.dim_value or dim.dim_param or '?' for dim in dims]}"
        for entry in inputs
        for dims in [entry.type.tensor_type.shape.dim]
    )
    raise ModelError(
        f"feature net {name} takes {found or 'nothing'}; without a card.json beside it one float "
        "input (1, 3, height, width) is expected; export it so, or write a card"
    )


def fix_shapes(
    proto: onnx.ModelProto, input_name: str, shape: Sequence[int], name: str
) -> onnx.ModelProto:
    """A copy with a fixed input shape, opset 13 or newer, and every shape that follows from it.

    Raises:
        ModelError: the shapes contradict each other, or the opset cannot be raised.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    constants = {tensor.name for tensor in fixed.graph.initializer}
    keep = [entry for entry in fixed.graph.input if entry.name not in constants]
    del fixed.graph.input[:], fixed.graph.value_info[:]
    fixed.graph.input.extend(keep)
    for entry in (entry for entry in fixed.graph.input if entry.name == input_name):
        for dim, size in zip(entry.type.tensor_type.shape.dim, shape, strict=True):
            dim.dim_value = size
    for output in fixed.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        return shape_inference.infer_shapes(raise_opset(fixed), strict_mode=True, data_prop=True)
    except Exception as error:  # onnx's checkers raise many kinds
        raise ModelError(
            f"feature net {name} cannot be used at input shape {tuple(shape)}: {str(error)[:300]}"
        ) from error


def raise_opset(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same model in opset 13 or newer."""
    opset = max(
        (entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")),
        default=0,
    )
    if opset >= MIN_OPSET:
        return proto
    return version_converter.convert_version(proto, TARGET_OPSET)


def find_taps(
    proto: onnx.ModelProto, height: int, width: int, strides: Iterable[int]
) -> dict[int, str]:
    """For each stride the deepest map of the net's own way down: the last before the next halving.

    Works from inferred shapes alone, so that names do not matter. Strides a net lacks are left out.
    """
    shapes = float_maps(proto)
    order = [name for node in proto.graph.node for name in node.output if name in shapes]
    taps = {}
    for stride in strides:
        here = [name for name in order if _is_at(shapes[name], height, width, stride)]
        next_down = next(
            (
                position
                for position, name in enumerate(order)
                if _is_at(shapes[name], height, width, 2 * stride)
            ),
            len(order),
        )
        before = [name for name in here if order.index(name) < next_down]
        if before:
            taps[stride] = before[-1]
    return taps


def float_maps(proto: onnx.ModelProto) -> Shapes:
    """Every float tensor whose shape is fully known -> its shape."""
    known: Shapes = {}
    for entry in (*proto.graph.value_info, *proto.graph.output):
        tensor = entry.type.tensor_type
        dims = tuple(dim.dim_value for dim in tensor.shape.dim)
        if tensor.elem_type == TensorProto.FLOAT and dims and all(dims):
            known[entry.name] = dims
    return known


def cut(proto: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    """The part of a model that `outputs` need; they become its outputs, still without shapes."""
    needed, kept = set(outputs), []
    for node in reversed(proto.graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= _uses(node)
    part = onnx.ModelProto()
    part.CopyFrom(proto)
    graph = part.graph
    del graph.node[:], graph.output[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(x for x in proto.graph.initializer if x.name in needed)
    graph.output.extend(
        onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs
    )
    return part


def _is_at(shape: tuple[int, ...], height: int, width: int, stride: int) -> bool:
    return len(shape) == 4 and shape[2:] == (-(-height // stride), -(-width // stride))


def _uses(node: onnx.NodeProto) -> set[str]:
    """The names a node reads, those of its inner graphs included."""
    used = set(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                used |= _uses(inner)
    return used
