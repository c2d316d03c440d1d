"""The model: one graph from the uint8 picture to score and heat map, nearest neighbours inside."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from station.teach.anomaly.eye import PATCHES, Eye
from station.teach.anomaly.memory import Memory
from station.teach.anomaly.patch_head import STEEPEST, PatchHead
from station.teach.anomaly.reading import Scales, worst_count
from station.teach.anomaly.space import Space
from station.teach.anomaly.way import Way
from station.teach.export import finished
from station.teach.features.nodes import add_constant, add_node

SCORE, HEAT_MAP = "score", "heat_map"
AXES_ARE_INPUTS_FROM = 18
"""The opset from which ReduceMax and ReduceMin take their axes as an input."""


@dataclass(frozen=True, slots=True)
class Mind:
    """What was learnt, before it is a graph."""

    space: Space
    memory: Memory
    head: PatchHead | None
    scales: Scales
    limit: float
    """The heat that becomes score 1."""


def with_mind(eye: Eye, mind: Mind, way: Way) -> bytes:
    """The eye's graph with memory and head behind it.

    Outputs `score`, float32 (1,), and `heat_map`, float32 (1, 1, rows, columns): 0 is what normal
    patches say in the mean, or less; 1 is the limit at teaching.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(eye.proto)
    graph = proto.graph
    del graph.output[:]
    z = _placed(graph, mind.space)
    distance = _distance(graph, z, mind.memory, _opset(proto))
    heat = _heat(graph, z, distance, mind, way)
    shape = add_constant(graph, "map_shape", np.array([1, 1, eye.rows, eye.columns], np.int64))
    add_node(graph, "Reshape", [heat, shape], HEAT_MAP)
    _summarise(graph, eye, way, _opset(proto))
    size = (1, 1, eye.rows, eye.columns)
    graph.output.extend(
        [
            helper.make_tensor_value_info(SCORE, TensorProto.FLOAT, (1,)),
            helper.make_tensor_value_info(HEAT_MAP, TensorProto.FLOAT, size),
        ]
    )
    return finished(proto)


def _placed(graph: onnx.GraphProto, space: Space) -> str:
    matrix = add_constant(graph, "space", space.matrix)
    offset = add_constant(graph, "space_offset", space.offset)
    return add_node(graph, "Gemm", [PATCHES, matrix, offset], "station.z")


def _distance(graph: onnx.GraphProto, z: str, memory: Memory, opset: int) -> str:
    """|z - m|^2 = |z|^2 + |m|^2 - 2 z m, its least over the memory, and the root; (patches, 1)."""
    if memory.places is not None:
        places = add_constant(graph, "places", memory.places)
        z = add_node(graph, "Concat", [z, places], "station.z_placed", axis=1)
    minus_two = add_constant(graph, "memory", np.ascontiguousarray(-2 * memory.patches.T))
    lengths = add_constant(graph, "memory_lengths", np.square(memory.patches).sum(axis=1))
    squares = add_node(graph, "Gemm", [z, minus_two, lengths], "station.squares")
    least = _reduce(graph, "ReduceMin", squares, "station.least", [1], opset, keepdims=1)
    own = add_node(graph, "Mul", [z, z], "station.z_squares")
    across = add_constant(graph, "across", np.array([1], np.int64))
    length = add_node(graph, "ReduceSum", [own, across], "station.z_length", keepdims=1)
    square = add_node(graph, "Add", [least, length], "station.square")
    positive = add_node(graph, "Relu", [square], "station.positive")
    return add_node(graph, "Sqrt", [positive], "station.distance")


def _heat(graph: onnx.GraphProto, z: str, distance: str, mind: Mind, way: Way) -> str:
    """(distance - mean) / spread [+ weight * the same of the log-odds], over the limit; >= 0."""
    scales = mind.scales
    factor = 1 / scales.distance[1]
    shift = -scales.distance[0] * factor
    heat = _scaled(graph, distance, factor / mind.limit, "distance_heat")
    if mind.head is not None:
        odds_factor = way.head_weight / scales.odds[1]
        shift -= scales.odds[0] * odds_factor
        odds = _log_odds(graph, z, distance, mind.head)
        odds_heat = _scaled(graph, odds, odds_factor / mind.limit, "odds_heat")
        heat = add_node(graph, "Add", [heat, odds_heat], "station.both")
    offset = add_constant(graph, "heat_offset", np.float32(shift / mind.limit))
    moved = add_node(graph, "Add", [heat, offset], "station.moved")
    return add_node(graph, "Relu", [moved], "station.heat")


def _scaled(graph: onnx.GraphProto, name: str, factor: float, output: str) -> str:
    constant = add_constant(graph, f"{output}_factor", np.float32(factor))
    return add_node(graph, "Mul", [name, constant], f"station.{output}")


def _log_odds(graph: onnx.GraphProto, z: str, distance: str, head: PatchHead) -> str:
    seen = add_node(graph, "Concat", [z, distance], "station.seen", axis=1)
    layers = (("inner", head.inner, head.inner_bias), ("outer", head.outer, head.outer_bias))
    for name, weights, bias in layers:
        inputs = [seen, add_constant(graph, name, weights), add_constant(graph, f"{name}_bias", bias)]  # fmt: skip  # noqa: E501
        seen = add_node(graph, "Gemm", inputs, f"station.{name}_sum")
        if name == "inner":
            seen = add_node(graph, "Relu", [seen], "station.hidden")
    ends = [add_constant(graph, f"steepest{sign}", np.float32(sign * STEEPEST)) for sign in (-1, 1)]
    return add_node(graph, "Clip", [seen, *ends], "station.log_odds")


def _summarise(graph: onnx.GraphProto, eye: Eye, way: Way, opset: int) -> None:
    if way.summary == "worst_share":
        flat_shape = add_constant(graph, "flat", np.array([1, -1], np.int64))
        flat = add_node(graph, "Reshape", [HEAT_MAP, flat_shape], "station.all")
        count = add_constant(
            graph, "worst_count", np.array([worst_count(eye.rows * eye.columns)], np.int64)
        )
        graph.node.append(
            helper.make_node("TopK", [flat, count], ["station.worst", "station.where"], sorted=0)
        )
        _reduce(graph, "ReduceMean", "station.worst", SCORE, [1], opset, keepdims=0)
        return
    heat = HEAT_MAP
    if way.summary == "smoothed_max":
        heat = add_node(
            graph, "AveragePool", [HEAT_MAP], "station.smoothed",
            kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=0,
        )  # fmt: skip
    _reduce(graph, "ReduceMax", heat, SCORE, [1, 2, 3], opset, keepdims=0)


def _reduce(
    graph: onnx.GraphProto, operator: str, name: str, output: str, axes: list[int], opset: int,
    *, keepdims: int,
) -> str:  # fmt: skip
    if opset < AXES_ARE_INPUTS_FROM:
        return add_node(graph, operator, [name], output, axes=axes, keepdims=keepdims)
    wanted = add_constant(graph, f"{output}.axes", np.array(axes, np.int64))
    return add_node(graph, operator, [name, wanted], output, keepdims=keepdims)


def _opset(proto: onnx.ModelProto) -> int:
    return max(
        int(entry.version) for entry in proto.opset_import if entry.domain in ("", "ai.onnx")
    )
