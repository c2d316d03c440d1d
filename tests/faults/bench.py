"""A working line in this process, driven by its public verbs, and every promise it gave."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from station.api.plc.desk import Terms
from station.api.plc.doors import Doors, bind_ports
from station.core.frame import AnyFrame, Job
from station.core.plugin import Sink, Source
from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.line.line import Line
from station.line.settings import AlarmSettings, LineSettings, PlcSettings
from station.line.states import State
from station.sources.upload import Upload
from tests.faults.books import (
    Books,
    answers_apart,
    false_passes,
    ledger_apart,
    not_adding_up,
    read_books,
)
from tests.faults.outcome import Outcome
from tests.faults.stage import shelf_of

ANSWER_S = 20.0
Promise = Future[Result]


@dataclass(slots=True)
class Bench:
    """An open line and everything that was asked of it."""

    line: Line
    path: Path
    port: int
    """Of its HTTP door for controllers."""
    promises: list[Promise] = field(default_factory=list)
    never: set[str] = field(default_factory=set)
    """Jobs that met a fault: they may not pass, whatever was seen."""
    problems: list[str] = field(default_factory=list)
    extra_false: list[str] = field(default_factory=list)

    def submit(self, frame: AnyFrame, *, may_pass: bool = True, **job: Any) -> Promise:
        """Hand in a picture of a part."""
        order = self.job(**job)
        return self._asked(order, lambda order: self.line.submit(frame, order), may_pass)

    def trigger(self, *, may_pass: bool = True, **job: Any) -> Promise:
        """Trigger the camera for a part."""
        return self._asked(self.job(**job), self.line.trigger, may_pass)

    @staticmethod
    def job(**job: Any) -> Job:
        """An order."""
        return Job(**job)

    def answers(self) -> list[Result]:
        """Every promise kept; waits for those still under way."""
        return [promise.result(ANSWER_S) for promise in self.promises]

    def claim(self, held: bool, what: str) -> None:
        """Something that must be so."""
        if not held:
            self.problems.append(what)

    def until(self, is_so: Callable[[], bool], what: str, within_s: float = 10.0) -> float:
        """Wait until something is so; how long it took. If never, that is a problem."""
        started_s = time.monotonic()
        while not is_so():
            if time.monotonic() - started_s > within_s:
                self.problems.append(f"not within {within_s:g} s: {what}")
                break
            threading.Event().wait(0.005)
        return time.monotonic() - started_s

    def back_s(self, ask: Callable[[], Promise], within_s: float) -> float:
        """How long it takes until a part passes again; each try is a part of its own."""
        return self.until(
            lambda: ask().result(ANSWER_S).passed, "a good part passes again", within_s
        )

    def outcome(
        self,
        *,
        injected: int,
        back_s: float | None = None,
        kills: int = 0,
        needs_pass: bool = True,
        is_whole: bool = True,
        begins_at: int | None = 1,
    ) -> Outcome:
        """Close the line, open its books and compare; not `is_whole`: others wrote there too."""
        answers = [answer for answer in self.answers() if not answer.is_duplicate]
        self.line.close()
        counts = self.line.counters.look()
        books = read_books(self.path)
        known = counts if is_whole else None
        self.problems += not_adding_up(books, known, begins_at=begins_at)
        self.problems += ledger_apart(self.path, books) if begins_at is not None else ()
        self.problems += answers_apart(books, answers)
        if needs_pass:
            self.claim(books.passed > 0, "no part passed at all, so nothing was shown")
        wrong = [*false_passes(books, self.never), *self.extra_false]
        return Outcome(
            injected=injected,
            parts=len(books.results),
            passed=books.passed,
            false_passes=len(wrong),
            kills=kills,
            back_s=back_s,
            problems=(*self.problems, *wrong),
        )

    def books(self) -> Books:
        """What is in the journal now."""
        return read_books(self.path)

    def _asked(self, job: Job, ask: Callable[[Job], Promise], may_pass: bool) -> Promise:
        if not may_pass:
            self.never.add(job.job_id)
        promise = ask(job)
        self.promises.append(promise)
        return promise


@contextmanager
def open_bench(
    home: Path,
    prepared: PreparedRecipe,
    source: Source | None = None,
    *,
    sinks: Sequence[Sink] = (),
    keep: KeepPolicy | None = None,
    is_with_doors: bool = False,
    waits: bool = True,
    **settings: Any,
) -> Iterator[Bench]:
    """A line at work in a folder, with doors for controllers where asked; closed at the end."""
    usual = {
        "recipe": "tiny", "autostart": False, "isolation": "thread", "trigger_mode": "software",
        "queue_size": 16, "deadline_ms": 5000,
    }  # fmt: skip
    line_settings = LineSettings.model_validate({**usual, **settings})
    with ExitStack() as opened:
        journal = Journal(home / "journal.sqlite")
        line = Line(
            line_settings,
            prepared,
            source or Upload(),
            journal,
            Pictures(home / "pictures", keep or KeepPolicy(keep="none")),
            sinks,
            AlarmSettings(unjudged_in_row=0, unjudged_of_100=0),
        )
        opened.callback(line.close)
        ports = bind_ports(PlcSettings(port=0, enabled=is_with_doors))
        opened.callback(ports.close)
        port = ports.http.getsockname()[1] if ports.http else 0
        if is_with_doors:
            opened.callback(Doors(ports, line, _terms(home, line_settings, journal)).close)
        bench = Bench(line, journal.path, port)
        if waits:
            bench.until(lambda: line.state is State.READY, "the line is ready", 20)
        yield bench


def _terms(home: Path, settings: LineSettings, journal: Journal) -> Terms:
    """What the doors know; recipe 1 is `tiny`, recipe 2 `loose`."""
    return Terms(
        recipes={1: "tiny", 2: "loose"},
        prepare=shelf_of(home).prepare,
        record_counts=journal.record_plc_counts,
        deadline_ms=settings.deadline_ms,
        most_under_way=settings.queue_size + settings.workers,
        reject_window=settings.reject_window,
    )
