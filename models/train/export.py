"""A trained net as one self-contained ONNX graph: uint8 picture in, probabilities out."""

import copy
import io

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.train.net import Net
from models.train.pool import HEIGHT, WIDTH
from station.teach.int8 import static_int8

OPSET = 17
INPUT, OUTPUT = "image", "probabilities"
_OUTER_NODES = ["to_planes", "to_unit"]


class _Probabilities(torch.nn.Module):
    """The net, batch norms folded, logits divided by the temperature, softmax at the end."""

    def __init__(self, net: Net, temperature: float) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).eval()
        self.net.fold()
        with torch.no_grad():
            self.net.map.weight /= temperature
            self.net.map.bias /= temperature

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.net(x), dim=1)


def as_onnx(net: Net, temperature: float) -> bytes:
    """The fp32 model: `image` uint8 [1, H, W, 3] BGR -> `probabilities` float32 [1, classes]."""
    file = io.BytesIO()
    torch.onnx.export(
        _Probabilities(net, temperature),
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        file,
        input_names=["unit"],
        output_names=[OUTPUT],
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load_model_from_string(file.getvalue())
    _take_bytes(model.graph)
    for place, node in enumerate(model.graph.node):
        node.name = node.name.strip("/").replace("/", ".") or f"node_{place}"
    model.producer_name, model.producer_version = "inspection-station", ""
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def as_int8(model: bytes, pictures: NDArray[np.uint8]) -> bytes:
    """The same with uint8 activations and int8 weights; ranges from `pictures` [N, H, W, 3]."""
    graph = onnx.load_model_from_string(model).graph
    softmax = [node.name for node in graph.node if node.op_type == "Softmax"]
    feeds = ({INPUT: picture[None]} for picture in pictures)
    return static_int8(model, feeds, exclude=[*_OUTER_NODES, *softmax])


def _take_bytes(graph: onnx.GraphProto) -> None:
    """Put Transpose and DequantizeLinear (1/255) before the net: it takes a plain picture."""
    del graph.input[:]
    graph.input.append(
        helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [1, HEIGHT, WIDTH, 3])
    )
    graph.initializer.append(numpy_helper.from_array(np.array(1 / 255, np.float32), "unit_scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.uint8), "unit_zero"))
    first = [
        helper.make_node("Transpose", [INPUT], ["planes"], _OUTER_NODES[0], perm=[0, 3, 1, 2]),
        helper.make_node(
            "DequantizeLinear", ["planes", "unit_scale", "unit_zero"], ["unit"], _OUTER_NODES[1]
        ),
    ]
    for place, node in enumerate(first):
        graph.node.insert(place, node)
