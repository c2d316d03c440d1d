"""Whole stations killed, ended and started again under load, and clocks that jump."""

import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from station.cli.plc_sim import BeltSettings, SimulatedPlc, Tally
from station.core.result import RESULT_JSON
from station.tools.rehearsal import Rehearsal
from tests.faults.bench import open_bench
from tests.faults.books import Books, false_passes, ledger_apart, not_adding_up, read_books
from tests.faults.models import SEEN_S
from tests.faults.outcome import BACK_WITHIN_S, Group, Outcome, Trial, impossible
from tests.faults.process import StationProcess, write_home
from tests.faults.stage import BAD, DOUBTFUL, GOOD, prepare_tiny, write_parts

GREYS = (GOOD, GOOD, BAD, GOOD, DOUBTFUL)
RATE_PER_S, GATE_MS = 15.0, 1000.0
PARTS_BETWEEN, PARTS_BETWEEN_JUMPS = 8, 24
"""Jumps are farther apart, because a faked clock is looked up once a second."""
DAY_S = 86_400
FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


def kill_station(trial: Trial) -> Outcome:
    """kill -9 of the whole process group at random instants, with parts on the belt."""
    return _ended_again_and_again(trial, lambda station: station.kill(), kills=trial.size)


def sigterm_under_load(trial: Trial) -> Outcome:
    """SIGTERM with parts on the belt: exit code 0, everything answered or counted."""
    codes: list[int] = []
    outcome = _ended_again_and_again(trial, lambda station: codes.append(station.end()))
    wrong = tuple(f"SIGTERM ended it with code {code}" for code in codes if code)
    left = read_books(trial.home / "var" / "journal.sqlite").reasons()["restarted"]
    if left and trial.slack == 1:  # else the supervisor may have lost patience with it
        wrong += (f"{left} parts were left unanswered at the end",)
    return replace(outcome, problems=(*outcome.problems, *wrong))


def _ended_again_and_again(
    trial: Trial,
    end: Callable[[StationProcess], None],
    kills: int = 0,
    *,
    starts_again: bool = True,
) -> Outcome:
    """`starts_again`: by us; otherwise the station does it by itself."""
    slow = Rehearsal(name="drill", fault="slow", every=3, slow_ms=60)
    write_home(trial.home, GREYS, slow)
    problems: list[str] = []
    slowest_s = 0.0
    with StationProcess(trial.home) as station:
        station.start()
        with _belt(station, trial) as plc:
            for _ in range(trial.size):
                _await_parts(plc.tally, PARTS_BETWEEN, problems)
                threading.Event().wait(trial.rng.uniform(0, 0.2))
                began_s = time.monotonic()
                end(station)
                if starts_again:
                    began_s = time.monotonic()
                    station.start()
                else:
                    station.until_ready()
                slowest_s = max(slowest_s, time.monotonic() - began_s)
            _await_parts(plc.tally, PARTS_BETWEEN, problems)
        station.end()
        books = read_books(station.journal)
        problems += ledger_apart(station.journal, books)
    return _compared(plc.tally, books, trial, problems, slowest_s, kills)


def _compared(
    tally: Tally, books: Books, trial: Trial, problems: list[str], back_s: float, kills: int
) -> Outcome:
    """What went through the gate, and what was recorded of it."""
    stored = {result.part_id: result for result in books.results}
    unknown = [part for part in tally.passed_parts if str(part) not in stored]
    refused = [part for part in tally.passed_parts if not stored[str(part)].passed]
    wrong = [*false_passes(books), *(f"part {part} went through" for part in refused)]
    problems += not_adding_up(books)
    answered = [part for part in tally.answered_parts if str(part) not in stored]
    problems += [f"part {part} was answered, and is in no journal" for part in answered]
    problems += [f"part {part} was acknowledged, and is lost" for part in unknown]
    problems += [f"{tally.contradictions} contradictions"] * bool(tally.contradictions)
    problems += [] if tally.passed else ["no part went through, so nothing was shown"]
    return Outcome(
        injected=trial.size,
        parts=len(books.results),
        passed=books.passed,
        false_passes=len(wrong),
        acknowledged_lost=len(unknown),
        kills=kills,
        back_s=back_s,
        problems=(*problems, *wrong),
    )


@contextmanager
def _belt(station: StationProcess, trial: Trial) -> Iterator[SimulatedPlc]:
    """A belt that runs beside, whatever happens to the station."""
    belt = BeltSettings(
        port=station.plc_port, parts=None, seconds=3600, rate_per_s=RATE_PER_S, gate_ms=GATE_MS,
        deadline_ms=800, connections=8, seed=trial.seed, is_early=True,
    )  # fmt: skip
    plc = SimulatedPlc(belt)
    thread = threading.Thread(target=plc.run)
    thread.start()
    try:
        yield plc
    finally:
        plc.stop()
        thread.join(30)


def _await_parts(tally: Tally, more: int, problems: list[str]) -> None:
    """So many more parts go through the gate."""
    wanted, pause = tally.passed + more, threading.Event()
    for _ in range(600):
        if tally.passed >= wanted:
            return
        pause.wait(0.05)
    problems.append(f"not within 30 s: {more} more parts go through")


def line_lost(number: signal.Signals, trial: Trial) -> Outcome:
    """The line's own process is killed, or stands still: the supervisor starts another one."""

    def lose(station: StationProcess) -> None:
        line = station.line_process()
        line.send_signal(number)
        station.until_gone(line)

    return _ended_again_and_again(
        trial, lose, kills=trial.size if number is signal.SIGKILL else 0, starts_again=False
    )


def restart_with_parts(trial: Trial) -> Outcome:
    """A line is closed with parts on the belt; after the start they are known, and none is lost."""
    prepared, camera = prepare_tiny(trial.home), write_parts(trial.home, GREYS, 20_000)
    with open_bench(trial.home, prepared, camera) as bench:
        said = [
            bench.trigger(part_id=f"P{n}", trigger_sequence=n).result(20)
            for n in range(1, trial.size + 1)
        ]
        before = bench.outcome(injected=trial.size)
    with open_bench(trial.home, prepared, camera) as bench:
        bench.problems += before.problems
        for number, answer in enumerate(said, start=1):
            again = bench.trigger(part_id=f"P{number}", trigger_sequence=number).result(20)
            bench.claim(again.is_duplicate, f"P{number} was inspected a second time")
            same = (again.job_id, again.passed) == (answer.job_id, answer.passed)
            bench.claim(same, f"P{number} got another answer after the restart")
        after = trial.size + 3  # two triggers were lost while it was down
        bench.trigger(part_id="next", trigger_sequence=after).result(20)
        lost = bench.books().reasons()["lost_trigger"]
        bench.claim(lost == 2, f"two triggers were lost during the restart, counted {lost}")
        return bench.outcome(injected=trial.size, is_whole=False)


def clock_jumped_in_between(days: int, trial: Trial) -> Outcome:
    """The clock stands days off after a restart: a carrier that comes again is a new part."""
    prepared = prepare_tiny(trial.home)
    good = write_parts(trial.home / "before", (GOOD,), 20_000)
    bad = write_parts(trial.home / "after", (BAD,), 20_000)
    with open_bench(trial.home, prepared, good) as bench:
        for number in range(trial.size):
            bench.trigger(part_id=f"carrier{number}").result(20)
        before = bench.outcome(injected=trial.size)
    _shift_clock(trial.home / "journal.sqlite", -days)
    with open_bench(trial.home, prepared, bad) as bench:
        bench.problems += before.problems
        for number in range(trial.size):
            answer = bench.trigger(may_pass=False, part_id=f"carrier{number}").result(20)
            if answer.passed:
                bench.extra_false.append(f"carrier{number}, bad now, got an answer of days ago")
        return bench.outcome(injected=trial.size, is_whole=False, needs_pass=False)


def _shift_clock(path: Path, days: int) -> None:
    """Date everything in a journal as a clock that many days off would have done."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE results SET completed_at = completed_at + ?", (days * DAY_S,))
        for row_id, record in connection.execute("SELECT id, record FROM results").fetchall():
            result = RESULT_JSON.validate_json(record)
            moved = replace(result, completed_at=result.completed_at + timedelta(days=days))
            connection.execute(
                "UPDATE results SET record = ? WHERE id = ?", (RESULT_JSON.dump_json(moved), row_id)
            )
    connection.close()


def clock_jumps_running(trial: Trial) -> Outcome:
    """A running station's clock jumps a day forth and back while the belt runs."""
    library = next(iter(sorted(Path("/").glob(FAKETIME[1:]))), None)
    if library is None:
        return impossible("libfaketime is not installed (Debian: libfaketime)")
    clock = trial.home / "clock.txt"
    clock.write_text("+0")
    write_home(trial.home, GREYS)
    faked = {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    problems: list[str] = []
    with StationProcess(trial.home, environment=faked) as station:
        station.start()
        with _belt(station, trial) as plc:
            for turn in range(trial.size):
                _await_parts(plc.tally, PARTS_BETWEEN_JUMPS, problems)
                clock.write_text(("+1d", "+0", "-1d", "+0")[turn % 4])
            _await_parts(plc.tally, PARTS_BETWEEN_JUMPS, problems)
        station.end()
        books = read_books(station.journal)
        problems += ledger_apart(station.journal, books)
    days = {abs((result.completed_at - datetime.now(UTC)).days) for result in books.results}
    if len(days) < 2:
        problems.append("the clock did not jump, so nothing was shown")
    return _compared(plc.tally, books, trial, problems, 0.0, 0)


GROUPS = (
    Group(
        name="kill_9_station",
        claim="the whole station killed under load: nothing acknowledged is lost, it is back",
        run=kill_station,
        small=2,
        full=20,
        limit_s=300,
    ),
    Group(
        name="line_killed",
        claim="the line's process killed under load: another one takes over, nothing is lost",
        run=partial(line_lost, signal.SIGKILL),
        small=1,
        full=20,
        limit_s=120,
    ),
    Group(
        name="line_stopped",
        claim="a line that stands still is seen and replaced, nothing is lost",
        run=partial(line_lost, signal.SIGSTOP),
        small=1,
        full=20,
        back_within_s=SEEN_S + BACK_WITHIN_S,
        limit_s=120,
    ),
    Group(
        name="sigterm_under_load",
        claim="ended by SIGTERM under load it answers or counts every part, and is back",
        run=sigterm_under_load,
        small=1,
        full=20,
        limit_s=90,
    ),
    Group(
        name="restart_with_parts_on_the_belt",
        claim="after a restart a part has the answer it had, and what was missed is counted",
        run=restart_with_parts,
        small=20,
        full=500,
    ),
    Group(
        name="clock_fell_back_at_restart",
        claim="with the clock a day back, a carrier that comes again is not taken for known",
        run=partial(clock_jumped_in_between, -1),
        small=5,
        full=50,
    ),
    Group(
        name="clock_ran_ahead_at_restart",
        claim="with the clock a day ahead, a carrier that comes again is not taken for known",
        run=partial(clock_jumped_in_between, 1),
        small=5,
        full=50,
    ),
    Group(
        name="clock_jump_running",
        claim="a clock that jumps a day forth and back changes no verdict and loses no part",
        run=clock_jumps_running,
        small=3,
        full=40,
        limit_s=90,
    ),
)
