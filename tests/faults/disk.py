"""Disks that are full, or cannot be written, while a line runs or when it starts."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import psutil

from station.core.errors import StationError
from station.journal.pictures import KeepPolicy
from tests.faults.bench import Bench, open_bench
from tests.faults.books import ledger_apart, not_adding_up, read_books
from tests.faults.outcome import Group, Outcome, Trial, impossible
from tests.faults.process import StationProcess, write_home
from tests.faults.stage import BAD, GOOD, frame_of, prepare_tiny

DISK_BYTES = 3_000_000


def disk_full(trial: Trial) -> Outcome:
    """The disk fills up under a running line, and is emptied again."""
    prepared = prepare_tiny(trial.home)
    with _small_disk(trial.home / "disk") as disk:
        if disk is None:
            return impossible("a tmpfs cannot be mounted here (needs root)")
        keep = KeepPolicy(keep="all")
        with open_bench(disk, prepared, keep=keep, deadline_ms=20_000) as bench:
            _parts(bench, 5)
            filler = _fill(disk)
            kept = _until_no_record(bench, trial.size)
            bench.claim(kept >= trial.size, f"the full disk refused only {kept} of {trial.size}")
            filler.unlink()
            back_s = bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 10)
            return bench.outcome(injected=trial.size, back_s=back_s)


def disk_unwritable(trial: Trial) -> Outcome:
    """No byte can be written any more, as on a disk the system made read-only; then it can."""
    write_home(trial.home, (GOOD, GOOD, BAD))
    never: list[str] = []
    problems: list[str] = []
    with StationProcess(trial.home, keep="none") as station:
        station.start()
        _pass_one(station, 1, problems)
        _forbid_writing(station, forbidden=True)
        for number in range(trial.size):
            answer = station.ask(f"trigger?part=R{number}&deadline_ms=3000").json()
            never += [f"R{number}"] if answer["pass"] else []
        _forbid_writing(station, forbidden=False)
        station.ask("reset")
        _pass_one(station, 2, problems)
        station.end()
        books = read_books(station.journal)
        problems += [*not_adding_up(books), *ledger_apart(station.journal, books)]
    passed = [r.part_id for r in books.results if r.passed and r.part_id.startswith("R")]
    false = [f"{part} passed without a record" for part in (*never, *passed)]
    return Outcome(
        injected=trial.size, parts=len(books.results), passed=books.passed,
        false_passes=len(false), problems=(*problems, *false),
    )  # fmt: skip


def disk_read_only_at_start(trial: Trial) -> Outcome:
    """The disk is read-only when the line starts: it does not, and says why."""
    prepared = prepare_tiny(trial.home)
    refused = 0
    with _small_disk(trial.home / "disk") as disk:
        if disk is None:
            return impossible("a tmpfs cannot be mounted here (needs root)")
        _remount(disk, "ro")
        try:
            with open_bench(disk, prepared, waits=False):
                pass
        except StationError:
            refused += 1
        _remount(disk, "rw")
        with open_bench(disk, prepared) as bench:
            bench.claim(refused == 1, "a line started on a disk it cannot write to")
            back_s = bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 5)
            return bench.outcome(injected=1, back_s=back_s)


def _parts(bench: Bench, count: int) -> None:
    for number in range(count):
        bench.submit(frame_of((GOOD, BAD)[number % 2], number)).result(20)


def _until_no_record(bench: Bench, wanted: int) -> int:
    """Good parts until so many could not be recorded; how many there were."""
    refused = 0
    for number in range(20 * wanted):
        answer = bench.submit(frame_of(GOOD, number)).result(20)
        refused += answer.reason_code == "no_record"
        if refused >= wanted:
            break
    return refused


def _pass_one(station: StationProcess, number: int, problems: list[str]) -> None:
    """One of some parts passes."""
    for turn in range(40):
        if station.ask(f"trigger?part=ok{number}-{turn}").json()["pass"]:
            return
    problems.append(f"no part passes: {station.status()['state_text']}")


def _forbid_writing(station: StationProcess, *, forbidden: bool) -> None:
    """Let no process of the station make a file longer, or let them again."""
    limit = 0 if forbidden else resource.RLIM_INFINITY
    for process in station.family():
        process.rlimit(psutil.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of its own of a few megabytes; None where that cannot be had."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607


def _remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)  # noqa: S607


def _fill(folder: Path) -> Path:
    """Take all that is free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 512):
            _write_until_full(file, size)
    return filler


def _write_until_full(file: FileIO, size: int) -> None:
    while True:
        try:
            file.write(b"x" * size)
        except OSError:
            return


GROUPS = (
    Group(
        name="disk_full",
        claim="what cannot be recorded does not pass, and is counted when the disk has room again",
        run=disk_full,
        small=10,
        full=200,
    ),
    Group(
        name="disk_unwritable",
        claim="on a disk that takes no byte any more nothing passes",
        run=disk_unwritable,
        small=5,
        full=50,
        limit_s=90,
    ),
    Group(
        name="disk_read_only_at_start",
        claim="a line does not start where it cannot record",
        run=disk_read_only_at_start,
        small=1,
        full=1,
    ),
)
