"""The picture on its way to a worker process: a block of shared memory that grows as needed."""

import os
import sys
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.errors import NoRoomError

LEAST_BYTES = 4_000_000
BLOCKS = Path("/dev/shm")  # noqa: S108 - where Linux shows shared memory as files


class SharedPicture:
    """One block, made when it is first needed; closing it gives its memory back."""

    def __init__(self) -> None:
        self._block: SharedMemory | None = None

    def put(self, content: NDArray[np.uint8]) -> str:
        """Copy something there, in place of what was; the block's name.

        Raises:
            NoRoomError: the system has no shared memory left for it.
        """
        block = self._block
        if block is None or block.size < content.nbytes:
            self.close()
            block = self._block = _made(max(LEAST_BYTES, content.nbytes))
        np.copyto(np.ndarray(content.shape, np.uint8, block.buf), content)
        return block.name

    def close(self) -> None:
        """Give the memory back; a second call does nothing."""
        block, self._block = self._block, None
        if block is not None:
            block.close()
            block.unlink()


def _made(size: int) -> SharedMemory:
    try:
        block = SharedMemory(create=True, size=size)
    except OSError as error:
        raise _no_room(size) from error
    try:
        _reserve(block)
    except OSError as error:
        block.close()
        block.unlink()
        raise _no_room(size) from error
    return block


def _reserve(block: SharedMemory) -> None:
    """Linux gives memory at the first write, and ends a process that writes where none is left."""
    if sys.platform.startswith("linux"):
        file = os.open(BLOCKS / block.name, os.O_RDWR)
        try:
            os.posix_fallocate(file, 0, block.size)
        finally:
            os.close(file)


def _no_room(size: int) -> NoRoomError:
    room = ""
    with suppress(OSError):
        found = os.statvfs(BLOCKS) if sys.platform.startswith("linux") else None
        room = f" ({found.f_bavail * found.f_frsize / 1e6:.0f} MB are free)" if found else ""
    return NoRoomError(
        f"there is no shared memory for a picture of {size / 1e6:.0f} MB{room}: each worker needs "
        f"that much; make {BLOCKS} larger (in a container: --shm-size)"
    )
