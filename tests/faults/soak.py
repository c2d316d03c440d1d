"""A station at 30 parts/s for as long as asked: does it grow? python -m tests.faults.soak."""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from scipy.stats import theilslopes

from station.cli.plc_sim import BeltSettings, SimulatedPlc, Tally
from station.core.result import ResultState
from tests.faults.books import ledger_apart, not_adding_up, read_books
from tests.faults.process import StationProcess

RATE_PER_S = 30.0
SOURCE = """\
kind = "synthetic"
product = "ring"
rate_per_s = 60
defect_rate = 0.1
prerendered = 20
"""
WARM_UP_SHARE, WARM_UP_MOST_S = 0.4, 60.0
GROWN_MB_AT_MOST, GROWN_THREADS_AT_MOST, GROWN_HANDLES_AT_MOST = 15.0, 4, 12
"""From begin to end of the measured time, however long; in three minutes 4 kB a part."""

UNJUDGED_SHARE = 0.01
"""More parts without an evaluation, and the line did not work but stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """All processes of a station at one moment."""

    at_s: float
    memory_mb: float
    threads: int
    handles: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What a run showed, after its warm-up."""

    minutes: float
    parts: int
    passed: int
    memory_mb: float
    slope_mb_per_h: float
    """Theil-Sen: the median of the slopes between all pairs of samples."""
    grown_mb: float
    grown_threads: int
    grown_handles: int
    processes: tuple[int, ...]
    """All numbers of processes that were seen."""
    problems: tuple[str, ...]


def soak(minutes: float, home: Path, *, slack: float = 1.0) -> Soaked:
    """Run a station for so long; `slack` times more parts may be missed where others run beside."""
    with StationProcess(home, recipe="ring", source=SOURCE, keep="not_ok") as station:
        station.start()
        belt = BeltSettings(
            port=station.plc_port, parts=None, seconds=minutes * 60, rate_per_s=RATE_PER_S,
            gate_ms=1500, connections=8,
        )  # fmt: skip
        plc = SimulatedPlc(belt)
        thread = threading.Thread(target=plc.run)
        thread.start()
        samples = list(_samples(station, thread))
        code = station.end()
        problems = [f"it ended with code {code}"] * bool(code)
        problems += _books_apart(station.journal, plc.tally, slack)
    return _judged(minutes, samples, plc.tally, problems)


def _samples(station: StationProcess, belt: threading.Thread) -> Iterator[Sample]:
    """One sample a second as long as the belt runs."""
    started_s = time.monotonic()
    while belt.is_alive():
        yield _look(station.family(), time.monotonic() - started_s)
        belt.join(1.0)


def _look(family: Sequence[psutil.Process], at_s: float) -> Sample:
    memory = threads = handles = 0
    for process in family:
        memory += process.memory_info().rss
        threads += process.num_threads()
        handles += process.num_fds()
    return Sample(
        at_s=at_s,
        memory_mb=memory / 1e6,
        threads=threads,
        handles=handles,
        processes=len(family),
    )


def _books_apart(journal: Path, tally: Tally, slack: float) -> Iterator[str]:
    books = read_books(journal)
    yield from not_adding_up(books)
    yield from ledger_apart(journal, books)
    unjudged = sum(result.result_state is not ResultState.COMPLETED for result in books.results)
    if unjudged > UNJUDGED_SHARE * slack * len(books.results):
        yield f"{unjudged} of {len(books.results)} parts were not judged"
    recorded = {result.part_id for result in books.results}
    if unknown := [part for part in tally.unanswered_parts if str(part) not in recorded]:
        yield f"{len(unknown)} parts were neither answered nor recorded"
    passed = {result.part_id for result in books.results if result.passed}
    if not tally.passed:
        yield "no part went through, so nothing was shown"
    if any(str(part) not in passed for part in tally.passed_parts):
        yield "a part went through that is not recorded as passed"


def _judged(minutes: float, samples: Sequence[Sample], tally: Tally, problems: list[str]) -> Soaked:
    warm_s = min(WARM_UP_SHARE * minutes * 60, WARM_UP_MOST_S)
    warm = [sample for sample in samples if sample.at_s >= warm_s]
    if len(warm) < 5:
        raise ValueError(f"only {len(warm)} samples after the warm-up; run it longer")
    memory = [sample.memory_mb for sample in warm]
    slope = theilslopes(memory, [sample.at_s / 3600 for sample in warm])[0]
    grown_mb = _grown(memory)
    grown_threads = round(_grown([sample.threads for sample in warm]))
    grown_handles = round(_grown([sample.handles for sample in warm]))
    processes = tuple(sorted({sample.processes for sample in warm}))
    for name, grown, at_most in (
        ("MB of memory", grown_mb, GROWN_MB_AT_MOST),
        ("threads", grown_threads, GROWN_THREADS_AT_MOST),
        ("handles", grown_handles, GROWN_HANDLES_AT_MOST),
        ("processes", processes[-1] - processes[0], 0),
    ):
        if grown > at_most:
            problems.append(f"grown by {grown:.1f} {name}, at most {at_most}")
    return Soaked(
        minutes=minutes, parts=tally.parts, passed=tally.passed,
        memory_mb=round(float(np.median(memory)), 1), slope_mb_per_h=round(float(slope), 2),
        grown_mb=round(grown_mb, 2), grown_threads=grown_threads, grown_handles=grown_handles,
        processes=processes, problems=tuple(problems),
    )  # fmt: skip


def _grown(values: Sequence[float]) -> float:
    """Median of the last fifth less that of the first."""
    fifth = max(1, len(values) // 5)
    return float(np.median(values[-fifth:]) - np.median(values[:fifth]))


def main(words: Sequence[str] | None = None) -> int:
    """Print the figures; 1 if something grew or did not add up."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        found = soak(asked.minutes, Path(home))
    for name, value in asdict(found).items():
        print(f"{name:>16}  {value}")
    if asked.json:
        print(json.dumps(asdict(found)))
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
