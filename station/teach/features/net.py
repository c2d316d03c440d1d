"""A feature net: verified ONNX with a card, from the OCR wheel, a model folder or a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import onnx

from station.core.errors import ModelError
from station.teach.features.cut import float_input_shape
from station.teach.features.ocr import ocr_file
from station.vision.card import CARD_FILE, ModelCard, ModelInput, ModelOutput, find_model, read_card
from station.vision.model import refuse_unsafe, sha256_of

OCR = "ocr"
DEFAULT_PX = 224
"""Edge of the square whose area a net of free input size gets."""


@dataclass(frozen=True, slots=True)
class FeatureNet:
    """A net whose weights stay as they are; its card says what goes in."""

    card: ModelCard
    proto: onnx.ModelProto
    is_free_in_size: bool
    """True where the net takes any width and height; the card's are then a mere example."""
    has_own_taps: bool
    """True where the card names the outputs to use; otherwise the net is cut where it helps."""


def find_features(spec: str, model_dirs: Iterable[Path]) -> FeatureNet:
    """The feature net called `spec`: `ocr`, a name or name/version, or an ONNX file.

    Named nets lie in `models/features/<name>/<version>`.

    Raises:
        ModelError: there is none, or it must not or cannot be used.
    """
    if spec == OCR:
        return _ocr()
    if spec.endswith(".onnx"):
        return _from_file(Path(spec))
    try:
        return _from_folder(find_model(spec, [root / "features" for root in model_dirs]))
    except ModelError as error:
        raise ModelError(
            f"{error}; feature nets are: {OCR}, a name below models/features, or a file ending "
            "in .onnx"
        ) from error


def _ocr() -> FeatureNet:
    path, version = ocr_file()
    data = path.read_bytes()
    contract = ModelInput(
        name="x", width=DEFAULT_PX, height=DEFAULT_PX, channel_order="BGR", layout="NCHW",
        dtype="float32", normalisation="outside", scale=1 / 255, mean=(0.5,), std=(0.5,),
    )  # fmt: skip
    card = _card(
        OCR, data, contract,
        description=f"{version}, the text-detection net of the installed rapidocr",
        licence="Apache-2.0",
    )  # fmt: skip
    return FeatureNet(card, refuse_unsafe(data, OCR), is_free_in_size=True, has_own_taps=False)


def _from_folder(folder: Path) -> FeatureNet:
    card = read_card(folder)
    if card.task != "features":
        raise ModelError(f"model {card.reference} is for {card.task}; it gives no features")
    data = _read(folder / card.file)
    if sha256_of(data) != card.sha256:
        raise ModelError(
            f"model file {folder / card.file} is not the one its card describes (sha256 "
            f"{sha256_of(data)[:12]}, card {card.sha256[:12]}); restore it"
        )
    proto = refuse_unsafe(data, card.reference)
    return FeatureNet(card, proto, is_free_in_size=_is_free(proto), has_own_taps=True)


def _from_file(path: Path) -> FeatureNet:
    if (path.parent / CARD_FILE).is_file() and read_card(path.parent).file == path.name:
        return _from_folder(path.parent)
    data = _read(path)
    proto = refuse_unsafe(data, path.name)
    name, shape = float_input_shape(proto, path.name)
    height, width = (size or DEFAULT_PX for size in shape[2:])
    contract = ModelInput(
        name=name, width=width, height=height, channel_order="RGB", layout="NCHW",
        dtype="float32", normalisation="outside", scale=1 / 255,
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    )  # fmt: skip
    card = _card(
        _slug(path.stem), data, contract,
        description=f"{path.name}; input guessed: RGB, 0 to 1, mean and spread of ImageNet",
        licence="the owner's",
    )  # fmt: skip
    return FeatureNet(card, proto, is_free_in_size=not all(shape[2:]), has_own_taps=False)


def _is_free(proto: onnx.ModelProto) -> bool:
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    return any(not dim.HasField("dim_value") for dim in list(dims)[1:])


def _card(
    name: str, data: bytes, contract: ModelInput, *, description: str, licence: str
) -> ModelCard:
    return ModelCard(
        name=name,
        version=1,
        task="features",
        description=description,
        sha256=sha256_of(data),
        input=contract,
        outputs=(ModelOutput(name="features", holds="features", shape=()),),
        licence=licence,
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def _slug(stem: str) -> str:
    kept = "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in stem.lower())
    return kept.strip("_")[:64] or "features"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the feature net {path}: {error.strerror}") from error
