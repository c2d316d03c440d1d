"""Sockets and timers in one thread, like the cyclic task of a controller."""

import heapq
import itertools
import selectors
import socket
import time
from collections.abc import Callable

BUFFER_BYTES = 254
"""A controller's receive buffer; one recv() fills it, and what is not in it is not read."""
AGAIN_S = 0.1
"""Between two attempts to connect."""

Answered = Callable[[bytes, float], None]


class Scan:
    """Waits for sockets and for times, and calls what belongs to them."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._times: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, time_s: float, call: Callable[[], None]) -> None:
        """Call at this time of the monotonic clock, or as soon as possible after it."""
        heapq.heappush(self._times, (time_s, next(self._order), call))

    def watch(self, sock: socket.socket, events: int, call: Callable[[], None]) -> None:
        """Call whenever the socket can be read or written."""
        self.unwatch(sock)
        self._selector.register(sock, events, call)

    def unwatch(self, sock: socket.socket) -> None:
        """Leave the socket alone."""
        if sock in self._selector.get_map():
            self._selector.unregister(sock)

    def turn(self, longest_s: float = 0.1) -> None:
        """One cycle: what came in first, then what is due."""
        due_s = self._times[0][0] - time.monotonic() if self._times else longest_s
        for key, _ in self._selector.select(min(max(due_s, 0.0), longest_s)):
            key.data()
        while self._times and self._times[0][0] <= time.monotonic():
            heapq.heappop(self._times)[2]()

    def close(self) -> None:
        """Forget all sockets and times."""
        self._selector.close()
        self._times.clear()


class Wire:
    """A connection on which one request at a time waits for its answer; it reopens by itself."""

    def __init__(
        self,
        scan: Scan,
        address: tuple[str, int],
        *,
        broken: Callable[[], None],
        stray: Callable[[], None],
        patience_s: float,
    ) -> None:
        self._scan = scan
        self._address = address
        self._broken = broken
        self._stray = stray
        self._patience_s = patience_s
        self._socket: socket.socket | None = None
        self._is_connected = False
        self._answered: Answered | None = None
        self._asked_s = 0.0

    @property
    def is_free(self) -> bool:
        """A request can be sent now."""
        return self._is_connected and self._answered is None

    def open(self) -> None:
        """Begin to connect, unless there is a connection."""
        if self._socket is not None:
            return
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asked_s = time.monotonic()
        self._socket.connect_ex(self._address)
        self._scan.watch(self._socket, selectors.EVENT_WRITE, self._connected)

    def ask(self, request: bytes, answered: Answered, *, read_after_s: float = 0.0) -> None:
        """Send a request; `answered` gets what one recv() gives, and when."""
        if self._socket is None:
            return
        self._answered, self._asked_s = answered, time.monotonic()
        try:
            self._socket.send(request)
        except OSError:
            self._break()
            return
        if read_after_s:
            self._scan.unwatch(self._socket)
            held = self._socket
            self._scan.at(self._asked_s + read_after_s, lambda: self._listen(held))

    def check(self) -> None:
        """Give up a connection that says nothing any more."""
        is_waiting = self._answered is not None or not self._is_connected
        if is_waiting and self._socket and time.monotonic() - self._asked_s > self._patience_s:
            self._break()

    def close(self) -> None:
        """Close the socket; an answer that was due will not come."""
        if self._socket is not None:
            self._scan.unwatch(self._socket)
            self._socket.close()
        self._socket, self._is_connected, self._answered = None, False, None

    def _connected(self) -> None:
        if self._socket is None:
            return
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._break()
            return
        self._is_connected = True
        self._listen(self._socket)

    def _listen(self, held: socket.socket) -> None:
        if self._socket is held:  # else it was closed meanwhile
            self._scan.watch(held, selectors.EVENT_READ, self._read)

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            came = self._socket.recv(BUFFER_BYTES)
        except OSError:
            came = b""
        if not came:
            self._break()
        elif self._answered is None:
            self._stray()
        else:
            answered, self._answered = self._answered, None
            answered(came, time.monotonic())

    def _break(self) -> None:
        was_due = self._answered is not None
        self.close()
        self._scan.at(time.monotonic() + AGAIN_S, self.open)
        if was_due:
            self._broken()
