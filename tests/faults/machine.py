"""Any order of triggers, faults, verbs and restarts, as a state machine of hypothesis."""

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from station.core.errors import StationError
from station.core.plc_words import SEQUENCE_AT_MOST
from station.core.recipe import PreparedRecipe, Recipe, write_recipe
from station.core.result import Result
from station.line.states import State, Verb
from station.sinks.webhook import Webhook
from station.sources.faulty_camera import FaultyCamera
from station.sources.replay import Replay
from station.tools.rehearsal import Fault, Rehearsal
from tests.faults.bench import ANSWER_S, Bench, Promise, open_bench
from tests.faults.books import Books, false_passes, ledger_apart, not_adding_up, read_books
from tests.faults.changeover import mixed
from tests.faults.models import worker_pids
from tests.faults.outcome import Group, Outcome, Trial
from tests.faults.sinks import Receiver
from tests.faults.stage import (
    BAD,
    DOUBTFUL,
    GOOD,
    frame_of,
    loose_recipe,
    shelf_of,
    tiny_recipe,
    write_bright,
    write_parts,
)

GREYS = (GOOD, GOOD, BAD, GOOD, DOUBTFUL)
CAMERA_FAULTS = (
    "", "", "", "", "", "pulled", "silent", "frozen", "incomplete", "dark", "repeated_id",
    "timestamp_jump", "stale",
)  # fmt: skip
TOOL_FAULTS: tuple[Fault, ...] = ("nan", "inf", "silent", "raise")
"""Recipes whose tool fails so at every `EVERY`th frame."""
EVERY = 3
REJECT_WINDOW = 6
STEPS = 30


@dataclass(slots=True)
class Tally:
    """What all runs of the machine together did."""

    runs: int = 0
    parts: int = 0
    passed: int = 0
    injected: int = 0


@dataclass(slots=True)
class Asked:
    """A part that was asked for, and what it was promised."""

    part_id: str
    sequence: int
    promise: Promise
    may_pass: bool
    is_by_trigger: bool
    recipe: str
    is_forgotten: bool = False
    """The controller began anew since: it would be another part."""
    answer: Result | None = None


