"""The power goes: lines killed at random instants, and journals whose last write was torn."""

import functools
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from station.core.errors import PictureError
from station.vision.images import read_image
from tests.faults.bench import Bench, open_bench
from tests.faults.books import false_passes, ledger_apart, not_adding_up, read_books
from tests.faults.outcome import Group, Outcome, Trial
from tests.faults.stage import BAD, GOOD, frame_of, prepare_tiny

ROOT = Path(__file__).parents[2]
SECONDS_A_KILL = 3.0
PAGE_BYTES = 4096


def kill_line(trial: Trial) -> Outcome:
    """A line in a process of its own is killed again and again, with pictures being kept."""
    _kill_in_other_process(trial)
    said = json.loads((trial.home / "acknowledged.json").read_text())
    passed: dict[str, bool] = said["passed"]
    with open_bench(trial.home, prepare_tiny(trial.home)) as bench:
        bench.claim(said["lives"] == trial.size, f"{said['lives']} of {trial.size} lines lived")
        bench.problems += said["problems"]
        bench.claim(len(passed) > trial.size, "next to nothing was acknowledged before the kills")
        back_s = bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 5)
        bench.problems += _half_pictures(trial.home / "pictures")
        drafts = list((trial.home / "pictures").rglob("*.part"))
        bench.claim(not drafts, f"{len(drafts)} drafts of pictures were left lying")
        own = bench.outcome(injected=trial.size, back_s=back_s, kills=trial.size, is_whole=False)
    return _compared(trial.home, passed, own)


def torn_wal(trial: Trial) -> Outcome:
    """The newest part of the write-ahead log is cut off or garbled, as by a loss of power."""
    source = trial.home / "sound"
    with open_bench(source, prepare_tiny(trial.home)) as bench:
        first = _some(bench, 20)
        sound = _copy(source, trial.home / "first")
        _some(bench, 20)
        longer = _copy(source, trial.home / "second")
    told = dict.fromkeys(first, True)
    problems: list[str] = []
    lost = parts = passed = 0
    for number in range(trial.size):
        torn = trial.home / f"torn{number}"
        _tear(sound, longer, torn, trial.rng)
        outcome = _reopened(torn, trial.home, told)
        lost += outcome.acknowledged_lost
        problems += outcome.problems
        parts, passed = parts + outcome.parts, passed + outcome.passed
        shutil.rmtree(torn)
    return Outcome(
        injected=trial.size,
        parts=parts,
        passed=passed,
        acknowledged_lost=lost,
        problems=tuple(problems),
    )


def corrupt_journal(trial: Trial) -> Outcome:
    """Pages of the journal are garbage when the line starts: it is set aside, and all goes on."""
    prepared = _prepared(trial.home)
    source = trial.home / "sound"
    with open_bench(source, prepared) as bench:
        told = _some(bench, 200)
    parts = passed = aside = 0
    problems: list[str] = []
    for number in range(trial.size):
        home = trial.home / f"broken{number}"
        home.mkdir()
        (home / "journal.sqlite").write_bytes(_garbled(source / "journal.sqlite", trial.rng))
        with open_bench(home, prepared) as bench:
            bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 5)
            own = bench.outcome(injected=1, is_whole=False, begins_at=None)
        is_aside = bool(list(home.glob("*corrupt*")))
        jobs = read_books(home / "journal.sqlite").by_job
        if not is_aside and not set(told) <= set(jobs):
            problems.append(f"journal {number}: results are gone, and nobody was told")
        aside += is_aside
        parts, passed = parts + own.parts, passed + own.passed
        problems += own.problems
        shutil.rmtree(home)
    if not aside:
        problems.append("no journal was found broken, so nothing was shown")
    return Outcome(injected=trial.size, parts=parts, passed=passed, problems=tuple(problems))


