"""Records older than a field of the result are still read; damaged ones stop nothing."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from station.core.errors import DamagedRecordError
from station.core.frame import Frame, Job
from station.core.recipe import PreparedRecipe
from station.inspection import inspect
from station.journal.records import Journal
from tests.conftest import DrawPart
from tests.journal.conftest import MakeResult, OpenJournal, record


def test_a_record_from_before_qualifications_reads_as_unqualified(
    tiny_prepared: PreparedRecipe, draw_part: DrawPart, tmp_path: Path
) -> None:
    path, recorded = tmp_path / "journal.sqlite", Event()
    frame = Frame(image=draw_part(), camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    result = inspect(frame, tiny_prepared, Job())
    journal = Journal(path)
    journal.record(result, lambda *_: recorded.set())
    assert recorded.wait(10)
    journal.close()
    with sqlite3.connect(path) as database:
        ((record,),) = database.execute("SELECT record FROM results").fetchall()
        content = json.loads(record)
        del content["is_qualified"]
        database.execute("UPDATE results SET record = ?", (json.dumps(content).encode(),))
    database.close()
    journal = Journal(path)
    found = journal.find(result.job_id)
    journal.close()
    assert found == result
    assert not result.is_qualified


def test_a_damaged_record_is_no_known_part_and_stops_no_start(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    moment = datetime.now(UTC)
    older, newer = (
        make_result(number, part_id="A", completed_at=moment + timedelta(seconds=number))
        for number in (1, 2)
    )
    record(journal, older, newer)
    journal.close()
    with closing(sqlite3.connect(journal.path)) as database, database:
        damage = "UPDATE results SET record = x'7b00' WHERE job_id = ?"
        database.execute(damage, (newer.job_id,))
    journal = open_journal()
    since, until = moment - timedelta(seconds=9), moment + timedelta(seconds=9)
    assert journal.find_part("A", "", since, until) == older
    assert journal.newest_at() == newer.completed_at
    assert [row.is_readable for row in journal.latest()] == [False, True]
    with pytest.raises(DamagedRecordError, match=newer.job_id):
        journal.find(newer.job_id)
