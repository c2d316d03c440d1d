"""The ledger adds up to the unit: over restarts, kills, retention and records that failed."""

import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from station.core.reasons import StationReason
from station.core.result import Evaluation
from station.journal.records import Journal
from station.journal.shifts import Shifts
from tests.journal.conftest import MakeResult, OpenJournal, record

NOON = datetime(2026, 7, 10, 12, tzinfo=UTC)


def counts(journal: Journal) -> dict[tuple[str, str], int]:
    return {(row.outcome, row.reason_code): row.count for row in journal.ledger()}


def test_by_outcome_and_reason_over_a_restart(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    for start in (0, 100):
        record(
            open_journal(),
            *(make_result(start + n) for n in range(1, 40)),
            *(make_result(start + n, evaluation=Evaluation.NOT_OK) for n in range(40, 50)),
            make_result(start + 50, evaluation=Evaluation.NOT_DECIDABLE),
            make_result(start + 51, reason=StationReason.LATE),
        )
    journal = open_journal()
    assert counts(journal) == {
        ("ok", ""): 78, ("not_ok", "glare"): 20, ("not_decidable", "glare"): 2,
        ("aborted", "late"): 2,
    }  # fmt: skip
    own = {row.reason_code: row.is_station_reason for row in journal.ledger()}
    assert own == {"": False, "glare": False, "late": True}


def test_it_outlives_the_records(open_journal: OpenJournal, make_result: MakeResult) -> None:
    journal = open_journal()
    record(journal, make_result(1), make_result(2))
    journal.forget_before(datetime.now(UTC).timestamp() + 1)
    assert counts(open_journal()) == {("ok", ""): 2}


def test_by_shift(open_journal: OpenJournal, make_result: MakeResult) -> None:
    journal = open_journal(Shifts(("06:00", "14:00", "22:00"), UTC))
    for hours in (0, 1, 3, 13):
        record(journal, make_result(completed_at=NOON + timedelta(hours=hours)))
    shifts = [(row.shift_start.hour, row.count) for row in journal.ledger()]
    assert shifts == [(22, 1), (14, 1), (6, 2)]
    assert len(journal.ledger(since=NOON)) == 2


def test_duplicates_are_counted_apart(open_journal: OpenJournal, make_result: MakeResult) -> None:
    journal = open_journal()
    result = make_result(1)
    record(journal, result)
    journal.count_duplicate(result)
    journal.count_duplicate(result)
    assert journal.drain()
    assert counts(journal) == {("ok", ""): 1, ("duplicate", ""): 2}


def test_what_the_plc_counted_is_added_up_by_shift(open_journal: OpenJournal) -> None:
    journal = open_journal(Shifts(("06:00", "14:00", "22:00"), UTC))
    for hours, told in (
        (0, (100, 97, 3)),
        (1, (150, 140, 10)),
        (3, (160, 150, 10)),
        (4, (5, 5, 0)),
    ):
        journal.record_plc_counts(*told, now=NOON + timedelta(hours=hours))
    assert journal.drain()
    told_of = [(c.shift_start.hour, c.sent, c.passed, c.rejected) for c in journal.plc_counts()]
    assert told_of == [(14, 15, 15, 0), (6, 150, 140, 10)]


def test_what_the_plc_counted_is_added_once_where_the_clock_falls_back(
    open_journal: OpenJournal,
) -> None:
    journal = open_journal(Shifts(("06:00", "14:00", "22:00"), UTC))
    for hours, sent in ((3, 100), (1, 110), (1.1, 120), (1.2, 130)):
        journal.record_plc_counts(sent, sent, 0, now=NOON + timedelta(hours=hours))
    assert journal.drain()
    assert sum(counted.sent for counted in journal.plc_counts()) == 130


def test_a_result_that_could_not_be_stored_counts_as_no_record_later(
    open_journal: OpenJournal, make_result: MakeResult, tmp_path: Path
) -> None:
    journal = open_journal()
    record(journal, make_result(1))
    refuse(
        tmp_path, "CREATE TRIGGER no BEFORE INSERT ON results BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    lost = make_result(2)
    (error,) = record(journal, lost)
    assert "no" in str(error)
    assert journal.find(lost.job_id) is None
    refuse(tmp_path, "DROP TRIGGER no")
    record(journal, make_result(3))
    assert journal.drain()
    found = journal.find(lost.job_id)
    assert found is not None
    assert (found.passed, found.reason_code) == (False, "no_record")
    assert counts(journal) == {("ok", ""): 2, ("failed", "no_record"): 1}
    assert open_journal().missing_numbers() == []


def refuse(folder: Path, statement: str) -> None:
    database = sqlite3.connect(folder / "journal.sqlite")
    database.execute(statement)
    database.commit()
    database.close()


RECORDS_FOR_EVER = """
import sys
from dataclasses import replace
from pathlib import Path
from station.core.result import RESULT_JSON
from station.journal.records import Journal
result = RESULT_JSON.validate_json(sys.stdin.buffer.read())
journal = Journal(Path(sys.argv[1]))
number = journal.last_number()
while True:
    number += 1
    journal.record(
        replace(result, job_id=f"j{number}", ledger_number=number),
        lambda r, e: e or (sys.stdout.write(f"{r.job_id}\\n"), sys.stdout.flush()),
    )
"""


def test_killed_at_any_instant_no_acknowledged_record_is_lost_and_the_sums_agree(
    tmp_path: Path, make_result: MakeResult
) -> None:
    from station.core.result import RESULT_JSON

    path = tmp_path / "journal.sqlite"
    acknowledged: set[str] = set()
    for round_number in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", RECORDS_FOR_EVER, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdin
        assert child.stdout
        child.stdin.write(RESULT_JSON.dump_json(make_result()).decode())
        child.stdin.close()
        for _ in range(20 + 37 * round_number):
            acknowledged.add(child.stdout.readline().strip())
        child.kill()
        acknowledged |= {line.strip() for line in child.stdout if line.endswith("\n")}
        child.stdout.close()
        child.wait()
    journal = Journal(path)
    stored = [row.result.job_id for row in journal.since(limit=1_000_000)]
    journal_counts = Counter(counts(journal))
    missing, highest = journal.missing_numbers(), journal.last_number()
    journal.close()
    assert len(acknowledged) > 150
    assert acknowledged <= set(stored)
    assert journal_counts == {("ok", ""): len(stored)}
    assert (missing, highest) == ([], len(stored))
