"""All enabled doors for controllers, in one thread with an event loop of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import uvicorn
from uvicorn.server import ServerState

from station.api.plc.ascii import AsciiProtocol
from station.api.plc.desk import AskedLine, Desk, Terms
from station.api.plc.http import PlcApp
from station.api.plc.joined import JoinedProtocol
from station.api.plc.modbus import ModbusProtocol, Registers
from station.api.plc.visits import Room
from station.core.sockets import bind
from station.line.settings import PlcSettings

CLOSING_S = 1.0
"""Answers under way may take so long when the doors are closed."""
THREADS = 2

ProtocolFactory = Callable[[], asyncio.Protocol]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Bound ports; None: that door is off."""

    http: socket.socket | None = None
    modbus: socket.socket | None = None
    ascii: socket.socket | None = None

    @property
    def bound(self) -> list[socket.socket]:
        """All that are bound."""
        return [door for door in (self.http, self.modbus, self.ascii) if door is not None]

    def close(self) -> None:
        """Let them go."""
        for door in self.bound:
            door.close()


def bind_ports(settings: PlcSettings) -> Ports:
    """Bind the port of each enabled door.

    Raises:
        SettingsError: somebody else has one; all are free again.
    """
    if not settings.enabled:
        return Ports()
    wanted = {"http": settings.port, "modbus": settings.modbus_port, "ascii": settings.ascii_port}
    names = {"http": "port", "modbus": "modbus_port", "ascii": "ascii_port"}
    bound: dict[str, socket.socket] = {}
    try:
        for door, port in wanted.items():
            if port is not None:
                bound[door] = bind(settings.host, port, f"plc.{names[door]}")
    except Exception:
        Ports(**bound).close()
        raise
    return Ports(**bound)


class Doors:
    """Open doors; closing them answers what is under way, as far as that goes within a second."""

    def __init__(
        self, ports: Ports, line: AskedLine, terms: Terms, *, room: Callable[[], Room] = Room
    ) -> None:
        """Open them; each has a `room` of its own."""
        self._ports, self._line, self._terms, self._room = ports, line, terms, room
        self._opened = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="plc", daemon=True)
        if ports.bound:
            self._thread.start()
            self._opened.wait()

    def close(self) -> None:
        """Take nothing more in, answer what is under way, end the thread."""
        if self._thread.is_alive() and self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()
        self._ports.close()

    def _run(self) -> None:
        # The same kind of loop that uvicorn itself would choose on this machine.
        factory = uvicorn.Config("", log_config=None).get_loop_factory()
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(self._serve())
        finally:
            self._opened.set()

    async def _serve(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="plc")
        desk = Desk(self._line, self._terms, pool)
        rooms = [self._room() for _ in range(3)]
        servers = [
            await loop.create_server(factory, sock=door)
            for door, factory in self._factories(desk, *rooms)
            if door is not None
        ]
        self._opened.set()
        await self._closing.wait()
        for server in servers:
            server.close()
        await _until_quiet(rooms)
        desk.close()
        pool.shutdown(wait=False, cancel_futures=True)

    def _factories(
        self, desk: Desk, http: Room, modbus: Room, ascii_room: Room
    ) -> list[tuple[socket.socket | None, ProtocolFactory]]:
        """What answers at each port."""
        state, registers = ServerState(), Registers(desk)
        config = uvicorn.Config(
            PlcApp(desk), ws="none", lifespan="off", log_config=None, access_log=False,
            proxy_headers=False, timeout_keep_alive=int(http.idle_s),
        )  # fmt: skip
        config.load()
        return [
            (self._ports.http, lambda: JoinedProtocol(config, state, http)),
            (self._ports.modbus, lambda: ModbusProtocol(registers, modbus)),
            (self._ports.ascii, lambda: AsciiProtocol(desk, ascii_room)),
        ]


async def _until_quiet(rooms: list[Room]) -> None:
    """Close idle connections, give the others a second, then close those too."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + CLOSING_S
    for room in rooms:
        room.close_idle()
    while any(len(room) for room in rooms) and loop.time() < end_s:
        await asyncio.sleep(0.02)
        for room in rooms:
            room.close_idle()
    for room in rooms:
        room.close_all()
