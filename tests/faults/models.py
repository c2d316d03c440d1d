"""Models and tools that answer nonsense, nothing, late or never; swapped model files."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from station.core.errors import StationError
from station.core.recipe import write_recipe
from station.core.result import Result
from station.tools.rehearsal import Fault, Rehearsal
from tests.faults.bench import Bench, open_bench
from tests.faults.outcome import Group, Outcome, Trial
from tests.faults.stage import (
    BAD,
    GOOD,
    TRIGGER,
    frame_of,
    prepare_tiny,
    shelf_of,
    tiny_recipe,
    write_bright,
    write_broken,
)

EVERY = 4
"""One part of so many meets the fault; all others are good or bad by turns."""
REASON_OF: Mapping[Fault, str] = {
    "raise": "model_output",
    "nan": "model_output",
    "inf": "model_output",
    "silent": "no_finding",
    "slow": "late",
    "endless": "worker_lost",
    "crash": "worker_lost",
    "not_ok": "rehearsed_defect",
}
STALL_S = 1.0
SEEN_S, WORKER_BACK_S = 3.0, 2.0
"""A worker that is gone or hangs, with the settings as they are by default."""


def tool_fails(fault: Fault, trial: Trial) -> Outcome:
    """A shipped tool fails at every fourth part, which must then be answered for that reason."""
    slow_ms, deadline_ms = 400.0, 200.0
    drill = Rehearsal(name="drill", fault=fault, every=EVERY, slow_ms=slow_ms)
    is_lost = fault in ("endless", "crash")
    settings: dict[str, Any] = {
        "isolation": "process" if is_lost else "thread",
        "stall_s": STALL_S,
        "deadline_ms": deadline_ms if fault == "slow" else 20_000,
    }
    parts = trial.size * EVERY
    with open_bench(trial.home, prepare_tiny(trial.home, drill), **settings) as bench:
        for number in range(1, parts + 1):
            _ask(bench, number, is_due=number % EVERY == 0, expected=REASON_OF[fault])
            if is_lost and number % EVERY == 0:
                _see_to_it(bench, number // EVERY)
        back_s = bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 5)
        return bench.outcome(injected=trial.size, back_s=back_s)


def broken_model(way: str, trial: Trial) -> Outcome:
    """A real ONNX model that gives NaN, or never ends, for some of its parts."""
    write_broken(trial.home / "models", way)
    expected = "model_output" if way == "nan" else "time_limit"
    parts = trial.size * EVERY
    with open_bench(
        trial.home, prepare_tiny(trial.home), stall_s=STALL_S, deadline_ms=20_000
    ) as bench:
        for number in range(1, parts + 1):
            is_due = number % EVERY == 0
            _ask(bench, number, is_due=is_due, expected=expected, due_grey=TRIGGER)
        back_s = bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 5)
        return bench.outcome(injected=trial.size, back_s=back_s)


def three_lost(trial: Trial) -> Outcome:
    """Three workers crash within a minute: the line stands in fault until it is reset."""
    drill = Rehearsal(name="drill", fault="crash", every=EVERY)
    with open_bench(
        trial.home, prepare_tiny(trial.home, drill), isolation="process", deadline_ms=20_000
    ) as bench:
        for number in range(EVERY, 4 * EVERY, EVERY):
            _ask(bench, number, is_due=True, expected="worker_lost")
        bench.claim(bench.line.state == "error", "three lost workers in a minute are no fault")
        refused = bench.submit(frame_of(GOOD, 1), may_pass=False).result(20)
        bench.claim(refused.reason_code == "not_ready", f"in fault: {refused.reason_code}")
        bench.line.reset()
        bench.until(lambda: bench.line.workers_ready == 2, "both workers are back", 20)
        back_s = bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 5)
        return bench.outcome(injected=3, back_s=back_s)


def worker_signalled(number: signal.Signals, trial: Trial) -> Outcome:
    """Workers are killed or stopped from outside while they look."""
    slow = Rehearsal(name="drill", fault="slow", every=1, slow_ms=150)
    lost, slowest_s = 0, 0.0
    with open_bench(
        trial.home, prepare_tiny(trial.home, slow), isolation="process", workers=1,
        deadline_ms=20_000,
    ) as bench:  # fmt: skip
        for turn in range(trial.size):
            bench.submit(frame_of(GOOD, 1)).result(20)
            under_way = bench.submit(frame_of(GOOD, 2 + turn))
            for pid in worker_pids():
                os.kill(pid, number)
            signalled_s = time.monotonic()
            answer = under_way.result(20)
            seen_s = time.monotonic() - signalled_s
            bench.claim(seen_s <= SEEN_S * trial.slack, f"it was seen after {seen_s:.1f} s")
            lost += answer.reason_code == "worker_lost"
            waited_s = _see_to_it(bench, lost)
            back_s = bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 8)
            slowest_s = max(slowest_s, waited_s + back_s)
        bench.claim(lost >= trial.size - 1, f"only {lost} of {trial.size} parts lost their worker")
        bench.claim(bench.line.workers_lost >= lost, "a loss was not counted")
        return bench.outcome(injected=trial.size, back_s=slowest_s)


def fork_server_killed(trial: Trial) -> Outcome:
    """What new workers are made from is killed together with the workers: they come back."""
    with open_bench(
        trial.home, prepare_tiny(trial.home), isolation="process", deadline_ms=3000
    ) as bench:
        slowest_s = 0.0
        for _ in range(trial.size):
            bench.submit(frame_of(GOOD, 1)).result(20)
            for child in psutil.Process().children(recursive=True):
                if child.children() or child.pid in worker_pids():
                    child.kill()
            bench.submit(frame_of(GOOD, 2)).result(20)
            bench.submit(frame_of(BAD, 3)).result(20)
            back_s = bench.until(lambda: _tried_again(bench), "a good part passes again", 20)
            slowest_s = max(slowest_s, back_s)
        return bench.outcome(injected=trial.size, back_s=slowest_s)


def _tried_again(bench: Bench) -> bool:
    if bench.line.state == "error":
        bench.line.reset()
    return bench.submit(frame_of(GOOD, 1)).result(20).passed


def swapped_before_start(trial: Trial) -> Outcome:
    """A model file is swapped, truncated or gone before the start: the recipe is refused."""
    pinned = _pinned(trial.home)
    model = trial.home / "models" / "bright" / "1" / "model.onnx"
    sound = model.read_bytes()
    problems = []
    for name, content in _spoilt(trial, sound).items():
        model.write_bytes(content)
        try:
            shelf_of(trial.home).prepare(str(pinned))
        except StationError:
            pass
        else:
            problems.append(f"a recipe whose model is {name} was taken")
    model.write_bytes(sound)
    with open_bench(trial.home, shelf_of(trial.home).prepare(str(pinned))) as bench:
        bench.problems += problems
        back_s = bench.back_s(lambda: bench.submit(frame_of(GOOD, 1)), 5)
        return bench.outcome(injected=trial.size, back_s=back_s)


def swapped_while_running(trial: Trial) -> Outcome:
    """A model file is swapped under a running line: what was loaded goes on, nothing new is."""
    drill = Rehearsal(name="drill", fault="crash", every=1000)
    prepared = prepare_tiny(trial.home, drill)
    model = trial.home / "models" / "bright" / "1" / "model.onnx"
    sound = model.read_bytes()
    with open_bench(
        trial.home, prepared, isolation="process", workers=1, deadline_ms=3000
    ) as bench:
        for content in _spoilt(trial, sound).values():
            bench.submit(frame_of(GOOD, 1)).result(20)
            model.write_bytes(content)
            bench.submit(frame_of(GOOD, 2)).result(20)  # loaded before, from bytes that were right
            bench.submit(frame_of(BAD, 3)).result(20)
            _refuse_changeover(bench, trial.home)
            bench.submit(frame_of(GOOD, 1000), may_pass=False).result(20)  # its worker crashes
            never = [bench.submit(frame_of(GOOD, 4), may_pass=False) for _ in range(2)]
            bench.until(lambda: bench.line.state == "error", "a line without a model is in error")
            for promise in never:
                promise.result(25)
            model.write_bytes(sound)
            bench.until(lambda: bench.line.workers_ready == 1, "the worker is back", 20)
            bench.until(lambda: _tried_again(bench), "a good part passes again", 10)
        return bench.outcome(injected=trial.size)


def _see_to_it(bench: Bench, losses: int) -> float:
    """Three lost in a minute are a fault, which is another group: reset, as somebody would.

    Returns:
        How long it took until all workers were there again.
    """
    line = bench.line
    bench.until(lambda: line.workers_lost >= losses, f"{losses} losses are counted")
    waited_s = bench.until(lambda: line.state in ("ready", "error"), "the workers are back", 20)
    if line.state == "error":
        bench.until(lambda: line.workers_ready > 0, "a worker is back", 20)
        line.reset()
        waited_s += bench.until(lambda: line.state == "ready", "the workers are back", 20)
    return waited_s


def _refuse_changeover(bench: Bench, home: Path) -> None:
    write_recipe(tiny_recipe(recipe_id="second"), home / "recipes" / "second.json")
    before = bench.line.prepared.recipe_hash
    try:
        bench.line.activate(shelf_of(home).prepare("second"))
    except StationError:
        pass
    else:
        bench.problems.append("a changeover took a model file that does not fit its card")
    bench.claim(bench.line.prepared.recipe_hash == before, "the recipe changed all the same")


def _pinned(home: Path) -> Path:
    """The tiny recipe in a file."""
    write_bright(home / "models")
    path = home / "recipes" / "tiny.json"
    write_recipe(tiny_recipe(), path)
    return path


def _spoilt(trial: Trial, sound: bytes) -> dict[str, bytes]:
    """So many ways to spoil a model file."""
    spoilt = {"empty": b"", "half": sound[: len(sound) // 2]}
    while len(spoilt) < trial.size:
        place = trial.rng.randrange(len(sound))
        flipped = bytearray(sound)
        flipped[place] ^= 1 << trial.rng.randrange(8)
        spoilt[f"changed at byte {place}"] = bytes(flipped)
    return dict(list(spoilt.items())[: trial.size])


def _ask(bench: Bench, number: int, *, is_due: bool, expected: str, due_grey: int = GOOD) -> Result:
    """One part: where the fault is due it would be good, so that only the fault stops it."""
    grey = due_grey if is_due else (GOOD, BAD)[number % 2]
    answer = bench.submit(frame_of(grey, number), may_pass=not is_due).result(25)
    if is_due:
        bench.claim(
            answer.reason_code == expected, f"part {number}: {answer.reason_code}, not {expected}"
        )
    return answer


def worker_pids() -> list[int]:
    """Processes below this one that look at parts: no fork server, no tracker of memory."""
    return [child.pid for child in psutil.Process().children(recursive=True) if _is_worker(child)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        return not process.children() and process.parent() != psutil.Process()
    except psutil.NoSuchProcess:
        return False


def _tool(fault: Fault, small: int, full: int, claim: str) -> Group:
    run: Callable[[Trial], Outcome] = partial(tool_fails, fault)
    return Group(name=f"tool_{fault}", claim=claim, run=run, small=small, full=full)


GROUPS = (
    _tool("nan", 10, 500, "a score that is NaN is no score"),
    _tool("inf", 10, 500, "an infinite score is no score"),
    _tool("silent", 10, 500, "a tool that says nothing has not said OK"),
    _tool("raise", 10, 500, "a tool that fails fails the part"),
    _tool("slow", 4, 50, "past the deadline the answer is late, and a later OK changes nothing"),
    _tool("endless", 2, 20, "a look that never ends costs its part and a worker"),
    _tool("crash", 3, 50, "a look that crashes costs its part and a worker"),
    Group(
        name="model_nan",
        claim="an ONNX model that gives NaN passes nothing",
        run=partial(broken_model, "nan"),
        small=10,
        full=500,
    ),
    Group(
        name="model_endless",
        claim="an ONNX model that never ends is ended and its part failed",
        run=partial(broken_model, "endless"),
        small=2,
        full=20,
    ),
    Group(
        name="three_workers_lost",
        claim="three lost workers in a minute stop the line until somebody resets it",
        run=three_lost,
        small=3,
        full=3,
    ),
    Group(
        name="worker_killed",
        claim="a worker killed from outside costs its part and is back",
        run=partial(worker_signalled, signal.SIGKILL),
        small=3,
        full=50,
        back_within_s=WORKER_BACK_S,
    ),
    Group(
        name="worker_stopped",
        claim="a worker that stands still costs its part and is replaced",
        run=partial(worker_signalled, signal.SIGSTOP),
        small=2,
        full=20,
        back_within_s=WORKER_BACK_S,
    ),
    Group(
        name="fork_server_killed",
        claim="the process that makes workers killed with all of them: they come back",
        run=fork_server_killed,
        small=2,
        full=20,
        back_within_s=WORKER_BACK_S,
    ),
    Group(
        name="model_swapped_before_start",
        claim="a model file that does not fit its card is never loaded",
        run=swapped_before_start,
        small=6,
        full=200,
    ),
    Group(
        name="model_swapped_while_running",
        claim="a swapped model file is not loaded by a new worker or a changeover",
        run=swapped_while_running,
        small=2,
        full=20,
        limit_s=90,
    ),
)
