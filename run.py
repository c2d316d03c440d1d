"""From nothing but Python to a running station: makes .venv, installs the lock once, hands over.

python run.py demo      watch rendered parts being inspected
python run.py test      ruff, mypy, import contracts, pytest: what CI runs
python run.py WORD …    the same as `station WORD …`
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "installed"
CAMERAS = ROOT / "requirements-cameras.lock"
NO_RECOMMENDS = "--no-install-recommends"
PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "mosquitto": ("mosquitto", "/usr/sbin/mosquitto"),
    "aravis-tools": ("arv-fake-gv-camera-0.8",),
    "aravis-tools-cli": ("arv-tool-0.8",),
    "libaravis-0.8-0": ("/usr/lib/*/libaravis-0.8.so.0",),
    "ffmpeg": ("ffmpeg",),
    "libgstrtspserver-1.0-0": ("/usr/lib/*/libgstrtspserver-1.0.so.0",),
    "gstreamer1.0-plugins-base": ("/usr/lib/*/gstreamer-1.0/libgstvideotestsrc.so",),
    "gstreamer1.0-plugins-good": ("/usr/lib/*/gstreamer-1.0/libgstjpeg.so",),
    "libfaketime": ("/usr/lib/*/faketime/libfaketime.so.1",),
}
"""Debian package -> what shows that it is there."""

SIDE_BY_SIDE = str(min(8, (os.cpu_count() or 2) + 1))
"""The tests wait more than they calculate: one process more than there are cores."""

CHECKS = (
    ("format", ["ruff", "format", "--check", "."]),
    ("lint", ["ruff", "check", "."]),
    ("types", ["mypy"]),
    ("imports", ["lint-imports", "--no-cache"]),
    ("tests", ["pytest", "-n", SIDE_BY_SIDE, "--dist=loadfile", "--no-loadscope-reorder"]),
)


def main(words: Sequence[str]) -> int:
    """Install what is missing, then do what was asked; returns the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have an older one
        say(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
        return 2
    try:
        install()
    except (subprocess.CalledProcessError, OSError) as error:
        say(f"the installation did not work: {error}")
        return 2
    if words[:1] == ["test"]:
        return test(words[1:])
    return hand_over([str(PYTHON), "-m", "station", *words])


def install() -> None:
    """Make .venv and install the lock, once: the stamp holds the hash of what was installed."""
    wanted = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == wanted and PYTHON.exists():
        return
    say("installing into .venv, once; this takes a minute or two")
    uv = shutil.which("uv")
    project = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    if uv:
        call([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)])
    else:
        make_venv()
    call([*pip(), "--require-hashes", "-r", str(LOCK)])
    call([*pip(), *project])
    STAMP.write_text(wanted)


def make_venv() -> None:
    """An environment with pip; Debian's Python may lack ensurepip, then pip comes from outside."""
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True)
    if made.returncode == 0:
        return
    call([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        raise OSError(
            "this Python has neither ensurepip nor pip; install python3-venv or python3-pip with "
            "the system's package manager, or uv, and start again"
        )
    # A pip outside can install another one into the environment.
    call([sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "pip"])


def test(words: Sequence[str]) -> int:
    """Every check in one go, whatever fails before; one summary at the end."""
    programs = threading.Thread(target=install_programs)
    if os.environ.get("CI"):  # there every test must run
        install_cameras()
        programs.start()  # beside the checks of the code
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # stations are started a hundred times
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # tests run side by side
    outcomes = []
    for name, (program, *arguments) in CHECKS:
        if name == "tests" and programs.is_alive():
            programs.join()
        say(f"== {name}")
        extra = words if name == "tests" else ()
        started = time.monotonic()
        code = subprocess.call([str(BIN / program), *arguments, *extra], cwd=ROOT)
        outcomes.append((name, code, time.monotonic() - started))
    say("== summary")
    for name, code, seconds in outcomes:
        say(f"{'ok  ' if code == 0 else 'FAIL'}  {name:<8} {seconds:6.1f} s")
    return 1 if any(code for _, code, _ in outcomes) else 0


def install_programs() -> None:
    """The system's packages that tests need."""
    missing = [package for package, programs in PROGRAMS.items() if not found(programs)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        say(f"no apt-get: tests that need {', '.join(missing)} will fail")
        return
    say(f"installing {', '.join(missing)} for the tests")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", NO_RECOMMENDS, *missing]):
        with tempfile.TemporaryFile() as output:
            code = subprocess.call([*sudo, "apt-get", *command], stdout=output, env=environment)
        if code:
            say(f"apt-get {command[0]} ended with code {code}")


def found(programs: Sequence[str]) -> bool:
    """Whether one of the programs, or a file of that pattern, is there."""
    return any(
        any(Path("/").glob(name[1:])) if name.startswith("/") else shutil.which(name)
        for name in programs
    )


def install_cameras() -> None:
    """The vendor libraries of the extras `genicam` and `basler`, once."""
    stamp = VENV / "cameras"
    wanted = hashlib.sha256(CAMERAS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    say("installing the camera libraries")
    call([*pip(), "--require-hashes", "-r", str(CAMERAS)])
    stamp.write_text(wanted)


def pip() -> list[str]:
    """The command that installs into .venv."""
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
    return [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def hand_over(command: Sequence[str]) -> int:
    """Become the station, or on Windows wait for it; Ctrl-C is the station's to handle."""
    if os.name != "nt":
        os.execv(command[0], list(command))
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def call(command: Sequence[str]) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True)


def say(text: str) -> None:
    """One line for whoever watches."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
