"""Room for a frame in the system's socket buffer, from its first packet on."""

import socket
from contextlib import suppress
from pathlib import Path

OPEN_FILES = Path("/proc/self/fd")


def make_room(port: int, room_bytes: int) -> None:
    """Give this process's UDP socket at `port` a larger buffer; on Linux only.

    The library does it by itself, but only when the first packet is there, so that the first
    frame after opening came torn at times.
    """
    if not OPEN_FILES.is_dir():
        return
    for entry in list(OPEN_FILES.iterdir()):
        with suppress(OSError):  # no socket, or closed meanwhile
            _make_room(int(entry.name), port, room_bytes)


def _make_room(number: int, port: int, room_bytes: int) -> None:
    found = socket.socket(fileno=number)
    try:
        is_udp = found.family == socket.AF_INET and found.type == socket.SOCK_DGRAM
        if is_udp and found.getsockname()[1] == port:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
    finally:
        found.detach()  # it stays the library's
