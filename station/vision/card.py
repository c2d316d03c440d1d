"""A model's card: what the file is, what goes in, what comes out, and what that means."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from natsort import natsorted
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from station.core.errors import ModelError, RecipeError
from station.core.files import write_whole
from station.core.plugin import explain
from station.core.reasons import GOOD_CLASSES, check_reason_code
from station.vision.geometry import Fit
from station.vision.layout import BoxLayout, CountRule

CARD_FILE = "card.json"
_CLOSED = ConfigDict(frozen=True, extra="forbid")


class ModelInput(BaseModel):
    """The input contract: what a picture must become before the model sees it."""

    model_config = _CLOSED

    name: str = "image"
    width: int = Field(gt=0, description="pixels")
    height: int = Field(gt=0, description="pixels")
    channels: Literal[1, 3] = 3
    channel_order: Literal["BGR", "RGB", "GRAY"] = "BGR"
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    dtype: Literal["uint8", "float32"] = "uint8"
    normalisation: Literal["in_graph", "outside"] = "in_graph"
    scale: float = Field(1.0, description="outside: x = (pixel * scale - mean) / std")
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    fit: Fit = "stretch"
    pad: int = Field(114, ge=0, le=255, description="grey value around a letterboxed picture")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.channels == 1) != (self.channel_order == "GRAY"):
            raise ValueError(f"{self.channels} channels do not go with order {self.channel_order}")
        if self.normalisation == "in_graph" and (self.dtype != "uint8" or self.mean or self.std):
            raise ValueError("normalisation in the graph means uint8 in, and no mean or std here")
        for numbers in (self.mean, self.std):
            if len(numbers) not in (0, 1, self.channels):
                raise ValueError(f"mean and std need 1 or {self.channels} numbers")
        return self

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The tensor's shape, batch of one."""
        if self.layout == "NHWC":
            return (1, self.height, self.width, self.channels)
        return (1, self.channels, self.height, self.width)


Holds = Literal[
    "probabilities", "logits", "features", "score", "heat_map",
    "boxes", "prototypes", "mask_probabilities", "mask_logits", "class_map",
]  # fmt: skip


class ModelOutput(BaseModel):
    """One output and what it holds."""

    model_config = _CLOSED

    name: str
    holds: Holds
    shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"] = Field("NCHW", description="of a mask's planes")