def _garbled(path: Path, rng: random.Random) -> bytes:
    """A journal of which a page or the begin is garbage."""
    content = bytearray(path.read_bytes())
    page = 0 if rng.random() < 0.2 else rng.randrange(len(content) // PAGE_BYTES)
    content[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = rng.randbytes(PAGE_BYTES)
    return bytes(content)


def _kill_in_other_process(trial: Trial) -> None:
    command = [sys.executable, "-m", "tests.faults.victim"]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(trial.home), str(trial.size), str(trial.seed)],
        cwd=ROOT,
        env={**os.environ, **one_thread},
        timeout=60 + SECONDS_A_KILL * trial.size,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the victim ended with {done.returncode}: {done.stderr[-2000:]}")


def _compared(home: Path, passed: dict[str, bool], own: Outcome) -> Outcome:
    """Acknowledged answers, by whoever lived to remember them, against the journal."""
    path = home / "journal.sqlite"
    books = read_books(path)
    stored = books.by_job
    lost = [job for job in passed if job not in stored]
    other = [job for job, said in passed.items() if job in stored and stored[job].passed != said]
    apart = (*not_adding_up(books), *ledger_apart(path, books))
    wrong = false_passes(books)
    return replace(
        own,
        parts=len(books.results),
        passed=books.passed,
        acknowledged_lost=len(lost),
        false_passes=own.false_passes + len(wrong),
        problems=(
            *own.problems,
            *apart,
            *wrong,
            *(f"{job} was acknowledged, and is lost" for job in lost),
            *(f"{job} is stored otherwise than it was acknowledged" for job in other),
        ),
    )


def _half_pictures(folder: Path) -> Iterator[str]:
    """Pictures that cannot be read whole."""
    pictures = list(folder.rglob("*.jpg"))
    if not pictures:
        yield "no picture was kept, so nothing was shown"
    for path in pictures:
        try:
            read_image(path)
        except PictureError as error:
            yield f"half a picture: {error}"


def _some(bench: Bench, count: int) -> list[str]:
    """So many parts, one after the other; the jobs of their answers."""
    greys = (GOOD, BAD)
    return [bench.submit(frame_of(greys[n % 2], n)).result(10).job_id for n in range(count)]


def _copy(folder: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("journal.sqlite", "journal.sqlite-wal"):
        shutil.copyfile(folder / name, to / name)
    return to


def _tear(sound: Path, longer: Path, torn: Path, rng: random.Random) -> None:
    """What the first copy had is on the disk; of what came after it, a part, perhaps garbled.

    The database file of the first copy counts: nothing was moved out of the log in between.
    """
    torn.mkdir()
    shutil.copyfile(sound / "journal.sqlite", torn / "journal.sqlite")
    kept = (sound / "journal.sqlite-wal").stat().st_size
    log = bytearray((longer / "journal.sqlite-wal").read_bytes())
    end = rng.randint(kept, len(log))
    torn_log = log[:end]
    if end > kept and rng.random() < 0.5:
        start = rng.randrange(kept, end)
        torn_log[start:end] = rng.randbytes(end - start)
    (torn / "journal.sqlite-wal").write_bytes(torn_log)


def _reopened(torn: Path, home: Path, told: dict[str, bool]) -> Outcome:
    """A line started on a torn journal: what it still has, and that it goes on."""
    with open_bench(torn, _prepared(home)) as bench:
        jobs = read_books(torn / "journal.sqlite").by_job
        lost = sum(job not in jobs for job in told)
        bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 5)
        own = bench.outcome(injected=1, is_whole=False)
    return replace(own, acknowledged_lost=lost)


_prepared = functools.cache(prepare_tiny)

GROUPS = (
    Group(
        name="kill_9_line",
        claim="killed at any instant: no acknowledged record is lost, no half picture",
        run=kill_line,
        small=198,
        full=980,
        limit_s=240,
    ),
    Group(
        name="torn_wal",
        claim="a journal whose last write was torn has all that was acknowledged, and goes on",
        run=torn_wal,
        small=50,
        full=1000,
    ),
    Group(
        name="corrupt_journal",
        claim="a journal with garbage in it is set aside and told, and the line goes on counting",
        run=corrupt_journal,
        small=8,
        full=200,
    ),
)