class AnyOrder(RuleBasedStateMachine):
    """A line to which anything may happen at any time."""

    home: ClassVar[Path]
    tally: ClassVar[Tally]
    numbers: ClassVar[Iterator[int]]
    ready: ClassVar[dict[str, PreparedRecipe]]
    parts: ClassVar[Replay]

    def __init__(self) -> None:
        super().__init__()
        self.number = next(self.numbers)
        self.folder = self.home / str(self.number)
        self.folder.mkdir()
        self.command = self.folder / "camera.txt"
        self.opened = ExitStack()
        self.receiver = Receiver("answers")
        self.asked: list[Asked] = []
        self.again: list[tuple[Asked, Promise]] = []
        self.sequence = 0
        self.newest: int | None = None
        """The number a gap is counted from."""
        self.triggers = 0
        """Tickets there must be: parts begun, and numbers that were left out."""
        self.is_halted = False
        self.is_isolated = False
        self.recipe = "tiny"
        self.tally.runs += 1

    @initialize(is_isolated=st.sampled_from((False, False, False, True)))
    def begin(self, is_isolated: bool) -> None:
        """Some lines have their workers in processes, which may be killed."""
        self.is_isolated = is_isolated
        self.open()

    def open(self) -> None:
        """The line starts, the first time or again."""
        source = FaultyCamera(of=self.parts, command=self.command)
        self.bench: Bench = self.opened.enter_context(
            open_bench(
                self.folder, self.ready[self.recipe], source, waits=False, grab_timeout_ms=150,
                sinks=[Webhook(url=self.receiver.url, timeout_s=0.5)], queue_size=3,
                duplicate_window_s=300, reject_window=REJECT_WINDOW, deadline_ms=3000,
                isolation="process" if self.is_isolated else "thread",
            )
        )  # fmt: skip
        self.is_halted = False

    @rule(left_out=st.sampled_from((0, 0, 0, 1, 3, 9)), hurried=st.booleans())
    def trigger(self, left_out: int, hurried: bool) -> None:
        """The PLC triggers the camera, perhaps with numbers left out, perhaps in a hurry."""
        self._ask(
            left_out,
            lambda **job: self.bench.trigger(may_pass=not self.is_halted, **job),
            deadline_ms=5.0 if hurried else None,
            is_by_trigger=True,
        )

    @rule(grey=st.sampled_from((*GREYS, 0, 255)), left_out=st.sampled_from((0, 0, 2)))
    def submit(self, grey: int, left_out: int) -> None:
        """A picture is handed in: good, bad, doubtful, black or white."""
        may_pass = grey in (GOOD, DOUBTFUL) and not self.is_halted
        frame = frame_of(grey, self.sequence, bad=(BAD, 0, 255))
        self._ask(left_out, lambda **job: self.bench.submit(frame, may_pass=may_pass, **job))

    @property
    def known(self) -> list[Asked]:
        """Parts whose second trigger is the same question."""
        return [
            one
            for one in self.asked
            if one.is_by_trigger and not one.is_forgotten and one.recipe == self.recipe
        ]

    @precondition(lambda self: bool(self.known))
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """A part is triggered a second time."""
        first = data.draw(st.sampled_from(self.known))
        order = self.bench.job(part_id=first.part_id, trigger_sequence=first.sequence)
        self.again.append((first, self.bench.line.trigger(order)))
        self.tally.injected += 1

    @rule(fault=st.sampled_from(CAMERA_FAULTS))
    def change_camera(self, fault: str) -> None:
        """The camera fails, or is well again."""
        self.command.write_text(fault)
        self.tally.injected += bool(fault)

    @rule(manner=st.sampled_from(("answers", "refuses")))
    def change_receiver(self, manner: str) -> None:
        """The receiver of results fails, or is well again."""
        self.receiver.manner = "refuses" if manner == "refuses" else "answers"

    @rule(name=st.sampled_from(("tiny", "tiny", "loose", "loose", *TOOL_FAULTS)))
    def change_over(self, name: str) -> None:
        """Another recipe, perhaps one whose tool fails; refused for as long as a worker is away."""
        self.bench.until(lambda: self._activated(name), f"{name} is active")
        assert not self.bench.problems
        self.recipe = name
        self.tally.injected += name in TOOL_FAULTS

    @precondition(lambda self: self.is_isolated)
    @rule()
    def kill_a_worker(self) -> None:
        """Whether or not it looks at a part just now; the third one is a fault until a reset."""
        for pid in worker_pids()[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.tally.injected += 1

    @precondition(lambda self: not self.is_halted)
    @rule()
    def halt(self) -> None:
        """Take no part any more."""
        self.bench.line.halt()
        self.is_halted = True
        self.tally.injected += 1

    @rule()
    def reset(self) -> None:
        """Leave halt and error."""
        self.bench.line.reset()
        self.is_halted = False

    @rule()
    def restart_plc(self) -> None:
        """The controller says that it begins anew: no number before counts any more."""
        self.bench.line.forget_sequences()
        self.newest = None
        for one in self.asked:
            one.is_forgotten = True

    @rule()
    def abort(self) -> None:
        """Everything under way is answered now, where that is allowed."""
        if Verb.ABORT in self.bench.line.verbs and self.bench.line.state is not State.ERROR:
            self.bench.line.abort()
            self.tally.injected += 1

    @rule()
    def settle(self) -> None:
        """All that was promised is answered."""
        for one in self.asked:
            one.answer = one.promise.result(ANSWER_S)

    @rule()
    def restart(self) -> None:
        """The line is closed with whatever is under way, and started again."""
        self._close()
        self.opened = ExitStack()
        self.open()
        self.tally.injected += 1

    @invariant()
    def counts_add_up(self) -> None:
        """At any moment."""
        if hasattr(self, "bench"):
            counts = self.bench.line.counters.look()
            done = counts.ok + counts.not_ok + counts.not_decidable + counts.aborted + counts.failed
            assert counts.triggers == done + counts.in_progress

    def teardown(self) -> None:
        """Close the books."""
        try:
            if not hasattr(self, "bench"):  # hypothesis gave this run up before it began
                return
            self._close()
            books = read_books(self.folder / "journal.sqlite")
            self._compare(books)
            self.tally.parts += len(books.results)
            self.tally.passed += books.passed
        finally:
            self.opened.close()
            self.receiver.close()

    def _ask(
        self,
        left_out: int,
        ask: Callable[..., Promise],
        deadline_ms: float | None = None,
        *,
        is_by_trigger: bool = False,
    ) -> None:
        self.sequence += 1 + left_out
        before = self.newest
        gap = 0 if before is None else (self.sequence - before) % SEQUENCE_AT_MOST - 1
        self.triggers += 1 + min(gap, REJECT_WINDOW)
        self.newest = self.sequence
        part_id = f"P{self.sequence}"
        promise = ask(part_id=part_id, trigger_sequence=self.sequence, deadline_ms=deadline_ms)
        may_pass = not self.is_halted
        self.asked.append(
            Asked(part_id, self.sequence, promise, may_pass, is_by_trigger, self.recipe)
        )
        self.tally.injected += left_out

    def _activated(self, name: str) -> bool:
        try:
            self.bench.line.activate(self.ready[name])
        except StationError:
            assert self.is_isolated
            return False
        return True

    def _close(self) -> None:
        """Closing answers everything; the journal remembers the newest number."""
        self.opened.close()
        for one in self.asked:
            one.answer = one.promise.result(0)  # a promise that is not kept by now never will be
        if self.sequence:
            self.newest = self.sequence

    def _compare(self, books: Books) -> None:
        stored = books.by_job
        never = [a.answer.job_id for a in self.asked if a.answer and not a.may_pass]
        wrong = [
            *false_passes(books, never),
            *not_adding_up(books),
            *ledger_apart(self.folder / "journal.sqlite", books),
            *mixed(_judged_by_whole_recipes(books), self.ready),
            *_failed_and_passed(books),
        ]
        assert not wrong, "; ".join(wrong)
        assert len(books.results) == self.triggers, "a trigger was not counted, or counted twice"
        for one in self.asked:
            assert one.answer is not None
            assert not one.answer.is_duplicate
            kept = stored[one.answer.job_id]
            assert (kept.passed, kept.reason_code) == (one.answer.passed, one.answer.reason_code)
        for first, promise in self.again:
            answer = promise.result(0)
            assert answer.is_duplicate
            assert first.answer is not None
            assert (answer.job_id, answer.passed) == (first.answer.job_id, first.answer.passed)


def any_order(trial: Trial) -> Outcome:
    """So many runs of the machine; the first that goes wrong is made as short as it goes."""
    ready = _prepared(trial.home)
    tally = Tally()
    parts = write_parts(trial.home, GREYS, 4000, bad=(BAD,))
    here = {
        "home": trial.home, "tally": tally, "numbers": itertools.count(), "ready": ready,
        "parts": parts,
    }  # fmt: skip
    machine = seed(trial.seed)(type("AnyOrderHere", (AnyOrder,), here))
    how = settings(
        max_examples=trial.size, stateful_step_count=STEPS, deadline=None, database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    problems: tuple[str, ...] = ()
    try:
        run_state_machine_as_test(machine, settings=how)
    except AssertionError as error:
        problems = (f"{error}\n{''.join(getattr(error, '__notes__', []))}",)
    return Outcome(
        injected=tally.injected, parts=tally.parts, passed=tally.passed, problems=problems
    )


def _judged_by_whole_recipes(books: Books) -> Books:
    kept = (result for result in books.results if result.recipe_id not in TOOL_FAULTS)
    return Books(results=tuple(kept))


def _failed_and_passed(books: Books) -> Iterator[str]:
    """Parts that passed although a tool failed at their frame."""
    for result in books.results:
        is_due = result.recipe_id in TOOL_FAULTS and (result.sequence or 1) % EVERY == 0
        if is_due and result.passed:
            yield f"{result.part_id} passed, and its tool had failed ({result.recipe_id})"


def _prepared(home: Path) -> dict[str, PreparedRecipe]:
    write_bright(home / "models", 1)
    write_bright(home / "models", 2)
    recipes = [tiny_recipe(), loose_recipe(), *map(_failing_recipe, TOOL_FAULTS)]
    for recipe in recipes:
        write_recipe(recipe, home / "recipes" / f"{recipe.recipe_id}.json")
    return {recipe.recipe_id: shelf_of(home).prepare(recipe.recipe_id) for recipe in recipes}


def _failing_recipe(fault: Fault) -> Recipe:
    drill = Rehearsal(name="drill", fault=fault, every=EVERY)
    return tiny_recipe(drill).model_copy(update={"recipe_id": fault})


GROUPS = (
    Group(
        name="any_order",
        claim="whatever happens in whatever order, each trigger is answered once and provenly",
        run=any_order,
        small=16,
        full=500,
        limit_s=240,
    ),
)
