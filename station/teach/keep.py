"""Keeping a taught model: the next free version, whole or not at all."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from station.core.errors import TeachError
from station.core.files import write_whole
from station.vision.card import ModelCard, write_model
from station.vision.taught import Arrays, TaughtCard, pack, write_taught


def check_name(name: str) -> str:
    """Return `name` if a model may be called so.

    Raises:
        TeachError: it may not; says what may.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
        raise TeachError(
            f"a model cannot be called {name!r}; use lower case letters, digits, _ . - "
            "(example: casting_top)"
        )
    if name == "features":
        raise TeachError("models/features is where feature nets lie; choose another name")
    return name


def next_version(name: str, model_dirs: Iterable[Path]) -> int:
    """One more than the highest version of a model anywhere, finished or not."""
    versions = [
        int(path.name)
        for root in model_dirs
        for path in (root / name).glob("[0-9]*")
        if path.name.isdigit()
    ]
    return max(versions, default=0) + 1


def keep(
    models_dir: Path, card: ModelCard, data: bytes, beside: Mapping[str, bytes] | None = None
) -> Path:
    """Write a model as models/<name>/<version>, with files `beside` it; earlier versions stay.

    Everything is written beside it first and then renamed, so that an interruption leaves nothing.

    Raises:
        TeachError: the folder cannot be written, or the version came to be meanwhile.
    """
    with _draft_of(models_dir, card.name, card.version) as draft:
        for name, content in (beside or {}).items():
            write_whole(draft / name, content)
        write_model(draft, card, data)
    return models_dir / card.name / str(card.version)


def keep_taught(
    model_dirs: Sequence[Path],
    name: str,
    task: str,
    arrays: Arrays,
    *,
    settings: Mapping[str, JsonValue] | None = None,
    training: Mapping[str, JsonValue] | None = None,
    description: str = "",
    beside: Mapping[str, bytes] | None = None,
) -> tuple[TaughtCard, Path]:
    """Write what a tool of kind `task` was taught, as the next version in `model_dirs[0]`.

    Raises:
        TeachError: the name will not do, or the folder cannot be written.
    """
    data = pack(arrays)
    card = TaughtCard(
        name=check_name(name),
        version=next_version(name, model_dirs),
        task=task,
        description=description,
        sha256=hashlib.sha256(data).hexdigest(),
        settings=settings or {},
        training=training or {},
        created_at=datetime.now(UTC).replace(microsecond=0),
    )
    with _draft_of(model_dirs[0], name, card.version) as draft:
        for file, content in (beside or {}).items():
            write_whole(draft / file, content)
        write_taught(draft, card, data)
    return card, model_dirs[0] / name / str(card.version)


@contextmanager
def _draft_of(models_dir: Path, name: str, version: int) -> Iterator[Path]:
    """A folder that becomes models/<name>/<version> when all is written, and nothing before."""
    folder = models_dir / name / str(version)
    draft = models_dir / f".{name}.{os.getpid()}.part"
    try:
        yield draft
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(folder)
    except OSError as error:
        raise TeachError(
            f"cannot write the model to {folder}: {error.strerror or error}; free the disk or the "
            "folder and teach again"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
