"""What the journal says of all that happened, and whether it agrees with what was promised."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from station.core.result import RESULT_JSON, Result
from station.journal.ledger import OUTCOMES, outcome_of
from station.line.counters import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All results of a journal, oldest first."""

    results: tuple[Result, ...]

    @property
    def passed(self) -> int:
        """How many parts passed."""
        return sum(result.passed for result in self.results)

    @property
    def by_job(self) -> dict[str, Result]:
        """The results by their job."""
        return {result.job_id: result for result in self.results}

    def reasons(self) -> Counter[str]:
        """How often each reason was given."""
        return Counter(result.reason_code or "ok" for result in self.results)


def read_books(path: Path) -> Books:
    """The results of a journal as any other program reads them, not by the station's own code."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT record FROM results ORDER BY id").fetchall()
    finally:
        connection.close()
    return Books(results=tuple(RESULT_JSON.validate_json(record) for (record,) in rows))


def false_passes(books: Books, never: Iterable[str] = ()) -> list[str]:
    """Parts that passed though their truth is bad, or their job is one of those that never may."""
    refused = set(never)
    return [
        f"{result.part_id or result.job_id} passed, truth {result.truth}"
        for result in books.results
        if result.passed and (result.truth not in (None, "ok") or result.job_id in refused)
    ]


def not_adding_up(
    books: Books, counts: Counts | None = None, *, begins_at: int | None = 1
) -> Iterator[str]:
    """Numbers given twice or left out, jobs answered twice, sums that do not agree.

    `begins_at`: the first number; none: whatever it is, where older results were set aside.
    """
    jobs = Counter(result.job_id for result in books.results)
    yield from (f"job {job} has {n} results" for job, n in jobs.items() if n > 1)
    numbers = sorted(result.ledger_number for result in books.results)
    first = min(numbers, default=1) if begins_at is None else begins_at
    if numbers != list(range(first, first + len(numbers))):
        missing = sorted(set(range(first, max(numbers, default=0) + 1)) - set(numbers))
        twice = [number for number, n in Counter(numbers).items() if n > 1]
        yield f"{len(numbers)} ledger numbers from {first}: missing {missing}, twice {twice}"
    if counts is not None:
        yield from _counts_apart(books, counts)


def ledger_apart(path: Path, books: Books) -> Iterator[str]:
    """Outcomes of which the journal's own ledger has another number than there are results."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT outcome, sum(count) FROM ledger GROUP BY outcome")
        counted = {str(outcome): int(count) for outcome, count in rows}
    finally:
        connection.close()
    stored = Counter(outcome_of(result) for result in books.results)
    for name in OUTCOMES:
        if counted.get(name, 0) != stored[name]:
            yield f"the ledger has {counted.get(name, 0)} {name}, the results are {stored[name]}"


def answers_apart(books: Books, answers: Sequence[Result]) -> Iterator[str]:
    """Answers that say something else than the record that was kept."""
    stored = books.by_job
    for answer in answers:
        kept = stored.get(answer.job_id)
        if kept is None:
            yield f"job {answer.job_id} was answered ({answer.reason_code}) and is in no journal"
        elif _said(kept) != _said(answer):
            yield f"job {answer.job_id} was answered {_said(answer)}, stored is {_said(kept)}"


def _said(result: Result) -> tuple[object, ...]:
    return result.passed, result.result_state, result.evaluation, result.reason_code


def _counts_apart(books: Books, counts: Counts) -> Iterator[str]:
    done: Mapping[str, int] = {name: getattr(counts, name) for name in OUTCOMES}
    if counts.triggers != sum(done.values()) + counts.in_progress:
        yield f"{counts.triggers} triggers are not {done} + {counts.in_progress} under way"
    if counts.in_progress:
        yield f"{counts.in_progress} parts were never answered"
    if counts.triggers != len(books.results):
        yield f"{counts.triggers} triggers were counted, {len(books.results)} are in the journal"
    if counts.ok != books.passed:
        yield f"{counts.ok} OK were counted, {books.passed} are in the journal"
