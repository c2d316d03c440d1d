"""Programs of their own beside a test: the page, and the station behind it."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import httpx

RUN_PAGE = (
    "import sys; from station.hmi.page import run; "
    "run(sys.argv[1], '127.0.0.1', int(sys.argv[2]), ends_with_stdin=True)"
)


@dataclass(slots=True)
class Program:
    """A process that serves HTTP and ends with its standard input."""

    arguments: tuple[str, ...]
    url: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start without waiting."""
        # The page must run as it does at a line, not as within a test.
        environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
        self.process = subprocess.Popen(
            [sys.executable, *self.arguments], stdin=subprocess.PIPE, env=environment
        )

    def wait_until_it_answers(self) -> None:
        """Up to twenty seconds."""
        until_s = time.monotonic() + 20
        with httpx.Client(trust_env=False) as client:
            while True:
                try:
                    client.get(self.url)
                except httpx.TransportError:
                    if time.monotonic() > until_s:
                        raise
                    time.sleep(0.05)
                else:
                    return

    def end(self) -> float:
        """End it as its supervisor does; gives the seconds it took."""
        process, self.process = self.process, None
        if process is None:
            return 0.0
        started_s = time.monotonic()
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()
        return time.monotonic() - started_s

    def kill(self) -> None:
        """As a power cut would."""
        if self.process:
            self.process.kill()
        self.end()


def page_program(station_url: str, port: int) -> Program:
    """The operator's page of a station."""
    return Program(("-c", RUN_PAGE, station_url, str(port)), f"http://127.0.0.1:{port}")


def free_ports() -> tuple[int, int]:
    """Two ports of 127.0.0.1 nobody listens on."""
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
