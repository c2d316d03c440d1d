"""A station of its own for one run of the belt, and the simulated PLC before it."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from station.cli.home import shipped
from station.core.recipe import new_recipe, read_recipe, write_recipe
from station.line.priority import LINE_RANK, set_rank
from station.tools.classify import Classify
from tests.benchmarks.line.ports import free_ports

TOML = """\
name = "benchmark"
[line]
recipe = "ring-int8"
priority = "realtime"
workers = {workers}
queue_size = {queue_size}
trigger_mode = "software"
deadline_ms = 5000
[source]
kind = "synthetic"
product = "ring"
rate_per_s = 0
prerendered = 60
defect_rate = 0.05
[journal]
keep = "none"
[api]
port = {api}
[hmi]
enabled = {hmi}
port = {page}
[plc]
port = {plc}
{more}
"""
DEAD_SINK = """
[[sinks]]
kind = "webhook"
url = "http://127.0.0.1:{port}/nobody"
"""
START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A station that answers."""

    api: int
    plc: int
    page: int
    process: psutil.Process

    @property
    def status(self) -> dict[str, Any]:
        """What the API says of the station."""
        url = f"http://127.0.0.1:{self.api}/api/v1/station"
        found: dict[str, Any] = httpx.get(url, timeout=10, trust_env=False).json()
        return found

    def run_belt(self, *options: str) -> dict[str, Any]:
        """The counts of one run of the simulated PLC, a process of its own."""
        ports = ["--port", str(self.plc), "--api", f"http://127.0.0.1:{self.api}"]
        command = [sys.executable, "-m", "station", "plc", "sim", *ports, *options, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as plc:
            with suppress(OSError):  # a real PLC has a processor of its own
                set_rank(LINE_RANK, plc.pid)
            out, _ = plc.communicate()
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found


@contextmanager
def running_station(
    *, workers: int = 2, queue_size: int = 8, has_page: bool = False, has_dead_sink: bool = False
) -> Iterator[Running]:
    """A whole station on free ports, as `station run` starts it."""
    api, plc, page, dead = free_ports(4)
    more = DEAD_SINK.format(port=dead) if has_dead_sink else ""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _write_recipe(home / "recipes" / "ring-int8.json")
        (home / "station.toml").write_text(
            TOML.format(
                workers=workers,
                queue_size=queue_size,
                api=api,
                plc=plc,
                page=page,
                more=more,
                hmi=str(has_page).lower(),
            )
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "station", "run", "station.toml"],
            cwd=home,
            env={**os.environ, "STATION_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            running = Running(api=api, plc=plc, page=page, process=psutil.Process(process.pid))
            _until_ready(running)
            yield running
        finally:
            process.terminate()
            process.wait()


def _write_recipe(path: Path) -> None:
    """The ring's recipe with the int8 model."""
    ring = read_recipe(shipped() / "sample_images" / "ring" / "recipe.json")
    tools = (Classify(name="surface", model="ring-int8/1"),)
    write_recipe(new_recipe("ring-int8", tools, ring.reasons, product_id="ring"), path)


def _until_ready(running: Running) -> None:
    until_s = time.monotonic() + START_S
    while True:
        try:
            if running.status["state"] == "ready":
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > until_s:
            raise TimeoutError("the station does not become ready")
        threading.Event().wait(0.1)
