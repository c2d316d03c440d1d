"""What systemd and the supervisor hear of the inspection loop."""

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.cli.notify import Notify, Pulse

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is a thing of Linux")


@pytest.fixture(params=["a path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd listens on, and what it is called in NOTIFY_SOCKET."""
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("abstract sockets are a thing of Linux")
    is_path = request.param == "a path"
    name = str(tmp_path / "notify") if is_path else f"@station-test-{id(request)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(name if is_path else f"\0{name[1:]}")
        ear.settimeout(10)
        yield ear, name


def test_what_is_told_comes_in_one_datagram_each(systemd: tuple[socket.socket, str]) -> None:
    ear, name = systemd
    notify = Notify({"NOTIFY_SOCKET": name})
    notify.ready()
    notify.watchdog("error: the disk\nis full")
    notify.stopping()
    assert ear.recv(1000) == b"READY=1"
    assert ear.recv(1000) == b"WATCHDOG=1\nSTATUS=error: the disk is full"
    assert ear.recv(1000) == b"STOPPING=1\nSTATUS=ending"


def test_without_systemd_nothing_is_told() -> None:
    Notify({}).ready()


def test_a_systemd_that_is_gone_costs_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notify = Notify({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notify.ready()
    notify.watchdog("ready")
    assert len(caplog.records) == 1


def test_a_beat_is_passed_on_and_a_loop_that_stands_is_not(
    systemd: tuple[socket.socket, str],
) -> None:
    ear, name = systemd
    notify = Notify({"NOTIFY_SOCKET": name})
    beats, looks, is_stalled = [0], [0], threading.Event()
    looked_twice_since = threading.Event()

    def beat() -> int:
        if not is_stalled.is_set():
            beats[0] += 1
        else:
            looks[0] += 1
            if looks[0] > 3:
                looked_twice_since.set()
        return beats[0]

    pulse = Pulse(beat, [lambda number: notify.watchdog(str(number))], every_s=0.01)
    heard = [ear.recv(1000) for _ in range(3)]
    assert all(message.startswith(b"WATCHDOG=1") for message in heard)
    assert len(set(heard)) == 3  # a beat of its own each
    is_stalled.set()
    assert looked_twice_since.wait(10)
    pulse.close()
    ear.settimeout(0)
    late = []
    while True:
        try:
            late.append(ear.recv(1000))
        except BlockingIOError:
            break
    assert len(late) == len({*late} - {*heard})  # beats from before the stall, each once
    assert late[-1:] in ([], [f"WATCHDOG=1\nSTATUS={beats[0]}".encode()])
