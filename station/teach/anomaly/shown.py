"""What a model was shown: the pictures, kept beside its versions, and the list of them."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.core.errors import PictureError, TeachError
from station.core.files import write_whole
from station.core.plugin import explain
from station.teach.look import Tick, in_parallel

LESSON_FILE, SHOWN_FOLDER = "lesson.json", "shown"
MASK_SUFFIX = ".mask.png"
DIGITS = 16
"""Of the sha256, in the names of kept files; the whole of it is checked when they are read."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Role = Literal["good", "bad", "marked"]
"""A good part; a bad one nobody marked; one with marks."""

_CLOSED = ConfigDict(frozen=True, extra="forbid")


class Entry(BaseModel):
    """One picture a model was shown."""

    model_config = _CLOSED

    digest: Digest
    role: Role
    reason: str | None = Field(None, description="of a bad part")
    path: str = Field(description="where it lay when it was shown")
    mask: Digest | None = Field(None, description="of the PNG that says where a bad part is bad")
    is_correction: bool = Field(False, description="a good part the memory must know")
    was_rejected: bool = Field(False, description="a good part given because a version rejected it")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return Path(self.path).name

    @property
    def file(self) -> str:
        """Its name in the folder of what was shown."""
        return file_of(self.digest, Path(self.path).suffix)


class Settings(BaseModel):
    """What was asked for when a model was taught, so that more can be taught the same way."""

    model_config = _CLOSED

    features: str
    false_reject_rate: float = Field(gt=0, lt=1)
    seed: int
    size_px: int | None
    fit: Literal["stretch", "letterbox"] | None
    ms_at_most: float
    mb_at_most: float


class ShownLesson(BaseModel):
    """What one version of a model was taught with: `lesson.json` in its folder."""

    model_config = _CLOSED

    schema_version: int = Field(1, ge=1, le=1)
    settings: Settings
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture shown earlier, found again and proved to be the same."""

    entry: Entry
    path: Path
    mask: Path | None


def read_lesson(folder: Path) -> ShownLesson:
    """The lesson of a version.

    Raises:
        TeachError: it cannot be read, or a field is wrong.
    """
    path = folder / LESSON_FILE
    try:
        return ShownLesson.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TeachError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise TeachError(f"{path}: {explain(error, ShownLesson)}; teach the model anew") from error


def find_shown(
    lesson: ShownLesson, folders: Sequence[Path], tick: Tick
) -> tuple[list[Kept], list[str]]:
    """The pictures of a lesson that are still what they were, and what is wrong with the others.

    A picture that is no longer in one of `folders` may lie where it lay when it was shown.
    """
    answers = in_parallel(lambda entry: _find(entry, folders), lesson.entries, tick)
    return (
        [answer for answer in answers if isinstance(answer, Kept)],
        [answer for answer in answers if isinstance(answer, str)],
    )


@dataclass(slots=True)
class Shelf:
    """The folder of what was shown while it is being added to."""

    folder: Path
    _added: list[Path] = field(default_factory=list)

    def put(self, path: Path, digest: str) -> None:
        """Keep a picture: the same file by another name where the disk allows it, else a copy.

        Raises:
            TeachError: it is no longer the picture that was learnt from, or cannot be kept.
        """
        target = self.folder / file_of(digest, path.suffix)
        if target.exists() and digest_of(target) == digest:
            return
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise TeachError(f"{path} changed while it was learnt from; teach again")
        target.unlink(missing_ok=True)
        self._added.append(target)
        try:
            os.link(path.resolve(), target)
        except OSError:
            write_whole(target, data, durable=False)

    def put_mask(self, mask: NDArray[np.bool_]) -> str:
        """Keep a mask, (height, width), and return its digest."""
        done, png = cv2.imencode(".png", mask.astype(np.uint8) * np.uint8(255))
        if not done:
            raise TeachError(f"a mask of {mask.shape[1]} x {mask.shape[0]} cannot be kept")
        data = png.tobytes()
        digest = hashlib.sha256(data).hexdigest()
        target = self.folder / file_of(digest, MASK_SUFFIX)
        if not target.exists() or digest_of(target) != digest:
            self._added.append(target)
            write_whole(target, data, durable=False)
        return digest

    def take_back(self) -> None:
        """Remove what was added, and the folders where nothing else is in them."""
        for path in self._added:
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()
            self.folder.parent.rmdir()


@contextmanager
def shelf_of(models_dir: Path, name: str) -> Iterator[Shelf]:
    """Where a model's pictures are kept; an exception inside takes back what was added.

    Raises:
        TeachError: a picture cannot be kept.
    """
    shelf = Shelf(models_dir / name / SHOWN_FOLDER)
    try:
        shelf.folder.mkdir(parents=True, exist_ok=True)
        yield shelf
    except OSError as error:
        shelf.take_back()
        raise TeachError(
            f"cannot keep the pictures in {shelf.folder}: {error.strerror or error}; free the disk "
            "or the folder and teach again"
        ) from error
    except BaseException:
        shelf.take_back()
        raise


def file_of(digest: str, suffix: str) -> str:
    """The name a picture or mask is kept under."""
    return f"{digest[:DIGITS]}{suffix.lower()}"


def digest_of(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        PictureError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}") from error


def _find(entry: Entry, folders: Sequence[Path]) -> Kept | str:
    places = [*(folder / entry.file for folder in folders), Path(entry.path)]
    there = [place for place in places if place.is_file()]
    path = next((place for place in there if digest_of(place) == entry.digest), None)
    if path is None:
        return f"{entry.name} ({entry.path}): {'changed' if there else 'missing'}"
    if entry.mask is None:
        return Kept(entry, path, None)
    masks = [folder / file_of(entry.mask, MASK_SUFFIX) for folder in folders]
    mask = next((m for m in masks if m.is_file() and digest_of(m) == entry.mask), None)
    if mask is None:
        return f"{entry.name} ({entry.path}): its mask is missing or changed"
    return Kept(entry, path, mask)
