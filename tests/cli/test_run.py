"""`station run` as a process: it starts, answers, and ends cleanly when told to."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import httpx
import pytest

from station.core.frame import Image
from station.core.recipe import Recipe, write_recipe

StartStation = Callable[..., subprocess.Popen[str]]

TOML = """
[line]
recipe = "tiny"
[source]
kind = "folder"
path = "parts"
loop = true
rate_per_s = 50
[api]
port = {port}
[hmi]
enabled = false
[plc]
enabled = false
"""
RUNNING = b"WATCHDOG=1\nSTATUS=continuous_execution"


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


@pytest.fixture
def home(
    tmp_path: Path, tiny_recipe: Recipe, tiny_model_dir: Path, draw_part: Callable[..., Image]
) -> Path:
    """A station's home folder with a recipe, its model and a folder of parts."""
    write_recipe(tiny_recipe, tmp_path / "recipes" / "tiny.json")
    (tmp_path / "models").symlink_to(tiny_model_dir)
    (tmp_path / "parts").mkdir()
    for number, grey in enumerate((90, 90, 170)):
        cv2.imwrite(str(tmp_path / "parts" / f"{number}.png"), draw_part(grey))
    return tmp_path


@pytest.fixture
def start(home: Path) -> Iterator[StartStation]:
    """start(*words): `station …` in that home, ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "station", *words],
            cwd=home,
            env={**os.environ, "STATION_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # a signal to the group, as a terminal's, spares the tests
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def station_of(port: int) -> dict[str, object]:
    url = f"http://127.0.0.1:{port}/api/v1/station"
    status: dict[str, object] = httpx.get(url, trust_env=False).json()
    return status


def until_up(port: int) -> None:
    end_s, state = time.monotonic() + 40, "silent"
    while True:
        try:
            state = str(station_of(port)["state"])
            if state == "continuous_execution":
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end_s, f"the station did not come up: {state}"
        threading.Event().wait(0.05)


def test_for_some_seconds_then_a_summary_and_code_0(start: StartStation, home: Path) -> None:
    toml = TOML.format(port=free_port()).replace("[api]", "[api]\nhost = '127.0.0.2'")
    (home / "station.toml").write_text(toml)
    process = start("run", "--seconds", "1.5")
    out, err = process.communicate(timeout=25)
    assert process.returncode == 0, err
    assert "API reference" in out
    assert "OK" in out
    assert "glare" in out
    assert (home / "var" / "journal.sqlite").is_file()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds(
    number: signal.Signals, start: StartStation, home: Path
) -> None:
    port = free_port()
    (home / "station.toml").write_text(TOML.format(port=port))
    process = start("run")
    until_up(port)
    asked_s = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert time.monotonic() - asked_s < 5  # 2 s on a machine that does nothing else
    with pytest.raises(httpx.TransportError):
        station_of(port)


def test_ctrl_c_pressed_twice_tears_nothing_down(start: StartStation, home: Path) -> None:
    port = free_port()
    (home / "station.toml").write_text(TOML.format(port=port))
    process = start("run")
    until_up(port)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in err


def test_when_the_supervisor_is_killed_the_line_ends_too(start: StartStation, home: Path) -> None:
    port = free_port()
    (home / "station.toml").write_text(TOML.format(port=port))
    process = start("run")
    until_up(port)
    process.kill()
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        try:
            station_of(port)
        except httpx.TransportError:
            return
        threading.Event().wait(0.1)
    raise AssertionError("the line outlived its supervisor")


def test_a_line_that_dies_is_started_again(start: StartStation, home: Path) -> None:
    port = free_port()
    (home / "station.toml").write_text(TOML.format(port=port))
    until_greeted(start("run"))
    until_up(port)
    first = station_of(port)["started_at"]
    (line,) = _pids_of_line(port)
    os.kill(line, signal.SIGKILL)
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        try:
            if station_of(port)["started_at"] != first:
                return
        except httpx.TransportError:
            pass
        threading.Event().wait(0.1)
    raise AssertionError("nobody started the line again")


@pytest.mark.timeout(90)  # it is started twice, and noticed only after 3 s
def test_a_line_that_hangs_is_ended_and_started_again(start: StartStation, home: Path) -> None:
    port = free_port()
    (home / "station.toml").write_text(TOML.format(port=port))
    process = start("run")
    until_greeted(process)
    (line,) = _pids_of_line(port)
    with stopped(line):
        end_s = time.monotonic() + 15  # it is noticed after 3 s
        while line in _pids_of_line(port) and time.monotonic() < end_s:
            threading.Event().wait(0.1)
        assert line not in _pids_of_line(port)
    until_up(port)
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert "the line gave no sign" in err
    assert process.returncode == 0


@pytest.mark.timeout(90)  # waits for the start, three beats and the end
def test_systemd_hears_ready_then_the_loop_and_at_last_the_end(
    start: StartStation, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "station.toml").write_text(TOML.format(port=free_port()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(home / "notify"))
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(home / "notify"))
        process = start("run")
        heard: list[bytes] = []
        while b"READY=1" not in heard or heard.count(RUNNING) < 3:
            heard.append(systemd.recv(1000))
        process.terminate()
        while heard[-1] != b"STOPPING=1\nSTATUS=ending":
            heard.append(systemd.recv(1000))
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "station-beat" not in out


def until_greeted(process: subprocess.Popen[str]) -> str:
    """Until the supervisor has seen the line answer, and watches it; what it said."""
    assert process.stdout
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, "the station did not come up"
        said += line
    return said


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that hangs; it does not stay behind."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _pids_of_line(port: int) -> list[int]:
    """The processes that listen on a port, from /proc."""
    wanted = f"{port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[1].endswith(f":{wanted}") and row[3] == "0A"}
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.removeprefix("socket:[").removesuffix("]") in inodes:
            found.append(int(link.parts[2]))
    return found


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (None, "there is no"),
        ("nonsense", "is no TOML"),
        ('[line]\nrecipe="gone"\n[source]\nkind="upload"\n[api]\nport=PORT', "no recipe 'gone'"),
        ('[line]\nrecipe="tiny"\n[source]\nkind="fodler"\n', "did you mean 'folder'"),
        ('[line]\nrecipe="tiny"\nworker=3\n[source]\nkind="upload"\n', "worker"),
    ],
)
def test_what_is_wrong_is_said_and_code_2(
    toml: str | None, message: str, start: StartStation, home: Path
) -> None:
    if toml is not None:
        (home / "station.toml").write_text(toml.replace("PORT", str(free_port())))
    process = start("run")
    _, err = process.communicate(timeout=25)
    assert process.returncode == 2
    assert message in err
    assert "Traceback" not in err


def test_the_door_for_controllers_is_greeted_and_answers(start: StartStation, home: Path) -> None:
    port, plc_port = free_port(), free_port()
    toml = TOML.format(port=port).replace("enabled = false\n[plc]\nenabled = false", "PLC")
    toml = toml.replace(
        "PLC", f"enabled = false\n[plc]\nport = {plc_port}\nrecipes = {{1 = 'tiny'}}"
    )
    (home / "station.toml").write_text(toml)
    process = start("run")
    greeting = until_greeted(process)
    assert f"PLC              http://127.0.0.1:{plc_port}/plc/v1/status" in greeting
    until_up(port)
    answer = httpx.post(f"http://127.0.0.1:{plc_port}/plc/v1/trigger?seq=1", trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["seq"] == 1
    status = httpx.get(f"http://127.0.0.1:{plc_port}/plc/v1/status", trust_env=False).json()
    assert (status["online"], status["recipe"]) == (1, 1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err


@pytest.mark.parametrize("setting", ["port", "modbus_port", "ascii_port"])
def test_a_controllers_port_in_use_is_named(setting: str, start: StartStation, home: Path) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        taken = door.getsockname()[1]
        plc = f"[plc]\nport = {free_port()}\n{setting} = {taken}\n"
        plc = f"[plc]\nport = {taken}\n" if setting == "port" else plc
        toml = TOML.format(port=free_port()).replace("[plc]\nenabled = false\n", plc)
        (home / "station.toml").write_text(toml)
        process = start("run")
        _, err = process.communicate(timeout=25)
    assert process.returncode == 2
    assert f"port {taken}" in err
    assert f"plc.{setting}" in err
    assert "Traceback" not in err


def test_a_port_in_use_is_named(start: StartStation, home: Path) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        port = door.getsockname()[1]
        (home / "station.toml").write_text(TOML.format(port=port))
        process = start("run")
        _, err = process.communicate(timeout=25)
    assert process.returncode == 2
    assert f"port {port}" in err


def test_the_doctor_names_what_is_wrong(start: StartStation, home: Path) -> None:
    (home / "station.toml").write_text(TOML.format(port=free_port()).replace("tiny", "gone"))
    process = start("doctor")
    out, _ = process.communicate(timeout=25)
    assert process.returncode == 1
    assert "TODO  recipe" in out
    assert "bright/1" in out
    assert "gave a frame of 64 x 48" in out
