"""Disk space: what goes first when it runs out, and a reserve that keeps records going."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ANNOTATED = "*/*.annotated.jpg"
PICTURES = "*/*.jpg"

FreeBytes = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """What a file in this folder could take."""
    return shutil.disk_usage(folder).free


def make_space(folder: Path, min_free_bytes: int, free: FreeBytes = free_bytes) -> int:
    """Delete pictures until enough is free, annotated ones first, then the oldest; how many went.

    Records are never touched.

    Raises:
        OSError: the disk cannot be asked.
    """
    if not folder.exists() or free(folder) >= min_free_bytes:
        return 0
    gone = 0
    for kind in (ANNOTATED, PICTURES):
        for path in sorted(folder.glob(kind), key=_age):
            path.unlink(missing_ok=True)
            gone += 1
            if free(folder) >= min_free_bytes:
                return gone
    return gone


class Ballast:
    """A file that only takes space: given up when a record finds none, so that records go on."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path, self._size_bytes = path, size_bytes

    @property
    def is_there(self) -> bool:
        """Whether the reserve is whole."""
        with suppress(OSError):
            return self._path.stat().st_size >= self._size_bytes
        return False

    def fill(self) -> bool:
        """Take the space, if there is so much; whether the reserve is whole now."""
        if self.is_there:
            return True
        try:
            with self._path.open("wb") as file:
                _allocate(file.fileno(), self._size_bytes)
        except OSError:
            self.give_up()
            return False
        return True

    def give_up(self) -> bool:
        """Let the space go; false: there was none to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def _allocate(file: int, size_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size_bytes)
        return
    block = b"\xff" * 65536  # written: a system without the call may keep holes
    for _ in range(0, size_bytes, len(block)):
        os.write(file, block)


def _age(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
