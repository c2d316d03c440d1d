"""Real things that take results: a web server, an MQTT broker with a subscriber, a CSV file."""

import csv
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

WAIT_S = 15.0


class Receiver(Protocol):
    """What got results."""

    settings: dict[str, Any]
    """What a sink must know of it."""

    def job_ids(self, count: int) -> list[str]:
        """What came, in order; waits until there are so many."""


def until(condition: Callable[[], bool], timeout_s: float = WAIT_S) -> bool:
    """Poll until it is so, but not for ever."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        threading.Event().wait(0.01)
    return True


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class CsvFile:
    """A CSV file, read as a spreadsheet would."""

    def __init__(self, path: Path) -> None:
        self.settings: dict[str, Any] = {"path": str(path)}

    def job_ids(self, count: int) -> list[str]:  # noqa: ARG002
        with Path(self.settings["path"]).open(newline="", encoding="utf-8") as file:
            return [row["job_id"] for row in csv.DictReader(file)]


class WebReceiver:
    """A web server; `answers` are given first, then 204."""

    def __init__(self, address: str) -> None:
        self.settings: dict[str, Any] = {"url": f"{address}/results"}
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.refused: set[str] = set()

    def job_ids(self, count: int) -> list[str]:
        until(lambda: len(self.requests) >= count)
        return [headers["webhook-id"] for headers, _ in self.requests]


@contextmanager
def web_receiver(port: int = 0) -> Iterator[WebReceiver]:
    """A web server on 127.0.0.1."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more = receiver.answers.pop(0) if receiver.answers else (204, {})
            if headers["webhook-id"] in receiver.refused:
                status = 400
            if status < 300:
                receiver.requests.append((headers, body))
            self.send_response(status)
            for name, value in {"content-length": "0", **more}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    server.daemon_threads = True
    receiver = WebReceiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Broker:
    """A mosquitto that can be killed and started again, and keeps what it acknowledged."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
            "autosave_on_changes true\nmax_queued_messages 0\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
        assert program, "mosquitto is not installed: python run.py test installs it"
        self._process = subprocess.Popen(
            [program, "-c", str(self._configuration)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert until(self._listens)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class MqttReceiver:
    """A subscriber with a session of its own, which the broker keeps while it is away."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.settings: dict[str, Any] = {"port": broker.port}
        self.messages: list[tuple[str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="receiver", clean_session=False
        )
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _, __, m: self.messages.append((m.topic, bytes(m.payload)))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(WAIT_S)

    def job_ids(self, count: int) -> list[str]:
        until(lambda: len(self._results()) >= count)
        return [json.loads(payload)["job_id"] for payload in self._results()]

    def states(self) -> list[str]:
        return [payload.decode() for topic, payload in self.messages if topic.endswith("/state")]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _results(self) -> list[bytes]:
        return [payload for topic, payload in self.messages if not topic.endswith("/state")]


@contextmanager
def mqtt_receiver(folder: Path) -> Iterator[MqttReceiver]:
    """A broker and a subscriber to everything."""
    broker = Broker(folder)
    broker.start()
    try:
        receiver = MqttReceiver(broker)
        yield receiver
        receiver.close()
    finally:
        broker.kill()
