"""A real GigE Vision camera on loopback, as a process: Aravis' fake camera."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

PROGRAM = "arv-fake-gv-camera-0.8"
ADDRESS = "127.0.0.1"
PORT_LOCK = Path(tempfile.gettempdir()) / "gige-vision-port-3956.lock"


class FakeGige:
    """The process; it can be unplugged and plugged in again."""

    def __init__(self, serial: str = "GV01") -> None:
        self.serial = serial
        self._options: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    def plug_in(self, *options: str) -> None:
        """Start it, and wait until it listens."""
        self._options = options or self._options
        command = [PROGRAM, "-i", ADDRESS, "-s", self.serial, *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end_s = time.monotonic() + 10
        while not _is_bound():
            assert self._process.poll() is None, "the fake camera ended by itself"
            assert time.monotonic() < end_s, "the fake camera does not listen"
            threading.Event().wait(0.02)

    def unplug(self) -> None:
        """Kill it: nothing is said goodbye to."""
        if self._process:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def fake_gige() -> Iterator[FakeGige]:
    """One camera on the port all GigE Vision cameras have; tests take turns."""
    if not shutil.which(PROGRAM):
        if os.environ.get("CI") == "true":
            pytest.fail(f"{PROGRAM} is missing (Debian: aravis-tools)")
        pytest.skip(f"{PROGRAM} is not installed (Debian: aravis-tools)")
    with FileLock(PORT_LOCK, timeout=120, mode=0o666):
        camera = FakeGige()
        try:
            camera.plug_in()
            yield camera
        finally:
            camera.unplug()


def _is_bound() -> bool:
    """Whether somebody listens on the control port of `ADDRESS`."""
    wanted = "0100007F:0F74"
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(line.split()[1] == wanted for line in lines)
