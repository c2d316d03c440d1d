"""The simulated PLC and a whole station: HTTP door, native API, ledger, truth."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import RunStation
from tests.cli.plc_sim.test_command import free

START_S = 60.0
TOML = """
[line]
recipe = "ring"
trigger_mode = "software"
isolation = "thread"
[source]
kind = "synthetic"
product = "ring"
rate_per_s = 200
defect_rate = 0.3
prerendered = 20
[api]
port = {api}
[plc]
port = {plc}
"""


@pytest.fixture
def ports(station_home: Path) -> Iterator[tuple[int, int]]:
    """PLC door and API of a station in a process of its own."""
    plc, api = free(), free()
    (station_home / "station.toml").write_text(TOML.format(plc=plc, api=api))
    command = "from station.cli import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-c", command, "line", "station.toml", "--ends-with-stdin"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=station_home,
    )
    try:
        _wait_ready(api, running)
        yield plc, api
    finally:
        running.communicate(timeout=30)


def _wait_ready(api: int, running: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and running.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{api}/readyz", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            threading.Event().wait(0.1)
    pytest.fail("the station did not get ready")


@pytest.mark.timeout(150)  # a whole station starts, on a machine that may be busy
def test_both_ledgers_agree_and_no_bad_part_passed(
    station: RunStation, ports: tuple[int, int]
) -> None:
    plc, api = ports
    url = f"http://127.0.0.1:{api}"
    arguments = (
        "plc", "sim", "--port", plc, "--api", url, "--truth", "--parts", 40, "--rate", 20,
        "--gate-ms", 3000, "--fault", "lose_trigger=@5,6", "--fault", "double_trigger=@10",
        "--fault", "restart=@30",
    )  # fmt: skip
    first = station(*arguments, "--json")
    second = station(*arguments)

    assert first.code == second.code == 0, first.out + second.out
    assert first.last["agrees"] is True
    assert first.last["station"]["triggers"] == first.last["parts"] == 40
    assert 0 < first.last["passed"] < 40
    assert "Both ledgers agree to the unit; no part passed that must not." in second.out
    shown = json.loads(station("ledger", "--api", url, "--json").out)
    assert shown["total"]["triggers"] == 80
    assert sum(row["sent"] for row in shown["plc"]) == 80
