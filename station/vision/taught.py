"""What a tool was taught and no net holds: arrays and settings, bound together by a hash."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from station.core.errors import ModelError
from station.core.files import write_whole
from station.core.plugin import explain
from station.vision.card import find_model

TAUGHT_FILE = "taught.json"
ARRAYS_FILE = "taught.npz"
MAX_BYTES = 512 * 1024 * 1024

Arrays = Mapping[str, NDArray[Any]]


class TaughtCard(BaseModel):
    """What was taught, for which kind of tool; bound to its arrays by their sha256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = Field(1, ge=1, le=1)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    version: int = Field(ge=1)
    task: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="the kind of tool that uses it")
    description: str = ""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file with the arrays")
    settings: Mapping[str, JsonValue] = Field({}, description="what the tool must know besides")
    training: Mapping[str, JsonValue] = Field({}, description="facts of how it was made")
    created_at: datetime

    @property
    def hash(self) -> str:
        """sha256 over all that can change an answer, the arrays' included; 64 hex digits."""
        told = {"description", "training", "created_at"}
        content = self.model_dump(mode="json", exclude=told)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def reference(self) -> str:
        """How recipes name it: name/version."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class Taught:
    """Verified and read; the arrays are locked against writing."""

    card: TaughtCard
    arrays: Arrays

    def array(self, name: str) -> NDArray[Any]:
        """One array.

        Raises:
            ModelError: it is not there.
        """
        if name not in self.arrays:
            raise ModelError(f"{self.card.reference} holds no {name!r}; teach it again")
        return self.arrays[name]


def pack(arrays: Arrays) -> bytes:
    """Arrays as the bytes of one file; the same arrays give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            # an entry of its own, so that no date gets in; it would be stored as it is
            entry, array = zipfile.ZipInfo(f"{name}.npy"), io.BytesIO()
            np.lib.format.write_array(array, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(entry, array.getvalue(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def write_taught(folder: Path, card: TaughtCard, data: bytes) -> None:
    """Write the arrays' bytes (see `pack`) and the card; the card last, so that half is nothing."""
    write_whole(folder / ARRAYS_FILE, data)
    write_whole(folder / TAUGHT_FILE, (card.model_dump_json(indent=2) + "\n").encode())


def read_taught_card(folder: Path) -> TaughtCard:
    """The card in a folder.

    Raises:
        ModelError: it is missing, or a field is wrong; says which.
    """
    path = folder / TAUGHT_FILE
    try:
        return TaughtCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise ModelError(f"{path}: {explain(error, TaughtCard)}") from error


def find_learnt(reference: str, model_dirs: Iterable[Path]) -> Path:
    """The folder of `name/version`, be it a model or what a tool was taught.

    Raises:
        ModelError: there is neither.
    """
    dirs = tuple(model_dirs)
    try:
        return find_model(reference, dirs, file=TAUGHT_FILE)
    except ModelError:
        return find_model(reference, dirs)


def load_taught(
    reference: str, model_dirs: Iterable[Path], *, task: str, expected_hash: str = ""
) -> Taught:
    """What lies as `name/version` (or the newest `name`) below the model folders, verified.

    Raises:
        ModelError: there is none, it is for another tool, it is not what the recipe was approved
            with, or arrays and card do not agree.
    """
    folder = find_model(reference, model_dirs, file=TAUGHT_FILE)
    card = read_taught_card(folder)
    if card.task != task:
        raise ModelError(f"{card.reference} was taught for {card.task}, not {task}")
    if expected_hash and card.hash != expected_hash:
        raise ModelError(
            f"{card.reference} is not what the recipe was approved with; restore it or make a new "
            "recipe version"
        )
    try:
        data = (folder / ARRAYS_FILE).read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {folder / ARRAYS_FILE}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelError(f"{folder / ARRAYS_FILE} is not the file its card was written for")
    return Taught(card, _unpacked(data, card.reference))


def _unpacked(data: bytes, reference: str) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                raise ModelError(f"{reference} holds more than {MAX_BYTES >> 20} MB of arrays")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"the arrays of {reference} cannot be read: {error}") from error
    for array in arrays.values():
        array.setflags(write=False)
    return arrays
