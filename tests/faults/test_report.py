"""The report of the groups: a table, a page, five numbers."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.groups import GROUPS, by_name
from tests.faults.outcome import Outcome
from tests.faults.report import Row, main, summary, table, trust

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def row(name: str, outcome: Outcome) -> Row:
    return Row(group=by_name(name), outcome=outcome, seconds=60.0)


def rows() -> list[Row]:
    fine = Outcome(injected=3, parts=12, passed=9, back_s=0.256, kills=3)
    wrong = Outcome(
        injected=2, parts=8, passed=8, false_passes=1, problems=("part 7 passed, truth dent",)
    )
    absent = Outcome(injected=0, parts=0, passed=0, skipped="no root")
    return [row("tool_nan", fine), row("camera_torn", wrong), row("disk_full", absent)]


def test_numbers_count_what_held_and_what_did_not() -> None:
    assert summary(rows()) == {
        "groups": 3, "held": 1, "false_passes": 1, "acknowledged_lost": 0, "kills": 3,
    }  # fmt: skip


def test_the_table_says_who_did_not_hold() -> None:
    lines = table(rows()).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "yes" in lines[2]
    assert "0.26" in lines[2]
    assert "NO" in lines[3]
    assert "not tried" in lines[4]


def test_the_page_names_command_date_and_what_is_wrong() -> None:
    page = trust(rows(), ["--full"], NOW)
    assert "`python -m tests.faults.report --full`, 2026-01-02 03:04 UTC" in page
    assert "1 of 3 groups held" in page
    assert "camera_torn: part 7 passed, truth dent" in page
    assert "disk_full: not tried, no root" in page
    assert by_name("tool_nan").claim in page


def test_one_group_alone_writes_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "TRUST.md"
    assert main(["--only", "tool_silent", "--json", "--output", str(page)]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {
        "groups": 1, "held": 1, "false_passes": 0, "acknowledged_lost": 0, "kills": 0,
    }  # fmt: skip
    assert not page.exists()


def test_names_of_groups_are_unique_and_an_unknown_one_is_told() -> None:
    names = [group.name for group in GROUPS]
    assert len(set(names)) == len(names)
    with pytest.raises(KeyError, match=r"no group 'fire'.*tool_nan"):
        by_name("fire")
    with pytest.raises(SystemExit):
        main(["--only", "fire"])