class Limits(BaseModel):
    """On the score, which grows with the evidence: OK up to the first, NOT_OK from the second.

    A classifier's score is 1 - P(good), 0 to 1; an anomaly score has no upper end.
    """

    model_config = _CLOSED

    accept_limit: float = Field(ge=0, allow_inf_nan=False)
    reject_limit: float = Field(gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _are_ordered(self) -> Self:
        if self.accept_limit > self.reject_limit:
            raise ValueError("accept_limit must not be above reject_limit")
        return self


class Tiling(BaseModel):
    """Look at a large region in overlapping square tiles; the worst tile decides."""

    model_config = _CLOSED

    size_px: int = Field(gt=0, description="edge of a tile in image pixels")
    overlap: float = Field(0.2, ge=0, lt=1, description="share of a tile seen by the next one too")


class ModelCard(BaseModel):
    """Everything the station must know of a model; bound to its file by the sha256."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    schema_version: int = Field(1, ge=1, le=1)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    version: int = Field(ge=1)
    task: Literal["classify", "features", "anomaly", "detect", "segment"]
    description: str
    file: str = Field("model.onnx", pattern=r"^[A-Za-z0-9_.-]+\.onnx$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    input: ModelInput
    tiling: Tiling | None = Field(None, description="how a picture is parted before the input")
    aspects: tuple[float, float] | None = Field(
        None, description="least and largest width to height of the pictures it was taught on"
    )
    outputs: tuple[ModelOutput, ...] = Field(min_length=1)
    classes: tuple[str, ...] = ()
    reason_codes: Mapping[str, str] = Field({}, description="what it finds -> reason code")
    ignored: tuple[str, ...] = Field((), description="classes that mean nothing for the verdict")
    counts: Mapping[str, CountRule] = Field({}, description="class -> how many a good part has")
    boxes: BoxLayout | None = Field(None, description="how the output that holds boxes is laid out")
    limits: Limits | None = None
    training: Mapping[str, JsonValue] = Field({}, description="facts of how it was made")
    licence: str
    created_at: datetime

    @model_validator(mode="after")
    def _verdicts_are_actionable(self) -> Self:
        if self.task == "features":
            return self
        if self.task == "classify":
            self._check_classes()
        elif self.task in ("detect", "segment"):
            self._check_finds()
        elif not self.reason_codes:
            raise ValueError(f"a model for {self.task} needs a reason code")
        for code in self.reason_codes.values():
            check_reason_code(code)
        if self.limits is None:
            raise ValueError(f"the card of a model for {self.task} needs limits")
        if self.task != "anomaly" and self.limits.reject_limit > 1:
            raise ValueError(f"a score of {self.task} ends at 1, reject_limit must not be above")
        return self

    def _check_classes(self) -> None:
        if len(self.classes) < 2 or len(set(self.classes)) != len(self.classes):
            raise ValueError("a classifier needs two or more different classes")
        bare = [name for name in self.classes if name not in self.reason_codes]
        if len(bare) > 1 or not GOOD_CLASSES.issuperset(bare):
            raise ValueError(
                "every class needs a reason code but the good one, which must be called "
                f"{' or '.join(sorted(GOOD_CLASSES))}; without one: {', '.join(bare)}"
            )
        strange = set(self.reason_codes) - set(self.classes)
        if strange:
            raise ValueError(f"reason codes for classes that do not exist: {sorted(strange)}")

    def _check_finds(self) -> None:
        """Every class of a detector or segmenter must have a meaning: nothing is overlooked."""
        meant = {*self.reason_codes, *self.ignored, *self.counts}
        mute = [name for name in self.classes if name not in meant]
        if not self.classes or len(set(self.classes)) != len(self.classes) or mute:
            raise ValueError(
                "every class (different ones, at least one) needs a reason code, a count, or to be "
                f"ignored in so many words; without: {', '.join(mute) or 'classes'}"
            )
        twice = {*self.reason_codes} & {*self.counts, *self.ignored}
        twice |= {*self.counts} & {*self.ignored}
        if meant - {*self.classes} or twice:
            raise ValueError(
                f"classes that do not exist: {sorted(meant - {*self.classes})}; with two "
                f"meanings: {sorted(twice)}"
            )
        if not self.reason_codes and not self.counts:
            raise ValueError("a model that can find no fault proves nothing; name a reason code")
        if self.tiling:
            raise ValueError(f"tiling does not go with {self.task}: things would be counted twice")
        holds = {output.holds for output in self.outputs}
        if "boxes" in holds and self.boxes is None:
            raise ValueError("an output that holds boxes needs the field boxes, their layout")

    @property
    def good_class(self) -> int | None:
        """The index of the class that means a good part; None where all classes are defects.

        Without it nothing can prove a part good: the score is always 1, and no part passes.
        """
        bare = (i for i, name in enumerate(self.classes) if name not in self.reason_codes)
        return next(bare, None)

    def limits_with(self, accept: float | None, reject: float | None) -> Limits:
        """The card's limits, with those a recipe sets in their place.

        Raises:
            RecipeError: together they are out of order, or the card has none.
        """
        if self.limits is None:
            raise RecipeError(f"model {self.reference} is for {self.task} and has no limits")
        accept = self.limits.accept_limit if accept is None else accept
        reject = self.limits.reject_limit if reject is None else reject
        try:
            return Limits(accept_limit=accept, reject_limit=reject)
        except ValidationError as error:
            raise RecipeError(
                f"limits {accept} and {reject} (recipe before card): {explain(error, Limits)}"
            ) from error

    @property
    def hash(self) -> str:
        """sha256 over all that gives the file its meaning: contract, classes, reasons, limits.

        Fields at their default are left out, so that a new one does not change old cards.
        """
        told = {"description", "training", "licence", "created_at"}
        content = self.model_dump(mode="json", exclude=told, exclude_defaults=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def reference(self) -> str:
        """How recipes name the model: name/version."""
        return f"{self.name}/{self.version}"


def read_card(folder: Path) -> ModelCard:
    """The card in a model folder.

    Raises:
        ModelError: it is missing, or a field is wrong; says which.
    """
    path = folder / CARD_FILE
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"cannot read the model card {path}: {error.strerror}") from error
    except ValidationError as error:
        raise ModelError(f"model card {path}: {explain(error, ModelCard)}") from error


def write_model(folder: Path, card: ModelCard, model: bytes) -> None:
    """Write a model and its card; the card last, so that half a model is no model."""
    write_whole(folder / card.file, model)
    write_whole(folder / CARD_FILE, (card.model_dump_json(indent=2) + "\n").encode())


def find_model(reference: str, model_dirs: Iterable[Path], *, file: str = CARD_FILE) -> Path:
    """The folder of `name/version`, or of the newest version of `name`; it holds `file`.

    Raises:
        ModelError: there is none; names the models there are.
    """
    dirs = tuple(model_dirs)
    name, _, version = reference.partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name) or not re.fullmatch(r"\d*", version):
        raise ModelError(f"{reference!r} is no model reference; write name or name/version")
    for root in dirs:
        versions = [version] if version else list(reversed(list_versions(root / name, file)))
        for candidate in versions:
            if (root / name / candidate / file).is_file():
                return root / name / candidate
    known = ", ".join(list_models(dirs, file)) or "none"
    raise ModelError(f"there is no model {reference!r} (there is: {known})")


def list_models(model_dirs: Iterable[Path], file: str = CARD_FILE) -> list[str]:
    """All references name/version below the model folders, in natural order."""
    cards = {
        f"{card.parent.parent.name}/{card.parent.name}"
        for root in model_dirs
        for card in root.glob(f"*/*/{file}")
    }
    return list(natsorted(cards))


def list_versions(folder: Path, file: str = CARD_FILE) -> list[str]:
    """The version folders of one model, oldest first."""
    return list(natsorted(path.parent.name for path in folder.glob(f"[0-9]*/{file}")))
