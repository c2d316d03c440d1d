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
    "light": (0.8, 0.8, 0.8),
}
"""Red, green and blue, 0 to 1, of each class `colours` tells apart.

Good parts lie between dark and light ones: with numbers of another range they are never named.
"""

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


def blob_boxes(
    style: str,
    *,
    px: int = 64,
    unit: str = "pixels",
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """A detector of red and blue squares of 8 pixels, in the layout of `style`.

    Each place of a grid of stride 8 answers one box of 8 pixels about its middle, with the mean of
    red - green as the confidence of class 0 and of blue - green as that of class 1 (RGB, 0 to 1).

    Args:
        style: v5 (1, 3n, 5 + 2), v8 (1, 4 + 2, n), v8seg (32 coefficients and prototypes more),
            nms (1, 20, 6) or corners (1, n, 4 + 2).
    """
    side = px // 8
    count = side * side
    middle = (np.arange(side, dtype=np.float32) + 0.5) * 8
    grid = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2)
    place = np.concatenate([grid, np.full_like(grid, 8)], 1)
    if style in ("nms", "corners"):
        place = np.concatenate([grid - 4, grid + 4], 1)
    if unit == "input_size":
        place = place / px
    constants: dict[str, NDArray[np.generic]] = {
        "place": place.astype(np.float32)[None],
        "mix": np.array([[1, -1, 0], [0, -1, 1]], np.float32).reshape(2, 3, 1, 1),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "flat": np.array([1, 2, count], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["images", "mix"], ["differences"]),
        helper.make_node("Clip", ["differences", "zero", "one"], ["evidence"]),
        helper.make_node(
            "AveragePool", ["evidence"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]
        ),
        helper.make_node("Reshape", ["cells", "flat"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["scores"], perm=[0, 2, 1]),
    ]
    outputs: dict[str, Sequence[int | str]] = {}
    if style == "nms":
        nodes += _strongest_twenty(constants)
        outputs["output0"] = [1, 20, 6]
    elif style == "v5":
        constants |= {
            "sure": np.ones((1, count, 1), np.float32),
            "nothing": np.zeros((1, 2 * count, 7), np.float32),
        }
        nodes += [
            helper.make_node("Concat", ["place", "sure", "scores"], ["rows"], axis=2),
            helper.make_node("Concat", ["rows", "nothing"], ["output0"], axis=1),
        ]
        outputs["output0"] = [1, 3 * count, 7]
    elif style == "corners":
        nodes.append(helper.make_node("Concat", ["place", "scores"], ["output0"], axis=2))
        outputs["output0"] = [1, count, 6]
    else:
        parts, numbers = ["place", "scores"], 6
        if style == "v8seg":
            constants["coefficients"] = np.tile(
                np.eye(1, 32, dtype=np.float32)[None], (1, count, 1)
            )
            constants["half"] = np.array(0.25, np.float32)
            constants["wide"] = np.array([1, 32, 1, 1], np.int64)
            parts, numbers = [*parts, "coefficients"], 38
            nodes += [
                helper.make_node("ReduceMax", ["evidence"], ["any"], axes=[1], keepdims=1),
                helper.make_node(
                    "AveragePool", ["any"], ["quarter"], kernel_shape=[2, 2], strides=[2, 2]
                ),
                helper.make_node("Sub", ["quarter", "half"], ["shape"]),
                helper.make_node("Expand", ["shape", "wide"], ["output1"]),
            ]
        nodes += [
            helper.make_node("Concat", parts, ["rows"], axis=2),
            helper.make_node("Transpose", ["rows"], ["output0"], perm=[0, 2, 1]),
        ]
        outputs["output0"] = [1, numbers, count]
        if style == "v8seg":
            outputs["output1"] = [1, 32, px // 2, px // 2]
    return model_of(
        nodes, ("images", TensorProto.FLOAT, [1, 3, px, px]), outputs, constants, metadata
    )


def _strongest_twenty(constants: dict[str, NDArray[np.generic]]) -> list[onnx.NodeProto]:
    """Boxes, best score and class of the twenty strongest places, as exports with NMS give them."""
    constants |= {
        "twenty": np.array([20], np.int64),
        "last": np.array([-1], np.int64),
        "first": np.array([0], np.int64),
    }
    return [
        helper.make_node("ReduceMax", ["scores"], ["best"], axes=[2], keepdims=1),
        helper.make_node("ArgMax", ["scores"], ["which"], axis=2, keepdims=1),
        helper.make_node("Cast", ["which"], ["class"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["place", "best", "class"], ["all"], axis=2),
        helper.make_node("TopK", ["best", "twenty"], ["top", "index"], axis=1),
        helper.make_node("Squeeze", ["index", "last"], ["rank"]),
        helper.make_node("Squeeze", ["rank", "first"], ["order"]),
        helper.make_node("Gather", ["all", "order"], ["output0"], axis=1),
    ]


def colour_mask(ends: str, *, px: int = 32, planes: int = 3) -> onnx.ModelProto:
    """A mask of red and blue places against the ground, (1, 3, 32, 32), RGB from 0 to 1.

    Args:
        ends: logits, softmax, sigmoid (one plane: red), nhwc or argmax.
    """
    rows = np.array([[0, 0, 0], [20, -20, 0], [0, -20, 20]], np.float32)
    bias = np.array([0, -5, -5], np.float32)
    if planes == 1:
        rows, bias = rows[1:2], bias[1:2]
    nodes = [helper.make_node("Conv", ["input", "rows", "bias"], ["numbers"])]
    shape: list[int] = [1, planes, px, px]
    kinds = {}
    if ends == "argmax":
        nodes.append(helper.make_node("ArgMax", ["numbers"], ["mask"], axis=1, keepdims=0))
        shape, kinds = [1, px, px], {"mask": TensorProto.INT64}
    elif ends == "nhwc":
        nodes += [
            helper.make_node("Transpose", ["numbers"], ["last"], perm=[0, 2, 3, 1]),
            helper.make_node("Softmax", ["last"], ["mask"], axis=-1),
        ]
        shape = [1, px, px, planes]
    elif ends == "softmax":
        nodes.append(helper.make_node("Softmax", ["numbers"], ["mask"], axis=1))
    else:
        last = {"logits": "Identity", "sigmoid": "Sigmoid"}[ends]
        nodes.append(helper.make_node(last, ["numbers"], ["mask"]))
    constants: dict[str, NDArray[np.generic]] = {
        "rows": rows.reshape(planes, 3, 1, 1),
        "bias": bias,
    }
    entry = ("input", TensorProto.FLOAT, [1, 3, px, px])
    return model_of(nodes, entry, {"mask": shape}, constants, kinds=kinds)


def anomalib_like(size: Sequence[int | str] = (1, 64, 64)) -> onnx.ModelProto:
    """As anomalib 2 exports: ImageNet's means inside, then score, label, map and mask.

    The map is the distance from grey 0.5, the score its maximum, both 0 to 1.
    """
    batch, height, width = size
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1)
    std = np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)
    constants: dict[str, NDArray[np.generic]] = {
        "mean": mean, "std": std, "middle": np.array(0.5, np.float32),
        "zero": np.array(0, np.float32), "one": np.array(1, np.float32),
        "two": np.array(2, np.float32), "batch_only": np.array([-1, 1], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Sub", ["input", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["even"]),
        helper.make_node("Relu", ["even"], ["above"]),
        helper.make_node("Neg", ["even"], ["turned"]),
        helper.make_node("Relu", ["turned"], ["below"]),
        helper.make_node("Sub", ["above", "below"], ["again"]),
        helper.make_node("Mul", ["again", "std"], ["wide"]),
        helper.make_node("Add", ["wide", "mean"], ["pixels"]),
        helper.make_node("ReduceMean", ["pixels"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["grey", "middle"], ["away"]),
        helper.make_node("Abs", ["away"], ["far"]),
        helper.make_node("Mul", ["far", "two"], ["twice"]),
        helper.make_node("Clip", ["twice", "zero", "one"], ["anomaly_map"]),
        helper.make_node("ReduceMax", ["anomaly_map"], ["top"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["top", "batch_only"], ["pred_score"]),
        helper.make_node("Greater", ["pred_score", "middle"], ["pred_label"]),
        helper.make_node("Greater", ["anomaly_map", "middle"], ["pred_mask"]),
    ]
    outputs: dict[str, Sequence[int | str]] = {
        "pred_score": [batch, 1], "pred_label": [batch, 1],
        "anomaly_map": [batch, 1, height, width], "pred_mask": [batch, 1, height, width],
    }  # fmt: skip
    return model_of(
        nodes, ("input", TensorProto.FLOAT, [batch, 3, height, width]), outputs, constants,
        kinds={"pred_label": TensorProto.BOOL, "pred_mask": TensorProto.BOOL},
    )  # fmt: skip
