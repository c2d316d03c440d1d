"""What the writer does when results wait too long, cannot be stored, or the disk goes away."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from station.core.errors import JournalError
from station.core.reasons import STATION_TEXTS, StationReason
from station.core.result import Evaluation, Result, ResultState
from station.journal.numbers import Numbers
from station.journal.shifts import Shifts
from station.journal.tables import open_engine, upgrade
from station.journal.writing import Writer
from tests.journal.conftest import WAIT_S, MakeResult, OpenJournal, record

UNSTORABLE = "part\udcff"


class Disk:
    """A journal's disk that can be taken away, and counts how often it was tried."""

    def __init__(self, path: Path) -> None:
        self.engine = open_engine(path)
        upgrade(self.engine, path)
        self.is_away, self.tries = False, 0
        sa.event.listen(self.engine, "begin", self._begin)

    def _begin(self, _: sa.Connection) -> None:
        self.tries += 1
        if self.is_away:
            raise OperationalError("INSERT", {}, Exception("database is locked"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "journal.sqlite")
    yield disk
    disk.engine.dispose()


@pytest.fixture
def writer(disk: Disk, tmp_path: Path) -> Iterator[Writer]:
    with disk.engine.connect() as connection:
        numbers = Numbers(connection)
    disk.tries = 0
    writer = Writer(disk.engine, tmp_path / "journal.sqlite", numbers, Shifts())
    yield writer
    writer.close()


class Told:
    """Whoever recorded; the writer stands still at the first result until it may go on."""

    def __init__(self) -> None:
        self.results: list[tuple[Result, JournalError | None]] = []
        self.may_go_on, self.stands = threading.Event(), threading.Event()
        self.all = threading.Event()
        self.expected = 0

    def __call__(self, result: Result, error: JournalError | None) -> None:
        self.results.append((result, error))
        self.stands.set()
        self.may_go_on.wait(WAIT_S)
        if len(self.results) == self.expected:
            self.all.set()

    def record_together(self, writer: Writer, results: list[Result]) -> None:
        """The first alone, the others in one group."""
        self.expected = len(results)
        writer.record(results[0], self)
        assert self.stands.wait(WAIT_S)
        for result in results[1:]:
            writer.record(result, self)
        self.may_go_on.set()
        assert self.all.wait(WAIT_S)


def test_while_the_disk_is_away_a_group_is_tried_once(
    disk: Disk, writer: Writer, make_result: MakeResult
) -> None:
    disk.is_away = True
    tries_at_the_end: list[int] = []
    told = Told()
    told.expected = 10

    def count(result: Result, error: JournalError | None) -> None:
        told(result, error)
        tries_at_the_end.append(disk.tries)

    results = [make_result(number) for number in range(1, 11)]
    writer.record(results[0], told)
    assert told.stands.wait(WAIT_S)
    for result in results[1:]:
        writer.record(result, count)
    told.may_go_on.set()
    assert told.all.wait(WAIT_S)
    assert all(error for _, error in told.results)
    assert writer.drain(WAIT_S)
    assert tries_at_the_end == [2] * 9


def test_it_says_when_it_can_write_again(
    disk: Disk, writer: Writer, make_result: MakeResult
) -> None:
    recovered, told = threading.Event(), Told()
    writer.recovered = recovered.set
    told.record_together(writer, [make_result(1), make_result(2)])
    assert writer.drain(WAIT_S)
    assert not recovered.is_set()
    disk.is_away = True
    Told().record_together(writer, [make_result(3)])
    assert writer.drain(WAIT_S)
    assert not recovered.is_set()
    disk.is_away = False
    assert recovered.wait(WAIT_S)  # without another part


def test_what_waited_too_long_is_stored_as_late(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal, told, done = open_journal(), dict[str, Result](), threading.Event()
    results = [
        make_result(1, job_id="late"),
        make_result(2, job_id="in time"),
        make_result(3, job_id="aborted", reason=StationReason.OVERRUN),
        make_result(4, job_id="no deadline"),
    ]
    now_s = time.monotonic()
    due = [now_s - 1, now_s + 3600, now_s - 1, None]

    def hear(result: Result, error: JournalError | None) -> None:
        assert error is None
        told[result.job_id] = result
        if len(told) == len(results):
            done.set()

    for result, due_s in zip(results, due, strict=True):
        journal.record(result, hear, due_s)
    assert done.wait(WAIT_S)
    assert journal.drain()
    assert [told[result.job_id] == result for result in results] == [False, True, True, True]
    late = told["late"]
    assert (late.result_state, late.evaluation) == (ResultState.ABORTED, Evaluation.UNDEFINED)
    assert (late.passed, late.reason_code) == (False, "late")
    assert late.reason_text == STATION_TEXTS[StationReason.LATE]
    assert journal.find("late") == late
    assert journal.find_late("late") == results[0]
    assert journal.find_late("in time") is None


def test_what_can_never_be_stored_blocks_nothing(
    open_journal: OpenJournal, make_result: MakeResult, caplog: pytest.LogCaptureFixture
) -> None:
    journal = open_journal()
    errors = record(
        journal,
        make_result(1, job_id=UNSTORABLE),
        make_result(2, job_id="b", part_id=UNSTORABLE),
        make_result(3, job_id="c"),
    )
    assert [bool(error) for error in errors] == [True, True, False]
    assert journal.drain()
    stored = journal.find("b")
    assert stored
    assert (stored.reason_code, stored.part_id, stored.ledger_number) == ("no_record", "", 2)
    assert "can never be stored" in caplog.text
    assert record(journal, make_result(4)) == [None]


def test_a_late_result_that_cannot_be_stored_takes_no_other_with_it(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    for job in ("a", UNSTORABLE, "b"):
        journal.record_late(make_result(job_id=job))
    assert journal.drain()
    assert journal.find_late("a")
    assert journal.find_late("b")


def test_a_letter_and_the_cursor_behind_it_are_stored_together(
    open_journal: OpenJournal, make_result: MakeResult, tmp_path: Path
) -> None:
    journal = open_journal()
    outbox = journal.outbox("sink")
    record(journal, make_result(1))
    (row,) = outbox.next(10)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as database:
        database.execute(
            "CREATE TRIGGER no_letters BEFORE INSERT ON dead_letters "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        outbox.give_up(row, "refused")
        again = open_journal().outbox("sink")
        assert (again.cursor, again.dead) == (0, 0)
        database.execute("DROP TRIGGER no_letters")
        again.give_up(row, "refused \udcff")
        last = open_journal().outbox("sink")
        assert (last.cursor, last.dead) == (row.id, 1)


def test_old_late_results_go_a_few_at_a_time(
    open_journal: OpenJournal, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.journal.records.MOST_FORGOTTEN_AT_ONCE", 2)
    journal = open_journal()
    for number in range(5):
        journal.record_late(make_result(job_id=f"j{number}"))
    assert journal.drain()
    deletes: list[int] = []

    def count(_connection: Any, cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("DELETE FROM late_results"):
            deletes.append(cursor.rowcount)

    sa.event.listen(sa.Engine, "after_cursor_execute", count)
    try:
        journal.forget_before(1e12)
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", count)
    assert deletes == [2, 2, 1, 0]


def test_a_burst_does_not_wait_for_the_disk(
    disk: Disk, writer: Writer, make_result: MakeResult
) -> None:
    told = Told()
    results = [make_result(number) for number in range(1, 1001)]
    told.record_together(writer, results)  # blocks for ever if the writer must empty the queue
    assert [result for result, error in told.results if not error] == results
    assert disk.tries < 100
