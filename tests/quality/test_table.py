"""results.csv: one row a picture, with what every tool measured and read."""

import csv
from pathlib import Path
from typing import Any

import pytest

from station.core.result import Evaluation
from station.quality.summary import score_of
from station.quality.table import COLUMNS, write_table


def found(tool: str, **changes: Any) -> dict[str, Any]:
    fields = {"evaluation": Evaluation.OK, "score": 0.1, "reject_limit": 0.5, "measured": {}}
    return {"tool": tool, "text": "", **fields, **changes}


def record(*findings: dict[str, Any]) -> dict[str, Any]:
    return {
        **dict.fromkeys(COLUMNS),
        "result_state": 1,
        "evaluation": 1,
        "findings": list(findings),
    }


def test_what_was_measured_and_read_has_columns_of_its_own(tmp_path: Path) -> None:
    records = [
        record(found("hole", measured={"diameter_mm": 4.0123456789}, part=1)),
        record(
            found("code", read={"10": "A1"}, part=1),
            found("code", read={"10": "A2"}, part=2),
            found("code", read={"10": "A3"}, part=2),
        ),
    ]
    write_table(lambda: records, tmp_path / "t.csv")
    first, second = csv.DictReader((tmp_path / "t.csv").read_text().splitlines())
    assert first["hole.diameter_mm"] == "4.012346"
    assert (second["code.10"], second["code.10#2"], second["hole.diameter_mm"]) == ("A1", "A2", "")


def test_positions_with_names_have_columns_each(tmp_path: Path) -> None:
    places = [
        found("bill", text=name, measured={"shift_px": x}) for name, x in (("r1", 1), ("r2", 2))
    ]
    write_table(lambda: [record(*places)], tmp_path / "t.csv")
    (row,) = csv.DictReader((tmp_path / "t.csv").read_text().splitlines())
    assert (row["bill.r1.shift_px"], row["bill.r2.shift_px"]) == ("1", "2")


@pytest.mark.parametrize(
    ("findings", "score"),
    [
        ([found("a", score=0.3), found("a", score=0.4)], 0.4),
        ([found("a", score=0.3), found("b", score=8, reject_limit=10)], 0.8),
        ([found("a", score=0.3), found("b", score=None, evaluation=Evaluation.NOT_OK)], 1.0),
        ([found("a", score=0.1), found("b", score=None, reject_limit=None)], 0.2),
        ([found("a", score=None)], None),
    ],
)
def test_scores_of_several_tools_are_shares_of_their_limits(
    findings: list[dict[str, Any]], score: float | None
) -> None:
    assert score_of(record(*findings)) == score
