"""A whole station in processes of its own, as `station run` starts it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from station.core.plugin import Tool
from station.core.recipe import write_recipe
from tests.faults.stage import loose_recipe, tiny_recipe, write_bright, write_parts

START_S = 40.0
TOML = """
[line]
recipe = "{recipe}"
trigger_mode = "software"
workers = 2
queue_size = 16
{line}
[source]
{source}
[journal]
keep = "{keep}"
[api]
port = {api}
[plc]
port = {plc}
recipes = {{ 1 = "tiny", 2 = "loose" }}
[hmi]
enabled = false
[alarms]
unjudged_in_row = 0
unjudged_of_100 = 0
"""


PARTS = """\
kind = "replay"
results = "{home}/parts.jsonl"
pictures = "{home}/parts"
rate_per_s = 400
"""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens at now."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(door.getsockname()[1]) for door in doors]
    for door in doors:
        door.close()
    return ports


def write_home(home: Path, greys: tuple[int, ...], *tools: Tool) -> None:
    """Models, two recipes and a camera's worth of parts."""
    write_bright(home / "models", 1)
    write_bright(home / "models", 2)
    for recipe in (tiny_recipe(*tools), loose_recipe()):
        write_recipe(recipe, home / "recipes" / f"{recipe.recipe_id}.json")
    write_parts(home, greys, 100_000)


@dataclass(slots=True)
class StationProcess:
    """One station that is started, killed and started again in its home."""

    home: Path
    line: str = ""
    keep: str = "all"
    recipe: str = "tiny"
    source: str = PARTS
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.home / "var" / "journal.sqlite"

    @property
    def plc_port(self) -> int:
        """Of its door for controllers."""
        return self.ports[1]

    def start(self) -> float:
        """Start it and wait until it is ready; how long that took.

        Raises:
            TimeoutError: it does not get ready.
        """
        api, plc = self.ports
        text = TOML.format(
            source=self.source.format(home=self.home), api=api, plc=plc, line=self.line,
            keep=self.keep, recipe=self.recipe,
        )  # fmt: skip
        (self.home / "station.toml").write_text(text)
        started_s = time.monotonic()
        with (self.home / "out.txt").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "station", "run"],
                cwd=self.home,
                env={**os.environ, "STATION_HOME": str(self.home), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.until_ready()
        return time.monotonic() - started_s

    def until_ready(self) -> float:
        """Wait until it is ready; how long that took.

        Raises:
            TimeoutError: it does not get ready.
        """
        started_s = time.monotonic()
        while self.state() not in ("ready", "single_execution"):
            is_gone = self.process is None or self.process.poll() is not None
            if time.monotonic() - started_s > START_S or is_gone:
                raise TimeoutError(f"the station is not ready: {self.said()}")
            threading.Event().wait(0.02)
        return time.monotonic() - started_s

    def line_process(self) -> psutil.Process:
        """The process of the line, below the supervisor.

        Raises:
            StopIteration: there is none.
        """
        return next(child for child in self.family() if "line" in child.cmdline()[:4])

    def until_gone(self, process: psutil.Process) -> None:
        """Wait until one of its processes has ended."""
        _wait_gone([process], START_S)

    def state(self) -> str:
        """The state of its line; empty where nobody answers."""
        try:
            return str(self.status()["state"])
        except (httpx.HTTPError, KeyError, ValueError):
            return ""

    def status(self) -> dict[str, Any]:
        """All it says of itself."""
        url = f"http://127.0.0.1:{self.ports[0]}/api/v1/station"
        found: dict[str, Any] = httpx.get(url, timeout=5, trust_env=False).json()
        return found

    def ask(self, target: str) -> httpx.Response:
        """A request to its door for controllers."""
        url = f"http://127.0.0.1:{self.plc_port}/plc/v1/{target}"
        return httpx.post(url, timeout=30, trust_env=False)

    def said(self) -> str:
        """The end of what it wrote."""
        return (self.home / "out.txt").read_text(errors="replace")[-1500:]

    def family(self) -> list[psutil.Process]:
        """All its processes, itself first."""
        if self.process is None:
            return []
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """kill -9 of all its processes at once."""
        if self.process is None:
            return
        family = self.family()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        _wait_gone(family)

    def end(self) -> int:
        """SIGTERM, as the system does it; the exit code."""
        if self.process is None:
            return 0
        family = self.family()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        _wait_gone(family)
        return code

    def __enter__(self) -> "StationProcess":
        """Started by `start`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing stays behind."""
        self.kill()


def _wait_gone(family: Sequence[psutil.Process], within_s: float = 10.0) -> None:
    """Wait until nothing of a station runs any more; what nobody buries does not run either.

    Raises:
        TimeoutError: something does.
    """
    until_s = time.monotonic() + within_s
    while left := [process for process in family if _runs(process)]:
        if time.monotonic() > until_s:
            raise TimeoutError(f"still there after the station's end: {left}")
        threading.Event().wait(0.02)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
