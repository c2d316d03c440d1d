"""Small real graphs in the layouts other tools export: colours, boxes, masks, anomalies."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

COLOURS: Mapping[str, tuple[float, float, float]] = {
    "ok": (0.5, 0.5, 0.5),
    "rust": (0.62, 0.3, 0.18),
    "paint": (0.18, 0.3, 0.62),
    "dark": (0.2, 0.2, 0.2),
}
"""Red, green and blue, 0 to 1, of each class `colours` tells apart."""

SHARPNESS = 60.0


def model_of(
    nodes: Sequence[onnx.NodeProto],
    entry: tuple[str, int, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
    constants: Mapping[str, NDArray[np.generic]],
    metadata: Mapping[str, str] | None = None,
    kinds: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """A checked model of opset 17."""
    graph = helper.make_graph(
        list(nodes),
        "made",
        [helper.make_tensor_value_info(*entry)],
        [
            helper.make_tensor_value_info(name, (kinds or {}).get(name, TensorProto.FLOAT), shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    return model


def colours(
    *,
    layout: str = "NCHW",
    order: str = "RGB",
    ends: str = "logits",
    size: Sequence[int | str] = (1, 32, 32),
    in_graph: bool = False,
    metadata: Mapping[str, str] | None = None,
    classes: Sequence[str] = tuple(COLOURS),
) -> onnx.ModelProto:
    """The class whose colour is nearest to the mean colour of a picture, values from 0 to 1.

    Args:
        ends: logits, softmax, or sigmoid (one number: the second of two classes).
        size: batch, height and width.
        in_graph: ImageNet's means are subtracted in the graph (and added again).
    """
    turn = slice(None) if order == "RGB" else slice(None, None, -1)
    prototypes = np.array([COLOURS[name] for name in classes], np.float32)[:, turn]
    weights = (2 * SHARPNESS * prototypes).T
    bias = -SHARPNESS * (prototypes**2).sum(axis=1)
    if ends == "sigmoid":
        weights, bias = weights[:, 1:] - weights[:, :1], bias[1:] - bias[:1]
    batch, height, width = size
    shape = (batch, 3, height, width) if layout == "NCHW" else (batch, height, width, 3)
    channels = (1, 3, 1, 1) if layout == "NCHW" else (1, 1, 1, 3)
    constants: dict[str, NDArray[np.generic]] = {
        "weights": weights.astype(np.float32), "bias": bias.astype(np.float32),
    }  # fmt: skip
    nodes = []
    first = "input"
    if in_graph:
        mean = np.array([0.485, 0.456, 0.406], np.float32)[turn].reshape(channels)
        std = np.array([0.229, 0.224, 0.225], np.float32)[turn].reshape(channels)
        constants |= {"mean": mean, "std": std}
        nodes = [
            helper.make_node("Sub", ["input", "mean"], ["centred"]),
            helper.make_node("Div", ["centred", "std"], ["even"]),
            helper.make_node("Relu", ["even"], ["positive"]),
            helper.make_node("Sub", ["even", "positive"], ["negative"]),
            helper.make_node("Add", ["positive", "negative"], ["again"]),
            helper.make_node("Mul", ["again", "std"], ["wide"]),
            helper.make_node("Add", ["wide", "mean"], ["pixels"]),
        ]
        first = "pixels"
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    last = {"logits": "Identity", "softmax": "Softmax", "sigmoid": "Sigmoid"}[ends]
    nodes += [
        helper.make_node("ReduceMean", [first], ["colour"], axes=axes, keepdims=0),
        helper.make_node("Gemm", ["colour", "weights", "bias"], ["numbers"]),
        helper.make_node(last, ["numbers"], ["output"]),
    ]
    count = weights.shape[1]
    return model_of(
        nodes, ("input", TensorProto.FLOAT, shape), {"output": [batch, count]}, constants, metadata
    )
