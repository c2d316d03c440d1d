"""The one file that knows ONNX Runtime: verify a model, load it, warm it up, run it."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from station.core.errors import ModelError, ModelOutputError
from station.core.frame import Image
from station.vision.card import ModelCard, ModelInput, ModelOutput, read_card
from station.vision.geometry import fit, to_channels
from station.vision.probabilities import shares_of
from station.vision.run_limit import limited

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Operators every stock ONNX Runtime has; com.microsoft is its own quantisation set."""

MAX_MODEL_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Model:
    """A verified model, loaded; safe to run from several threads at once."""

    card: ModelCard
    session: ort.InferenceSession

    def run(self, image: Image) -> NDArray[np.float32]:
        """The first output for one image of any size: fitted to the input as the card says.

        Raises:
            ModelOutputError: the answer has another shape than the card says, or is not finite.
        """
        tensor = to_tensor(image, self.card.input)
        output = self.card.outputs[0]
        (answer,) = self._answers([output.name], tensor)
        self._check(output, answer)
        return np.asarray(answer, np.float32)

    def run_all(self, image: Image) -> dict[str, NDArray[np.float32]]:
        """Every output the card names, as float32, for one image of any size.

        Raises:
            ModelOutputError: an answer has another shape than the card says, or is not finite.
        """
        names = [output.name for output in self.card.outputs]
        tensor = to_tensor(image, self.card.input)
        answers = self._answers(names, tensor)
        for output, answer in zip(self.card.outputs, answers, strict=True):
            self._check(output, answer)
        return {
            name: np.asarray(answer, np.float32)
            for name, answer in zip(names, answers, strict=True)
        }

    def score(self, image: Image) -> tuple[float, NDArray[np.float32] | None]:
        """An anomaly model's score, and its heat map (height, width) if it gives one.

        Both grow with the evidence for a defect. Without a score the map's maximum is the score.

        Raises:
            ModelOutputError: see `run_all`; or there are several scores, or none.
        """
        answers = self.run_all(image)
        held = {output.holds: answers[output.name] for output in self.card.outputs}
        heat = held.get("heat_map")
        if heat is not None:
            heat = heat.reshape(heat.shape[-2:])
        if "score" in held:
            if held["score"].size != 1:
                raise ModelOutputError(
                    f"model {self.card.reference} answered {held['score'].size} scores; which of "
                    "them counts is not known"
                )
            return float(held["score"].item()), heat
        if heat is None:
            raise ModelOutputError(f"model {self.card.reference} has no score and no heat map")
        return float(heat.max()), heat

    def classify(self, image: Image) -> NDArray[np.float64]:
        """Probabilities of the card's classes, shape (classes,), summing to 1.

        Raises:
            ModelOutputError: the answer is no distribution over the classes.
        """
        card = self.card
        numbers: list[float] = self.run(image).ravel().tolist()
        are_logits = card.outputs[0].holds == "logits"
        shares = shares_of(numbers, len(card.classes), card.reference, are_logits=are_logits)
        return np.array(shares, np.float64)

    def _answers(
        self, names: list[str], tensor: NDArray[np.uint8] | NDArray[np.float32]
    ) -> list[NDArray[np.float32]]:
        feed = {self.card.input.name: tensor}
        answers: list[NDArray[np.float32]] = limited(
            lambda options: self.session.run(names, feed, options), self.card.reference
        )
        return answers

    def _check(self, output: ModelOutput, answer: NDArray[np.float32]) -> None:
        if answer.shape != output.shape:
            raise ModelOutputError(
                f"model {self.card.reference} answered shape {answer.shape}, card: {output.shape}"
            )
        if not math.isfinite(answer.sum(dtype=np.float64)):  # one NaN or Inf makes the sum one
            raise ModelOutputError(f"model {self.card.reference} answered NaN or Inf")


def load_model(folder: Path, *, expected_sha256: str = "", expected_card_hash: str = "") -> Model:
    """Load a model from verified bytes and warm it up.

    Args:
        folder: holds card.json and the model file.
        expected_sha256: what the recipe was approved with; empty accepts what the card says.
        expected_card_hash: the same for the card; empty accepts any sound card.

    Raises:
        ModelError: file, card and expectation do not agree, or the file must not be loaded.
    """
    card = read_card(folder)
    if expected_card_hash and card.hash != expected_card_hash:
        raise ModelError(
            f"the card of model {card.reference} is not the one the recipe was approved with; "
            "restore it or make a new recipe version"
        )
    data = _verified_bytes(folder, card, expected_sha256)
    refuse_unsafe(data, card.reference)
    return warm_up(Model(card, open_session(data, card.reference)))


def warm_up(model: Model) -> Model:
    """Run a model once on grey noise, so that the first part meets a warm and proven one.

    Raises:
        ModelError: the graph's inputs and outputs are not those of the card, or it cannot run.
    """
    _compare_contract(model)
    size = (model.card.input.height, model.card.input.width)
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    if model.card.task == "classify":
        model.classify(noise)
    else:
        model.run_all(noise)
    return model


