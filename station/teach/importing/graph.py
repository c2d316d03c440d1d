"""The ONNX file itself: what it takes and gives, and fixed shapes in place of dynamic ones."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import EncodeError
from onnx import TensorProto, helper

from station.core.errors import ModelError
from station.teach.importing.wishes import Wishes, ask
from station.vision.model import MAX_MODEL_BYTES, refuse_unsafe, sha256_of

_DTYPES: dict[int, str] = {TensorProto.UINT8: "uint8", TensorProto.FLOAT: "float32"}
_WHOLE = (TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8, TensorProto.INT8)
MOST_AT_ONCE = 8
_MANY = "__all"
_LEAVES_AS_IT_IS = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A model that is safe to load, and what it says of itself."""

    proto: onnx.ModelProto
    file: str
    sha256: str
    """Of the file as it came."""
    entry: str
    dtype: str
    dims: tuple[int | None, ...]
    """Of the input; None where the export left it open."""
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Class names the file carries, in the order of its outputs."""
        for key in ("names", "classes", "class_names", "labels"):
            if key in self.metadata:
                return _names_in(self.metadata[key])
        return ()

    @property
    def batch(self) -> int:
        """How many pictures it takes at once; 1 where that is open."""
        return self.dims[0] or 1

    @property
    def whole_numbers(self) -> frozenset[str]:
        """Outputs that hold whole numbers: indices, as in a map of classes."""
        outputs = self.proto.graph.output
        return frozenset(o.name for o in outputs if o.type.tensor_type.elem_type in _WHOLE)

    @property
    def is_ultralytics(self) -> bool:
        """Exported by Ultralytics' YOLO, which states its contract in its metadata."""
        return "names" in self.metadata and "stride" in self.metadata

    @property
    def is_anomalib(self) -> bool:
        """Named like the outputs of anomalib's inference module."""
        return "pred_score" in self.outputs or "anomaly_map" in self.outputs


def read_graph(file: Path) -> Graph:
    """Read a model and refuse what the station could never run.

    Raises:
        ModelError: not there, too large, no ONNX, unsafe, or not one picture in.
    """
    try:
        size = file.stat().st_size
        data = file.read_bytes() if size <= MAX_MODEL_BYTES else b""
    except OSError as error:
        raise ModelError(f"cannot read the model file {file}: {error.strerror}") from error
    if size > MAX_MODEL_BYTES:
        raise ModelError(f"model file {file} has {size:,} bytes, allowed {MAX_MODEL_BYTES:,}")
    proto = refuse_unsafe(data, file.name)
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [entry for entry in proto.graph.input if entry.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs) or "nothing"
        raise ModelError(
            f"model {file.name} takes {len(inputs)} inputs ({names}); the station shows a model "
            "one picture and nothing else: export it so"
        )
    tensor = inputs[0].type.tensor_type
    return Graph(
        proto=proto,
        file=file.name,
        sha256=sha256_of(data),
        entry=inputs[0].name,
        dtype=_dtype(tensor.elem_type, file.name),
        dims=_dims(inputs[0], file.name),
        outputs=tuple(output.name for output in proto.graph.output),
        metadata={prop.key: prop.value for prop in proto.metadata_props},
    )


def input_shape(graph: Graph, wishes: Wishes) -> tuple[str, tuple[int, int, int, int]]:
    """The layout and the fixed shape of the input: what the file says, then what was wished.

    Raises:
        ModelError: wrong rank or batch, or the size is open and nobody said it.
    """
    layout = _layout(graph, wishes)
    places = {"NCHW": (1, 2, 3), "NHWC": (3, 1, 2)}[layout]
    channels = graph.dims[places[0]] or 3
    size = _metadata_size(graph)
    if None in size and graph.is_anomalib:
        size = _map_size(graph)
    sides = []
    for name, place, told in zip(("height", "width"), places[1:], size, strict=True):
        wished = int(wishes.settings.get(name, 0)) or None
        fixed = graph.dims[place]
        if fixed and wished and fixed != wished:
            raise ModelError(f"model {graph.file} takes a {name} of {fixed} px, not {wished}")
        side = fixed or wished or told
        if not side:
            ask(
                f"model {graph.file} takes pictures of any size, and its file does not say which "
                "it was trained at",
                "--set width=… --set height=… (in pixels)",
            )
        sides.append(side)
    shape = (1, channels, *sides) if layout == "NCHW" else (1, *sides, channels)
    return layout, (shape[0], shape[1], shape[2], shape[3])


