"""The eye: one graph from the uint8 picture to the features of every patch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from station.core.errors import ModelError
from station.teach.export import finished, load_bytes
from station.teach.features import FeatureNet
from station.teach.features.cut import Shapes, cut, find_taps, fix_shapes, float_maps
from station.teach.features.nodes import add_constant, add_node, add_picture_input
from station.vision.card import ModelCard, ModelInput, ModelOutput
from station.vision.geometry import Fit
from station.vision.model import Model, sha256_of

PATCHES = "patches"
CELL_PX, AROUND = 8, 7
"""Local light is the mean over AROUND x AROUND cells of CELL_PX pixels."""


@dataclass(frozen=True, slots=True)
class Eye:
    """A feature net at one input size that gives `length` numbers for each of its patches."""

    contract: ModelInput
    proto: onnx.ModelProto
    """Its one output is `patches`, float32 (rows * columns, length), row by row."""
    rows: int
    columns: int
    length: int

    def opened(self) -> Model:
        """The eye as a loaded model; `run` gives the patches of a picture of any size."""
        data = finished(self.proto)
        shape = (self.rows * self.columns, self.length)
        card = ModelCard(
            name="eye",
            version=1,
            task="features",
            description="patches of a picture",
            sha256=sha256_of(data),
            input=self.contract,
            outputs=(ModelOutput(name=PATCHES, holds="features", shape=shape),),
            licence="",
            created_at=datetime.now(UTC),
        )
        return load_bytes(card, data)

    def places(self) -> NDArray[np.float32]:
        """Where each patch lies, (rows * columns, 2): down and across, 0 to 1."""
        down, across = np.mgrid[0 : self.rows, 0 : self.columns].astype(np.float32)
        places = np.stack(((down + 0.5) / self.rows, (across + 0.5) / self.columns), axis=-1)
        return places.reshape(-1, 2)


def build_eye(
    net: FeatureNet,
    width: int,
    height: int,
    *,
    fit: Fit,
    strides: Sequence[int],
    is_levelled: bool = False,
) -> Eye:
    """Cut a net at the given strides; each patch is what the maps say there and next to it.

    The maps are averaged over 3 x 3 places, brought to the finest of them and put side by side
    (Roth et al., "Towards total recall in industrial anomaly detection", 2022). `is_levelled`
    subtracts the local mean first, so that slow changes of light do not count.

    Raises:
        ModelError: the net does not run at this size, or has no map at these strides.
    """
    contract = net.card.input.model_copy(update={"width": width, "height": height, "fit": fit})
    fixed = fix_shapes(net.proto, contract.name, contract.shape, net.card.reference)
    shapes = float_maps(fixed)
    taps = _taps(net, fixed, shapes, contract, strides)
    proto = cut(fixed, taps)
    graph = proto.graph
    picture = add_picture_input(graph, contract)
    if is_levelled:
        _level(graph, contract)
    del graph.output[:]
    rows, columns = shapes[taps[0]][2:]
    length = _put_side_by_side(graph, [(tap, shapes[tap]) for tap in taps])
    size = (rows * columns, length)
    graph.output.append(helper.make_tensor_value_info(PATCHES, TensorProto.FLOAT, size))
    return Eye(picture, proto, rows, columns, length)


def _taps(
    net: FeatureNet,
    fixed: onnx.ModelProto,
    shapes: Shapes,
    contract: ModelInput,
    strides: Sequence[int],
) -> list[str]:
    """The maps to use, finest first."""
    if net.has_own_taps:
        named = [entry.name for entry in net.card.outputs if len(shapes.get(entry.name, ())) == 4]
        found = [(contract.height // shapes[name][2], name) for name in named]
    else:
        found = list(find_taps(fixed, contract.height, contract.width, strides).items())
    taps = [name for stride, name in sorted(found) if stride in strides]
    if not taps:
        raise ModelError(
            f"feature net {net.card.name} has no feature map at stride "
            f"{' or '.join(map(str, strides))} for {contract.width} x {contract.height}; an "
            "anomaly model needs maps, not one vector for the whole picture"
        )
    return taps


def _put_side_by_side(graph: onnx.GraphProto, taps: list[tuple[str, tuple[int, ...]]]) -> int:
    rows, columns = taps[0][1][2:]
    maps = [_smoothed(graph, tap, shape, (rows, columns)) for tap, shape in taps]
    joined = add_node(graph, "Concat", maps, "station.maps", axis=1)
    last = add_node(graph, "Transpose", [joined], "station.last", perm=[0, 2, 3, 1])
    length = sum(shape[1] for _, shape in taps)
    flat = add_constant(graph, "patches_shape", np.array([rows * columns, length], np.int64))
    add_node(graph, "Reshape", [last, flat], PATCHES)
    return length


def _smoothed(
    graph: onnx.GraphProto, tap: str, shape: tuple[int, ...], size: tuple[int, int]
) -> str:
    stem = f"station.{tap}"
    mean = add_node(
        graph, "AveragePool", [tap], f"{stem}.smooth",
        kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=0,
    )  # fmt: skip
    if shape[2:] == size:
        return mean
    return _resized(graph, mean, f"{stem}.fine", (1, shape[1], *size))


def _resized(graph: onnx.GraphProto, name: str, output: str, shape: tuple[int, ...]) -> str:
    sizes = add_constant(graph, f"{output}.sizes", np.array(shape, np.int64))
    return add_node(
        graph, "Resize", [name, "", "", sizes], output,
        mode="linear", coordinate_transformation_mode="half_pixel",
    )  # fmt: skip


def _level(graph: onnx.GraphProto, contract: ModelInput) -> None:
    """Subtract the local mean of the normalised picture, computed on coarse cells."""
    if contract.normalisation == "in_graph":
        raise ModelError("this net takes pictures as they are; its light cannot be levelled")
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name == contract.name:
                node.output[index] = "station.uneven"
    own = list(graph.node)
    after = next(i for i, node in enumerate(own) if "station.uneven" in node.output) + 1
    del graph.node[after:]
    cells = add_node(
        graph, "AveragePool", ["station.uneven"], "station.cells",
        kernel_shape=[CELL_PX, CELL_PX], strides=[CELL_PX, CELL_PX],
    )  # fmt: skip
    pad = AROUND // 2
    light = add_node(
        graph, "AveragePool", [cells], "station.light",
        kernel_shape=[AROUND, AROUND], pads=[pad] * 4, count_include_pad=0,
    )  # fmt: skip
    shape = (1, contract.channels, contract.height, contract.width)
    full = _resized(graph, light, "station.full_light", shape)
    add_node(graph, "Sub", ["station.uneven", full], contract.name)
    graph.node.extend(own[after:])
