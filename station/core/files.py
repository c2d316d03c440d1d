"""Writing a file whole or not at all, and naming one so that everybody can read it."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path` under a draft name and rename it, so that nobody sees half a file.

    With `durable` the bytes are on the disk before the name is. Missing folders are made.

    Raises:
        OSError: the disk is full or the folder cannot be written; `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def legible(path: Path) -> str:
    """The path as text everybody can store, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
