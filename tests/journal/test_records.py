"""Records older than a field of the result are still read."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from station.core.frame import Frame, Job
from station.core.recipe import PreparedRecipe
from station.inspection import inspect
from station.journal.records import Journal
from tests.conftest import DrawPart


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
