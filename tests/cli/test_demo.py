"""`station demo --plc`: nothing moves but what is triggered, so that both sides count the same."""

import subprocess
from pathlib import Path

import httpx

from station.line.settings import read_settings
from tests.cli.conftest import RunStation
from tests.cli.test_run import StartStation, free_port, home, start, station_of, until_greeted

__all__ = ["home", "start"]


def test_a_part_comes_when_the_plc_triggers(start: StartStation, home: Path) -> None:
    port, plc_port = free_port(), free_port()
    ports = ("--port", str(port), "--plc-port", str(plc_port))
    demo: subprocess.Popen[str] = start("demo", "--plc", "--no-hmi", *ports)
    said = until_greeted(demo)
    assert f"plc sim --rate 30 --parts 1000 --port {plc_port} --api http://127.0.0.1:{port}" in said
    for seq in (1, 2, 3):
        url = f"http://127.0.0.1:{plc_port}/plc/v1/trigger?seq={seq}&part={seq}"
        answer = httpx.post(url, trust_env=False, timeout=20).json()
        assert (answer["seq"], answer["state"]) == (seq, 1)
    counters = station_of(port)["counters"]
    assert isinstance(counters, dict)
    assert counters["triggers"] == 3
    settings = read_settings(home / "var" / "demo" / "station.toml")
    assert settings.line.trigger_mode == "software"


def test_a_rate_of_its_own_is_refused(station: RunStation) -> None:
    ended = station("demo", "--plc", "--rate", "5")
    assert ended.code == 2
    assert "--rate does not go with --plc" in ended.err