def fixed(graph: Graph, shape: tuple[int, ...]) -> onnx.ModelProto:
    """The model with this input shape; shapes that were worked out for another are forgotten."""
    if graph.dims == shape:
        return graph.proto
    proto = onnx.ModelProto()
    proto.CopyFrom(graph.proto)
    if graph.batch > 1:
        repeat(proto, graph.entry, graph.batch)
    for entry in proto.graph.input:
        if entry.name == graph.entry:
            kind = entry.type.tensor_type.elem_type
            entry.CopyFrom(helper.make_tensor_value_info(entry.name, kind, shape))
    del proto.graph.value_info[:]
    for output in proto.graph.output:
        kind = output.type.tensor_type.elem_type
        output.CopyFrom(helper.make_tensor_value_info(output.name, kind, None))
    return proto


def repeat(proto: onnx.ModelProto, entry: str, batch: int) -> None:
    """Show a model that insists on several pictures one of them several times, and hear the first.

    Some exporters write down the number of pictures they were tried with.
    """
    graph = proto.graph
    outputs = {output.name for output in graph.output}
    for node in graph.node:
        node.input[:] = [f"{n}{_MANY}" if n == entry or n in outputs else n for n in node.input]
        node.output[:] = [f"{name}{_MANY}" if name in outputs else name for name in node.output]
    copies = helper.make_node("Concat", [entry] * batch, [f"{entry}{_MANY}"], axis=0)
    graph.node.insert(0, copies)
    graph.initializer.append(helper.make_tensor(f"first{_MANY}", TensorProto.INT64, [1], [0]))
    for name in sorted(outputs):
        names = [f"{name}{_MANY}", f"first{_MANY}"]
        graph.node.append(helper.make_node("Gather", names, [name], axis=0))


def bytes_of(proto: onnx.ModelProto) -> bytes:
    """The model as one file's content.

    Raises:
        ModelError: it is too large for one.
    """
    try:
        return bytes(proto.SerializeToString())
    except (EncodeError, ValueError) as error:
        raise ModelError(f"the model cannot be written as one file: {error}") from error


def last_operator(proto: onnx.ModelProto, output: str) -> str:
    """The operator whose answer an output is, past those that only turn or rename it."""
    makers = {name: node for node in proto.graph.node for name in node.output}
    node = makers.get(output)
    while node is not None and node.op_type in _LEAVES_AS_IT_IS:
        node = makers.get(node.input[0])
    return node.op_type if node is not None else ""


def _layout(graph: Graph, wishes: Wishes) -> str:
    if len(graph.dims) != 4:
        raise ModelError(
            f"model {graph.file} takes an input of {len(graph.dims)} dimensions; a picture has "
            "four: batch, channels, height and width"
        )
    if graph.batch > MOST_AT_ONCE:
        raise ModelError(
            f"model {graph.file} takes {graph.batch} pictures at once; export it for one"
        )
    possible = [
        layout
        for layout, place in (("NCHW", 1), ("NHWC", 3))
        if graph.dims[place] in (1, 3) or (graph.dims[place] is None and layout == "NCHW")
    ]
    if graph.dims[1] is None and graph.dims[3] in (1, 3):
        possible = ["NHWC"]
    wished = wishes.settings.get("layout")
    if wished in possible or (len(possible) == 1 and not wished):
        return wished or possible[0]
    if not possible or wished:
        raise ModelError(
            f"model {graph.file} takes {list(graph.dims)}, which is no picture of 1 or 3 channels"
            + (f" as {wished}" if wished else "")
        )
    return ask(f"where the channels of {list(graph.dims)} are is open", "--set layout=NCHW or NHWC")


def _metadata_size(graph: Graph) -> tuple[int | None, int | None]:
    """Height and width as Ultralytics notes them."""
    try:
        height, width = ast.literal_eval(graph.metadata.get("imgsz", ""))
        return int(height), int(width)
    except (ValueError, SyntaxError, TypeError):
        return None, None


def _map_size(graph: Graph) -> tuple[int | None, int | None]:
    """Height and width of anomalib's map, which is as large as what the model was trained on."""
    for output in graph.proto.graph.output:
        dims = [dim.dim_value for dim in output.type.tensor_type.shape.dim]
        if output.name == "anomaly_map" and len(dims) >= 2 and min(dims[-2:]) > 0:
            return dims[-2], dims[-1]
    return None, None


def _dtype(kind: int, file: str) -> str:
    if kind not in _DTYPES:
        name = TensorProto.DataType.Name(kind).lower()
        raise ModelError(f"model {file} takes {name} numbers; export it with float32 or uint8 in")
    return _DTYPES[kind]


def _dims(entry: onnx.ValueInfoProto, file: str) -> tuple[int | None, ...]:
    if not entry.type.tensor_type.HasField("shape"):
        raise ModelError(f"model {file} does not say the shape of its input {entry.name}")
    dims = entry.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.dim_value > 0 else None for dim in dims)


def _names_in(text: str) -> tuple[str, ...]:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        found = [part.strip() for part in text.split(",")]
    if isinstance(found, dict):
        found = [found[key] for key in sorted(found, key=int)]
    return tuple(str(name) for name in found) if isinstance(found, list | tuple) else ()
