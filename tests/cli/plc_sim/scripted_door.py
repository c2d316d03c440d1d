"""A door that answers what a test tells it to: also what no station would ever say."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from station.core.plc_words import RESULT_WIDTHS, STATUS_WIDTHS

READY = 129
Reply = Callable[[int, int], list[bytes]]
"""(sequence, how often it was triggered) -> what is sent, one segment each; none: hang up."""


def result(seq: int, **changed: int) -> bytes:
    """An answer to a trigger: a pass, unless said otherwise."""
    usual = {"seq": seq, "pass": 1, "eval": 1, "state": 1, "score": 132, "ms": 23}
    fields = dict.fromkeys(RESULT_WIDTHS, 0) | usual | changed
    return _json(fields)


class ScriptedDoor:
    """Listens on a free port; remembers which requests it got."""

    def __init__(self, reply: Reply) -> None:
        self.triggers: list[int] = []
        self.acks: list[int] = []
        self._reply = reply
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """End all connections and threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection,))
            with self._lock:
                self._open.append(connection)
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while request := connection.recv(1000):
                    self._answer(connection, request.decode())
            except OSError:
                return

    def _answer(self, connection: socket.socket, request: str) -> None:
        found = re.search(r"seq=(\d+)", request)
        seq = int(found[1]) if found else 0
        if "/trigger" in request:
            with self._lock:
                self.triggers.append(seq)
                count = self.triggers.count(seq)
            segments = self._reply(seq, count)
            for segment in segments:
                connection.sendall(segment)
                threading.Event().wait(0.02 if len(segments) > 1 else 0)
            if not segments:
                _hang_up(connection)
            return
        if "/ack" in request:
            self.acks.append(seq)
        connection.sendall(_json(dict.fromkeys(STATUS_WIDTHS, 0) | {"bits": READY, "ready": 1}))


@contextmanager
def scripted(reply: Reply) -> Iterator[ScriptedDoor]:
    """A door until the test ends."""
    door = ScriptedDoor(reply)
    try:
        yield door
    finally:
        door.close()


def _json(fields: dict[str, int]) -> bytes:
    body = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
