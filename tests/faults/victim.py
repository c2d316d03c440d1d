"""A line at work whose only purpose is to be killed: it tells over a pipe what it acknowledged."""

import gc
import json
import os
import random
import signal
import sys
import time
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from pathlib import Path

from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.journal.pictures import KeepPolicy
from tests.faults.bench import open_bench
from tests.faults.stage import BAD, DOUBTFUL, GOOD, frame_of, prepare_tiny

GREYS = (GOOD, BAD, GOOD, DOUBTFUL, GOOD)
UNDER_WAY = 6


@dataclass(slots=True)
class Acknowledged:
    """What clients were told, kept by a process that is not killed."""

    passed: dict[str, bool] = field(default_factory=dict)
    lives: int = 0
    problems: list[str] = field(default_factory=list)
    """Lives that ended by themselves, or never said a word."""

    def note(self, told: bytes) -> None:
        """Whole lines of a killed process: `<job_id> <0 or 1>`; the last may be torn off."""
        lines = told.split(b"\n")[:-1]
        self.lives += 1
        for line in lines:
            job_id, passed = line.decode().split(" ")
            self.passed[job_id] = passed == "1"


def live(home: Path, prepared: PreparedRecipe, life: int, ear: int) -> None:
    """Inspect as fast as it goes and write down each answer that a client got; never returns."""
    number = life * 100_000
    with open_bench(home, prepared, keep=KeepPolicy(keep="all"), deadline_ms=50) as bench:

        def told(done: Future[Result]) -> None:
            answer = done.result()
            os.write(ear, f"{answer.job_id} {int(answer.passed)}\n".encode())

        while True:
            number += 1
            grey = GREYS[number % len(GREYS)]
            frame = frame_of(grey, number)
            promise = bench.submit(frame, part_id=f"{life}-{number}")
            promise.add_done_callback(told)
            if len(bench.promises) >= UNDER_WAY:
                bench.promises.pop(0).result(5)


def kill_often(home: Path, kills: int, seed: int, most_s: float = 0.06) -> Acknowledged:
    """Start a line and kill it, its whole group, at a random instant; again and again.

    Call it in a process without threads: the lines are forked from it.
    """
    prepared = prepare_tiny(home)
    draw = random.Random(seed)
    acknowledged = Acknowledged()
    with open_bench(home, prepared) as bench:  # whatever is made once is made here
        bench.submit(frame_of(GOOD, 1)).result(10)
    gc.freeze()
    for life in range(1, kills + 1):
        ear, mouth = os.pipe()
        pid = os.fork()
        if pid == 0:
            _be_the_victim(home, prepared, life, ear, mouth)
        os.close(mouth)
        told, problem = _listen_then_kill(pid, ear, draw.uniform(0.0, most_s))
        acknowledged.note(told)
        acknowledged.problems += [f"life {life} {problem}"] * bool(problem)
        os.close(ear)
    return acknowledged


def _be_the_victim(home: Path, prepared: PreparedRecipe, life: int, ear: int, mouth: int) -> None:
    os.close(ear)
    os.setsid()
    try:
        live(home, prepared, life, mouth)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the forked process must end
        sys.stderr.write(f"life {life}: {type(error).__name__}: {error}\n")
    finally:
        os._exit(1)


def _listen_then_kill(pid: int, ear: int, after_first_s: float) -> tuple[bytes, str]:
    """All it said, and what was wrong with its life.

    Every second life is killed so long after its first answer, others sooner.
    """
    os.set_blocking(ear, False)
    is_killed_early = after_first_s * 1e6 % 2 < 0.4
    told, until_s = b"", time.monotonic() + (after_first_s if is_killed_early else 10.0)
    while time.monotonic() < until_s:
        came = _read(ear)
        if came and not told and not is_killed_early:
            until_s = time.monotonic() + after_first_s
        told += came
        if not came:
            time.sleep(0.001)
    _kill_group(pid)
    _, status = os.waitpid(pid, 0)
    while came := _read(ear):
        told += came
    if os.WIFEXITED(status):
        return told, "ended by itself"
    return told, "" if told or is_killed_early else "never answered a part"


def _read(ear: int) -> bytes:
    try:
        return os.read(ear, 65_536)
    except BlockingIOError:
        return b""


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # killed before it had a group of its own
        os.kill(pid, signal.SIGKILL)


def main(home: Path, kills: int, seed: int) -> None:
    """Kill, then leave what was acknowledged in `acknowledged.json`."""
    acknowledged = kill_often(home, kills, seed)
    (home / "acknowledged.json").write_text(json.dumps(asdict(acknowledged)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
