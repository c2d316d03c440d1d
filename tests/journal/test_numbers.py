"""Triggers are numbered without a gap over restarts; what a crash left unanswered is known."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.core.errors import JournalError
from station.core.reasons import StationReason
from station.core.result import Evaluation
from station.journal.records import Journal
from tests.journal.conftest import MakeResult, OpenJournal, record


def test_numbers_go_on_after_a_restart(open_journal: OpenJournal, make_result: MakeResult) -> None:
    journal = open_journal()
    assert (journal.last_number(), journal.missing_numbers()) == (0, [])
    record(journal, *(make_result(number) for number in (1, 2, 4, 7, 5)))
    journal = open_journal()
    assert (journal.last_number(), journal.missing_numbers()) == (7, [3, 6])
    record(journal, make_result(6))
    assert open_journal().missing_numbers() == [3]
    record(open_journal(), make_result(3))
    assert open_journal().missing_numbers() == []


def test_numbers_survive_the_records(open_journal: OpenJournal, make_result: MakeResult) -> None:
    journal = open_journal()
    record(journal, make_result(1, 41), make_result(2, 42))
    assert journal.forget_before(datetime.now(UTC).timestamp() + 1) == 2
    journal = open_journal()
    assert (journal.last_number(), journal.missing_numbers()) == (2, [])
    assert journal.last_sequence() == 42


def test_a_number_is_stored_once(open_journal: OpenJournal, make_result: MakeResult) -> None:
    journal = open_journal()
    first = make_result(1)
    errors = record(journal, first, make_result(1), make_result(0), make_result(0))
    assert [bool(error) for error in errors] == [False, True, False, False]
    assert journal.find(first.job_id) == first


def test_the_newest_sequence_is_that_of_the_newest_trigger(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    assert journal.last_sequence() is None
    late_one, newer = make_result(10, 5), make_result(12, 6)
    record(journal, make_result(11), newer, late_one, make_result(13))
    assert journal.last_sequence() == 6
    assert open_journal().last_sequence() == 6
    journal = open_journal()
    record(journal, make_result(14, 5))
    assert journal.last_sequence() == 5


def test_a_part_is_found_by_what_was_asked_of_it(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    older, newer = (
        make_result(n, part_id="A", question_hash="q", evaluation=evaluation)
        for n, evaluation in ((1, Evaluation.NOT_OK), (2, Evaluation.OK))
    )
    record(journal, older, newer, make_result(3, part_id="A", question_hash="other"))
    now, minute = datetime.now(UTC), timedelta(seconds=60)
    assert journal.find_part("A", "q", now - minute, now + minute) == newer
    assert journal.find_part("A", "", now - minute, now + minute) is None
    assert journal.find_part("A", "q", now + minute, now + 2 * minute) is None
    assert journal.find_part("A", "q", now - 2 * minute, now - minute) is None


def test_a_late_result_replaces_nothing(open_journal: OpenJournal, make_result: MakeResult) -> None:
    journal = open_journal()
    answer = make_result(1, reason=StationReason.LATE, job_id="j")
    late = make_result(1, job_id="j")
    record(journal, answer)
    journal.record_late(late)
    journal.record_late(make_result(1, job_id="j", evaluation=Evaluation.NOT_OK))
    assert journal.drain()
    assert journal.find_late("j") == late
    assert journal.find("j") == answer
    assert journal.find_late("other") is None


def test_a_journal_from_before_the_numbers_is_taken_over(
    open_journal: OpenJournal, make_result: MakeResult, tmp_path: Path
) -> None:
    old = make_result(part_id="A")
    record(open_journal(), old)
    open_journal().close()
    as_it_was_before(tmp_path / "journal.sqlite")
    journal = open_journal()
    assert (journal.find("x"), journal.find(old.job_id)) == (None, old)
    assert (journal.last_number(), journal.missing_numbers()) == (0, [])
    assert record(journal, make_result(1, 9)) == [None]
    assert open_journal().latest(limit=1)[0].result.trigger_sequence == 9


def as_it_was_before(path: Path) -> None:
    """Take out of a journal what version 2 brought."""
    database = sqlite3.connect(path)
    database.executescript(
        """
        DROP INDEX ux_results_ledger_number;
        ALTER TABLE results DROP COLUMN ledger_number;
        ALTER TABLE results DROP COLUMN trigger_sequence;
        DROP TABLE numbers; DROP TABLE late_results; DROP TABLE ledger; DROP TABLE plc_counts;
        DROP TABLE cursors; DROP TABLE dead_letters; PRAGMA user_version = 0;
        """
    )
    database.close()


def test_a_journal_of_a_newer_station_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(JournalError, match="version 99, this station knows 2: install the newer"):
        Journal(path)