def to_tensor(image: Image, contract: ModelInput) -> NDArray[np.uint8] | NDArray[np.float32]:
    """An image (height, width[, 3]) uint8 as the tensor the contract asks for.

    Resizing works on uint8, before any conversion: it is cheaper there, and the same everywhere.
    """
    fitted = fit(image, contract.width, contract.height, contract.fit, pad=contract.pad)
    fitted = to_channels(fitted, contract.channels)
    tensor = np.ascontiguousarray(fitted).reshape(
        1, contract.height, contract.width, contract.channels
    )
    if contract.channel_order == "RGB":
        tensor = tensor[..., ::-1]
    if contract.layout == "NCHW":
        tensor = tensor.transpose(0, 3, 1, 2)
    if contract.dtype == "uint8":
        return np.ascontiguousarray(tensor)
    return _normalise(tensor, contract)


def refuse_unsafe(data: bytes, name: str) -> onnx.ModelProto:
    """Parse a model and refuse what could reach outside it.

    Raises:
        ModelError: no ONNX, external data, or operators of an unknown domain.
    """
    try:
        proto = onnx.load_from_string(data)
    except DecodeError as error:
        raise ModelError(f"model {name} is no ONNX file: {error}") from error
    if not proto.graph.node:
        raise ModelError(f"model {name} is no ONNX file: it holds no graph")
    graphs = [*_graphs(proto.graph)]
    domains = {node.domain for graph in graphs for node in graph.node}
    domains |= {node.domain for function in proto.functions for node in function.node}
    domains |= {opset.domain for opset in proto.opset_import}
    strange = domains - STANDARD_DOMAINS - {function.domain for function in proto.functions}
    strange -= {domain for domain in strange if domain.startswith("ai.onnx.preview")}
    if strange:
        raise ModelError(
            f"model {name} needs operators of {', '.join(sorted(strange))}; only standard ONNX "
            "operators are run; export it again without custom operators"
        )
    for tensor in _tensors(proto, graphs):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelError(
                f"model {name} keeps {tensor.name!r} in another file; only self-contained "
                "models are loaded; export it again as one file, or join the two: python -c "
                "\"import onnx; onnx.save(onnx.load('TWO.onnx'), 'ONE.onnx')\""
            )
    return proto


def sha256_of(data: bytes) -> str:
    """The sha256 of some bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _verified_bytes(folder: Path, card: ModelCard, expected_sha256: str) -> bytes:
    path = folder / card.file
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise ModelError(f"model file {path} has {size:,} bytes, allowed {MAX_MODEL_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the model file {path}: {error.strerror}") from error
    actual = sha256_of(data)
    if actual != card.sha256:
        raise ModelError(
            f"model file {path} is not the one its card describes (sha256 {actual[:12]}, card "
            f"{card.sha256[:12]}); restore it, or teach or import the model again"
        )
    if expected_sha256 and actual != expected_sha256:
        raise ModelError(
            f"model {card.reference} has sha256 {actual[:12]}, the recipe was approved with "
            f"{expected_sha256[:12]}; restore that model or make a new recipe version"
        )
    return data


def open_session(data: bytes, name: str) -> ort.InferenceSession:
    """A session on one thread that does not spin; several threads may run it at once.

    Raises:
        ModelError: ONNX Runtime cannot load the bytes.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # as many frames at once as workers, one thread each
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without it int8 sums saturate on processors that have no VNNI, and scores differ there.
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its error types have no common base
        raise ModelError(f"model {name} cannot be loaded: {str(error)[:300]}") from error


def _compare_contract(model: Model) -> None:
    card = model.card
    inputs, outputs = model.session.get_inputs(), model.session.get_outputs()
    if [entry.name for entry in inputs] != [card.input.name]:
        names = ", ".join(entry.name for entry in inputs)
        raise ModelError(f"model {card.reference} takes {names}, card: {card.input.name}")
    wanted_type = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}[card.input.dtype]
    if inputs[0].type != wanted_type or not _shapes_agree(inputs[0].shape, card.input.shape):
        raise ModelError(
            f"model {card.reference} takes {inputs[0].type} {inputs[0].shape}, card: "
            f"{card.input.dtype} {list(card.input.shape)}"
        )
    shapes = {entry.name: entry.shape for entry in outputs}
    for output in card.outputs:
        if output.name not in shapes or not _shapes_agree(shapes[output.name], output.shape):
            raise ModelError(
                f"model {card.reference} gives {shapes}, card: {output.name} {list(output.shape)}"
            )


def _shapes_agree(actual: list[int | str | None], wanted: tuple[int, ...]) -> bool:
    return len(actual) == len(wanted) and all(
        not isinstance(have, int) or have == want for have, want in zip(actual, wanted, strict=True)
    )


def _normalise(tensor: NDArray[np.uint8], contract: ModelInput) -> NDArray[np.float32]:
    per_channel = (1, 1, 1, -1) if contract.layout == "NHWC" else (1, -1, 1, 1)
    mean = np.array(contract.mean or (0.0,), np.float32).reshape(per_channel)
    std = np.array(contract.std or (1.0,), np.float32).reshape(per_channel)
    scaled = tensor.astype(np.float32) * np.float32(contract.scale)
    return np.ascontiguousarray((scaled - mean) / std, np.float32)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _graphs(inner)


def _tensors(proto: onnx.ModelProto, graphs: list[onnx.GraphProto]) -> Iterator[onnx.TensorProto]:
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for function in proto.functions for node in function.node]
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
