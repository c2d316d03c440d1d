"""One self-contained graph from picture to probabilities, proved equal to what was measured."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from station import __version__
from station.core.errors import ModelError, TeachError
from station.teach.head import Array, Head
from station.vision.card import ModelCard, write_model
from station.vision.model import Model, load_model

IR_VERSION = 10
MAX_DIFFERENCE = 1e-4


def with_head(features: onnx.ModelProto, head: Head) -> bytes:
    """A features model with the head behind it: `probabilities`, float32 (1, classes).

    Standardisation, temperature and shift are folded into the weights of one Gemm.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(features)
    weights = head.temperature * head.weights / head.spread[:, None]
    bias = head.temperature * head.bias + head.shift - head.mean @ weights
    graph = proto.graph
    for name, value in (("station.weights", weights), ("station.bias", bias)):
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
    gemm = helper.make_node(
        "Gemm", ["features", "station.weights", "station.bias"], ["station.logits"]
    )
    graph.node.extend(
        [gemm, helper.make_node("Softmax", ["station.logits"], ["probabilities"], axis=1)]
    )
    del graph.output[:]
    shape = (1, len(bias))
    graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape))
    return finished(proto)


def finished(proto: onnx.ModelProto) -> bytes:
    """A model's bytes, signed, with all shapes inferred, and checked.

    Raises:
        ModelError: the checker refuses it.
    """
    proto.producer_name, proto.producer_version = "inspection-station", __version__
    proto.ir_version = max(proto.ir_version, IR_VERSION)
    del proto.metadata_props[:]
    proto.doc_string = proto.graph.doc_string = ""
    try:
        inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
        onnx.checker.check_model(inferred, full_check=True)
    except Exception as error:  # onnx's checkers raise many kinds
        raise ModelError(f"the built graph is not sound: {str(error)[:300]}") from error
    return bytes(inferred.SerializeToString())


def load_bytes(card: ModelCard, data: bytes) -> Model:
    """Load a model that is not kept yet, by the same verified way as every other.

    Raises:
        ModelError: see `station.vision.model.load_model`.
        TeachError: there is no room for a draft.
    """
    try:
        with TemporaryDirectory(prefix="station-") as folder:
            write_model(Path(folder), card, data)
            return load_model(Path(folder))
    except OSError as error:
        raise TeachError(
            f"cannot write {len(data):,} bytes to the temporary folder: "
            f"{error.strerror or error}; free the disk and try again"
        ) from error


def check_parity(answers: Sequence[Array], expected: Sequence[Array]) -> float:
    """The largest difference between the graph's probabilities and the head's own.

    Raises:
        ModelError: it is above 1e-4, so that the graph is not what was measured.
    """
    worst = max(
        (float(np.abs(a - b).max()) for a, b in zip(answers, expected, strict=True)), default=0.0
    )
    if not worst <= MAX_DIFFERENCE:
        raise ModelError(
            f"the exported graph differs from what was measured by {worst:.2g} (allowed "
            f"{MAX_DIFFERENCE:g}); the features are too uneven in scale: use another feature net"
        )
    return worst
