"""One device belongs to one station, also over processes, and only as long as they live."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from station.core.errors import AcquisitionError, InUseError
from station.sources.exclusive import exclusive

HOLDS = """
import sys
from station.sources.exclusive import exclusive
held = exclusive(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_second_user_is_refused_until_the_first_lets_go() -> None:
    held = exclusive("camera A")
    with pytest.raises(InUseError, match="camera A is used by another station"):
        exclusive("camera A")
    exclusive("camera B").release()
    held.release()
    held.release()
    exclusive("camera A").release()


def test_another_thread_may_let_go() -> None:
    held = exclusive("camera A")
    thread = threading.Thread(target=held.release)
    thread.start()
    thread.join(10)
    exclusive("camera A").release()


def test_a_process_that_is_killed_holds_nothing() -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, "camera A"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InUseError):
            exclusive("camera A")
        other.kill()
        other.wait(10)
    exclusive("camera A").release()


def test_a_folder_that_cannot_be_written_is_named(own_folder: Path) -> None:
    (own_folder / "inspection-station").write_text("in the way")
    with pytest.raises(AcquisitionError, match=r"camera A cannot be locked.*inspection-station"):
        exclusive("camera A")
