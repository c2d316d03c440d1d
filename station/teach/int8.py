"""A graph with small whole numbers inside: static quantisation, unsigned activations, QDQ."""

import tempfile
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from station.core.errors import ModelError

Feed = Mapping[str, NDArray[np.generic]]

HEAVY = ("Conv", "Gemm", "MatMul", "ConvTranspose")
"""Operators worth quantising; what comes before the first and after the last stays as it is."""

LEAST_OPSET = 13
_PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")


def static_int8(
    model: bytes,
    feeds: Iterable[Feed],
    *,
    exclude: Collection[str] = (),
    operators: Sequence[str] | None = None,
) -> bytes:
    """The model with uint8 activations and int8 weights, one scale a channel, in QDQ form.

    Args:
        feeds: inputs whose activations give the ranges (smallest and largest seen).
        exclude: names of nodes left in floating point.
        operators: the kinds that are quantised; all that can be, where absent.

    Raises:
        ModelError: the quantiser cannot, or the result is no sound model.
    """
    with tempfile.TemporaryDirectory(prefix="station-") as folder:
        plain, small = Path(folder, "plain.onnx"), Path(folder, "small.onnx")
        plain.write_bytes(model)
        try:
            with _quiet():
                quantize_static(
                    plain,
                    small,
                    _Feeds(feeds),
                    quant_format=QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    op_types_to_quantize=None if operators is None else list(operators),
                    nodes_to_exclude=list(exclude),
                    calibrate_method=CalibrationMethod.MinMax,
                )
            quantised = onnx.load_model_from_string(small.read_bytes())
            onnx.checker.check_model(quantised, full_check=True)
        except Exception as error:  # the quantiser raises whatever it stumbles over
            what = str(error)[:200] or type(error).__name__
            raise ModelError(f"the model cannot be quantised: {what}") from error
    return bytes(quantised.SerializeToString())


def prepared(model: bytes, name: str) -> bytes:
    """The model as quantisation wants it: constants folded, batch norms joined, nodes named.

    Raises:
        ModelError: its operators are too old, or there is nothing in it worth quantising.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="station-") as folder:
        options.optimized_model_filepath = str(Path(folder, "plain.onnx"))
        ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        proto = onnx.load_model_from_string(Path(folder, "plain.onnx").read_bytes())
    opset = max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if opset < LEAST_OPSET:
        raise ModelError(f"model {name} is of opset {opset}; export it with {LEAST_OPSET} or later")
    if not any(node.op_type in HEAVY for node in proto.graph.node):
        raise ModelError(f"model {name} holds no convolution or matrix: nothing would be gained")
    used = {node.domain for node in proto.graph.node}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]  # it lists every domain ONNX Runtime knows
    proto.opset_import.extend(kept)
    for place, node in enumerate(proto.graph.node):
        node.name = f"{node.op_type.lower()}_{place}"
    proto.metadata_props.add(key=_PREPARED[0], value=_PREPARED[1])
    return bytes(proto.SerializeToString())


def is_quantised(model: bytes) -> bool:
    """Whether a model rounds activations already."""
    nodes = onnx.load_model_from_string(model).graph.node
    return any(node.op_type in ("QuantizeLinear", "QLinearConv", "QLinearMatMul") for node in nodes)


def outer_nodes(model: bytes) -> list[str]:
    """Nodes before the first heavy operator and after the last: pixels in, scores and boxes out.

    Rounding boxes (0 to 640) and scores (0 to 1) to the same 256 steps would leave no score.
    """
    nodes = onnx.load_model_from_string(model).graph.node
    after = _reached(nodes)
    before = _reached(
        [
            onnx.helper.make_node(n.op_type, list(n.output), list(n.input), name=n.name)
            for n in reversed(nodes)
        ]
    )
    return [
        node.name
        for node in nodes
        if node.op_type not in HEAVY and not (node.name in after and node.name in before)
    ]


def without_mark(model: bytes) -> bytes:
    """The model less the note that it was prepared."""
    proto = onnx.load_model_from_string(model)
    kept = [(prop.key, prop.value) for prop in proto.metadata_props if prop.key != _PREPARED[0]]
    del proto.metadata_props[:]
    for key, value in kept:
        proto.metadata_props.add(key=key, value=value)
    return bytes(proto.SerializeToString())


def _reached(nodes: Sequence[onnx.NodeProto]) -> set[str]:
    """Names of the nodes that come after a heavy one, in the order given."""
    names: set[str] = set()
    values: set[str] = set()
    for node in nodes:
        if node.op_type in HEAVY or values & set(node.input):
            values |= set(node.output)
            names.add(node.name)
    return names


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the remarks of the calibration's sessions and its arithmetic, which help nobody."""
    ort.set_default_logger_severity(3)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    finally:
        ort.set_default_logger_severity(2)


class _Feeds(CalibrationDataReader):  # type: ignore[misc]
    """Hands the inputs to the calibration one by one."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._rest: Iterator[Feed] = iter(feeds)

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        feed = next(self._rest, None)
        return None if feed is None else dict(feed)
