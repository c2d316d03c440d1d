"""Results to be recorded, and a journal that is closed after the test."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from station.core.errors import JournalError
from station.core.frame import Job
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Evaluation, Result, ResultState
from station.inspection import unanswered
from station.journal.records import Journal
from station.journal.shifts import Shifts

WAIT_S = 10

MakeResult = Callable[..., Result]
OpenJournal = Callable[..., Journal]


@pytest.fixture
def make_result(tiny_prepared: PreparedRecipe) -> MakeResult:
    """make_result(number, sequence, evaluation=OK | reason=…): the result of one trigger."""

    def make(
        number: int = 0,
        sequence: int | None = None,
        *,
        evaluation: Evaluation = Evaluation.OK,
        reason: StationReason | None = None,
        completed_at: datetime | None = None,
        **job: Any,
    ) -> Result:
        order = Job(ledger_number=number, trigger_sequence=sequence, **job)
        aborted = unanswered(
            order, tiny_prepared, ResultState.ABORTED, reason or StationReason.OVERRUN
        )
        result = replace(aborted, completed_at=completed_at or aborted.completed_at)
        if reason:
            return result
        passed = evaluation is Evaluation.OK
        return replace(
            result,
            result_state=ResultState.COMPLETED,
            evaluation=evaluation,
            passed=passed,
            reason_code=None if passed else "glare",
            reason_text="" if passed else "the surface shines",
        )

    return make


@pytest.fixture
def open_journal(tmp_path: Path) -> Iterator[OpenJournal]:
    """open_journal(): the journal in tmp_path; the one before is closed first."""
    opened: list[Journal] = []

    def start(shifts: Shifts | None = None) -> Journal:
        for journal in opened:
            journal.close()
        opened.append(Journal(tmp_path / "journal.sqlite", shifts=shifts))
        return opened[-1]

    yield start
    for journal in opened:
        journal.close()


def record(journal: Journal, *results: Result) -> list[JournalError | None]:
    """Record results and wait until they are answered; the errors they got."""
    errors: list[JournalError | None] = []
    done = Event()

    def recorded(_: Result, error: JournalError | None) -> None:
        errors.append(error)
        if len(errors) == len(results):
            done.set()

    for result in results:
        journal.record(result, recorded)
    assert done.wait(WAIT_S)
    return errors
