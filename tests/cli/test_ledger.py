"""`station ledger` reads the journal where no station runs, and adds up."""

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.core.reasons import StationReason
from station.core.result import Evaluation
from station.journal.records import Journal
from station.journal.shifts import Shifts
from tests.cli.conftest import RunStation
from tests.journal.conftest import MakeResult, make_result, record
from tests.sinks.receivers import free_port

__all__ = ["make_result"]

MORNING = datetime(2026, 7, 10, 7, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, make_result: MakeResult) -> Path:
    """A journal of two shifts, three days apart; in the second a PLC counted, too."""
    journal = Journal(tmp_path / "journal.sqlite", shifts=Shifts(("06:00", "14:00"), UTC))
    record(journal, *(make_result(completed_at=MORNING - timedelta(days=3)) for _ in range(5)))
    bad = [
        make_result(completed_at=MORNING, evaluation=Evaluation.NOT_OK),
        make_result(completed_at=MORNING, reason=StationReason.LATE),
    ]
    good = [make_result(completed_at=MORNING) for _ in range(1234)]
    record(journal, *bad, *good, replace(good[0], job_id="other", recipe_version=9))
    journal.record_plc_counts(1237, 1234, 3, now=MORNING + timedelta(hours=1))
    journal.close()
    return tmp_path


@pytest.fixture
def nobody() -> str:
    """An address no station listens to."""
    return f"http://127.0.0.1:{free_port()}"


def test_the_table_adds_up(station: RunStation, folder: Path, nobody: str) -> None:
    ended = station("ledger", "--shift", "--journal", folder, "--api", nobody)
    assert ended.code == 0, ended.err
    numbers = dict(re.split(r" {2,}", line.strip(), maxsplit=1) for line in lines_of(ended.out))
    assert numbers["sum"].split() == ["1,237", "1,235", "1", "0", "1", "0", "0"]
    assert numbers["glare"] == numbers["late (station)"] == "1"
    assert numbers["tiny version 9"].split()[:2] == ["1", "1"]
    assert numbers["the PLC has more or less"].split() == ["0", "-1", "+1"]


def lines_of(out: str) -> list[str]:
    return [line for line in out.splitlines() if re.search(r"\S {2,}\S", line.strip())]


def test_json_and_csv_of_everything(station: RunStation, folder: Path, nobody: str) -> None:
    ended = station("ledger", "--all", "--json", "--journal", folder, "--api", nobody)
    found = json.loads(ended.out)
    assert found["total"]["triggers"] == 1242
    assert found["total"]["by_reason"] == {"glare": 1, "late": 1}
    assert found["plc"][0]["sent"] == 1237
    ended = station("ledger", "--all", "--csv", "--journal", folder, "--api", nobody)
    rows = list(csv.DictReader(ended.out.splitlines()))
    assert sum(int(row["count"]) for row in rows) == 1242
    ended = station("ledger", "--json", "--journal", folder, "--api", nobody)
    assert json.loads(ended.out)["total"]["triggers"] == 1237


def test_nothing_to_read_says_so(station: RunStation, tmp_path: Path, nobody: str) -> None:
    ended = station("ledger", "--journal", tmp_path, "--api", nobody)
    assert ended.code == 2
    assert "no station answers" in ended.err
    assert not (tmp_path / "journal.sqlite").exists()
    ended = station("ledger", "--shift", "--all")
    assert "give one of" in ended.err
