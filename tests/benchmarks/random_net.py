"""The control: the OCR wheel's net with its weights thrown away."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from station.teach.features.ocr import ocr_file


def write_random_net(folder: Path, seed: int = 0) -> Path:
    """An ONNX feature net of the same architecture with random weights; where it was written.

    Convolutions get normal weights of variance 2 / fan-in (He et al. 2015), so that activations
    keep their scale through the layers, and no bias. Whatever else it holds stays.
    """
    rng = np.random.default_rng(seed)
    proto = onnx.load(str(ocr_file()[0]))
    weights = {node.input[1] for node in proto.graph.node if node.op_type.startswith("Conv")}
    for tensor in proto.graph.initializer:
        shape = tuple(tensor.dims)
        if tensor.name in weights:
            values = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        elif len(shape) == 4 and shape[0] == shape[2] == shape[3] == 1:
            values = np.zeros(shape)
        else:
            continue
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))
    path = folder / "random_weights.onnx"
    onnx.save(proto, str(path))
    return path
