"""Keeping a taught model: the next free version, whole or not at all."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from station.core.errors import TeachError
from station.core.files import write_whole
from station.vision.card import ModelCard, write_model


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
    folder = models_dir / card.name / str(card.version)
    draft = models_dir / f".{card.name}.{os.getpid()}.part"
    try:
        for name, content in (beside or {}).items():
            write_whole(draft / name, content)
        write_model(draft, card, data)
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(folder)
    except OSError as error:
        raise TeachError(
            f"cannot write the model to {folder}: {error.strerror or error}; free the disk or the "
            "folder and teach again"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder
