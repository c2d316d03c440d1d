"""What a PLC does to a station: triggers lost, doubled, early, late, at once, and never awaited."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from station.cli.plc_sim import BeltSettings, SimulatedPlc, Tally, When, reconcile
from station.cli.plc_sim.belt import arrivals
from station.core.recipe import PreparedRecipe
from station.journal.ledger import OUTCOMES, outcome_of
from station.sources.faulty_camera import FaultyCamera
from station.sources.replay import Replay
from station.tools.rehearsal import Rehearsal
from tests.faults.bench import Bench, open_bench
from tests.faults.books import Books
from tests.faults.outcome import Group, Outcome, Trial
from tests.faults.stage import BAD, DOUBTFUL, GOOD, prepare_tiny, write_parts

GREYS = (GOOD, GOOD, BAD, GOOD, DOUBTFUL)
RATE_PER_S, GATE_MS = 40.0, 1000.0
"""The gate is far away: how fast a loaded machine answers is not the question here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A belt, and what the station has to do with it."""

    faults: Mapping[str, When]
    belt: Mapping[str, Any]
    line: Mapping[str, Any]
    expected: str = ""
    """The reason that must have been given."""
    slow_every: int = 0
    """So many looks in a row end out of order: every n-th takes longer."""


def drive(plan: Drive, trial: Trial) -> Outcome:
    """One belt through the station; then what the PLC and the station counted is compared."""
    prepared, source = _stage(trial, slow_every=plan.slow_every)
    with open_bench(trial.home, prepared, source, is_with_doors=True, **plan.line) as bench:
        belt = _belt(bench, trial, faults=plan.faults, **plan.belt)
        tally = SimulatedPlc(belt).run()
        _settle(bench)
        books = bench.books()
        bench.problems += _apart(bench, belt, tally, books)
        if plan.expected:
            seen = books.reasons()
            bench.claim(seen[plan.expected] > 0, f"no {plan.expected} in {dict(seen)}")
        bench.extra_false += _opened_for_nothing(tally, books)
        back_s = bench.until(lambda: _next_passes(bench, trial), "a part passes again", 10)
        return bench.outcome(injected=_injected(trial, plan), back_s=back_s)


def early(trial: Trial) -> Outcome:
    """The PLC triggers before the station has its camera: rejects, counted, then all is well."""
    prepared, parts = _stage(trial)
    command = trial.home / "camera.txt"
    command.write_text("pulled")
    source = FaultyCamera(of=parts, command=command)
    with open_bench(trial.home, prepared, source, is_with_doors=True, waits=False) as bench:
        belt = _belt(bench, trial, parts=trial.size, is_early=True, rate_per_s=100.0)
        tally = SimulatedPlc(belt).run()
        bench.claim(tally.passed == 0, f"{tally.passed} parts passed without a camera")
        command.unlink()
        bench.line.reset()
        bench.until(lambda: bench.line.state == "ready", "the camera is there", 10)
        back_s = bench.until(lambda: _next_passes(bench, trial), "a part passes", 10)
        seen = bench.books().reasons()
        refused = seen["no_frame"] + seen["overrun"]
        bench.claim(refused == trial.size, f"{trial.size} came too early, answered {dict(seen)}")
        return bench.outcome(injected=trial.size, back_s=back_s)


def _stage(trial: Trial, *, slow_every: int = 0) -> tuple[PreparedRecipe, Replay]:
    drill = Rehearsal(name="drill", fault="slow", every=slow_every or 1, slow_ms=60)
    prepared = prepare_tiny(trial.home, *((drill,) if slow_every else ()))
    return prepared, write_parts(trial.home, GREYS, 20_000 + 4 * trial.size)


def _belt(bench: Bench, trial: Trial, **changed: Any) -> BeltSettings:
    usual: dict[str, Any] = {
        "port": bench.port, "parts": trial.size, "rate_per_s": RATE_PER_S, "gate_ms": GATE_MS,
        "connections": 8, "seed": trial.seed, "jitter": 0.3, "away_ms": 150.0,
    }  # fmt: skip
    return BeltSettings(**(usual | changed))


def _settle(bench: Bench) -> None:
    counters = bench.line.counters
    bench.until(lambda: counters.look().in_progress == 0, "every trigger is answered", 15)


def _apart(bench: Bench, belt: BeltSettings, tally: Tally, books: Books) -> Iterator[str]:
    """Where the PLC's ledger and the station's differ, row by row."""
    counts = bench.line.counters.look()
    after = {name: getattr(counts, name) for name in (*OUTCOMES, "triggers", "in_progress")}
    for part in tally.unanswered_parts:
        found = [result for result in books.results if result.part_id == str(part)]
        if len(found) == 1:  # the PLC had gone; the station has its answer
            tally.answered, tally.no_answer = tally.answered + 1, tally.no_answer - 1
            outcome = outcome_of(found[0])
            setattr(tally, outcome, getattr(tally, outcome) + 1)
    found_rows = reconcile(tally, {}, after, belt)
    for row in found_rows.rows:
        if not row.agrees:
            yield f"{row.name}: the PLC has {row.plc}, the station {row.station}"
    if not tally.adds_up:
        yield "the PLC's own counts do not add up"
    for what in ("contradictions", "garbled", "wrong_seq", "stale"):
        if getattr(tally, what):
            yield f"{getattr(tally, what)} answers were {what.replace('_', ' ')}"


def _opened_for_nothing(tally: Tally, books: Books) -> list[str]:
    """Parts the gate let through without a record that says pass."""
    proven = {result.part_id for result in books.results if result.passed}
    return [f"part {part} went through" for part in tally.passed_parts if str(part) not in proven]


def _next_passes(bench: Bench, trial: Trial) -> bool:
    return bench.trigger(part_id=f"after-{trial.seed}-{len(bench.promises)}").result(20).passed


def _injected(trial: Trial, plan: Drive) -> int:
    """How many parts the belt's own draw hits; without a fault every part counts."""
    belt = BeltSettings(parts=trial.size, seed=trial.seed, faults=plan.faults)
    hit = sum(bool(arrival.faults) for arrival in arrivals(belt))
    return hit or trial.size


def _group(
    name: str,
    claim: str,
    fault: Mapping[str, float],
    *,
    small: int = 50,
    full: int = 5000,
    expected: str = "",
    slow_every: int = 0,
    belt: Mapping[str, Any] | None = None,
    **line: Any,
) -> Group:
    faults = {name: When(rate=rate) for name, rate in fault.items()}
    plan = Drive(
        faults=faults, belt=belt or {}, line=line, expected=expected, slow_every=slow_every
    )
    run: Callable[[Trial], Outcome] = partial(drive, plan)
    return Group(name=name, claim=claim, run=run, small=small, full=full)


GROUPS = (
    _group(
        "trigger_lost",
        "each trigger that never came has a result of its own",
        {"lose_trigger": 0.15},
        expected="lost_trigger",
    ),
    _group(
        "trigger_duplicate",
        "the same trigger again is the same part: one look, one answer, one count",
        {"double_trigger": 0.3},
    ),
    _group(
        "trigger_late",
        "a trigger that was overtaken was given up as lost, and stays so",
        {"out_of_order": 0.15},
        expected="lost_trigger",
    ),
    Group(
        name="trigger_early",
        claim="triggers before the station is ready are answered, counted and never pass",
        run=early,
        small=30,
        full=2000,
    ),
    _group(
        "trigger_burst",
        "what does not fit into the queue is answered as an overrun at once",
        {"burst": 0.2},
        expected="overrun",
        slow_every=1,
        belt={"burst_size": 8},
        queue_size=1,
        workers=1,
    ),
    _group(
        "deadline_missed",
        "past the deadline the answer is late, and a result that comes after changes nothing",
        {},
        expected="late",
        slow_every=3,
        belt={"deadline_ms": 30},
        small=45,
    ),
    _group(
        "result_order",
        "answers that come out of order reach the part whose number they carry",
        {},
        slow_every=3,
        belt={"rate_per_s": 60.0},
        workers=4,
    ),
    _group(
        "plc_lost",
        "a PLC that vanishes mid-wait takes no result with it",
        {"vanish": 0.08},
        slow_every=2,
    ),
    _group(
        "plc_restarted",
        "a PLC that counts from 1 again never gets another part's answer",
        {"restart": 0.08},
    ),
    _group(
        "plc_slow",
        "a PLC that leaves answers lying and loses acknowledgements holds nobody else",
        {"slow_reader": 0.1, "lose_ack": 0.3},
    ),
)
