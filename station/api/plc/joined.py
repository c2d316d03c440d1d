"""uvicorn's HTTP protocol with head and body in one write, and an end to every patience."""

import asyncio
import re
import socket
from typing import Any, cast

from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from station.api.plc.answers import Refusal, refused
from station.api.plc.visits import Room
from station.core.plc_words import ANSWER_BYTES_AT_MOST, KEEP_ALIVE_S

MOST_REQUEST_BYTES = 4096
_KIND = re.compile(rb"Content-Type: [^\r]*\r\n")


class JoinedProtocol(HttpToolsProtocol):
    """One connection of a PLC; each answer leaves in one write, so in one TCP segment."""

    def __init__(self, config: Config, state: ServerState, room: Room) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self._room = room
        self._answer: JoinedAnswer | None = None
        self._is_receiving = False
        self._unfinished_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A PLC connects."""
        super().connection_made(transport)
        tune_socket(transport)
        self._visit = self._room.enter(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The PLC is gone; what it triggered goes on."""
        self._visit.leaves()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; a request that does not end is not waited for."""
        self._unfinished_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_receiving and self._unfinished_bytes > MOST_REQUEST_BYTES:
            self.send_400_response("the request is too long")
        elif self._is_receiving:
            self._visit.receives()
        elif self.cycle is not None and not self.cycle.response_complete:
            self._visit.works()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._is_receiving = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._is_receiving, self._unfinished_bytes = False, 0
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:  # a body after its answer
            self._visit.waits()

    def on_response_complete(self) -> None:
        """The answer is whole: out with it."""
        if self._answer is not None:
            self._answer.flush()
        super().on_response_complete()
        if not self._is_receiving and self.cycle.response_complete:
            self._visit.waits()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the body is flat, always
        """What is no HTTP gets the flat body, and the end of the connection."""
        content = refused(Refusal.WRONG).as_json()
        head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        self.transport.write(head % len(content) + content)
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answer = JoinedAnswer(cycle.transport)
        cycle.transport = cast(asyncio.Transport, self._answer)
        super()._start_asgi_task(cycle, app)


class JoinedAnswer:
    """Stands for the transport during one answer, and writes it as one piece."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        """Keep a piece."""
        self._pieces.append(piece)

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Write what was kept, then close."""
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Write what was kept, in at most 200 bytes."""
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.write(_short(b"".join(pieces)))


def tune_socket(transport: asyncio.BaseTransport) -> None:
    """Send small answers at once, and find out when the other side has vanished."""
    door: Any = transport.get_extra_info("socket")
    if door is None:
        return
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # else the system's own, often two hours
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_S)


def _short(answer: bytes) -> bytes:
    """Header names as PLC programs search for them; the kind of the body only where it fits."""
    head, mark, body = answer.partition(b"\r\n\r\n")
    for name in (b"Content-Length", b"Content-Type", b"Connection"):
        head = head.replace(b"\r\n" + name.lower() + b":", b"\r\n" + name + b":")
    whole = head + mark + body
    return (
        whole if len(whole) <= ANSWER_BYTES_AT_MOST else _KIND.sub(b"", head + mark, count=1) + body
    )
