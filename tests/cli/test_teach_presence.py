"""`station teach presence` as typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from station.cli.teach import app
from station.core.errors import TeachError
from tests.plates import BILL, FULL, plate, write_pictures

Type = Callable[..., Result]


@pytest.fixture
def type_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types words after `station teach presence`, with tmp_path as the station's home."""
    monkeypatch.setenv("STATION_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "positions.toml").write_text(BILL)
    common = ("--name", "plate", "--positions", tmp_path / "positions.toml")
    return lambda *words: CliRunner().invoke(
        app, ["presence", *(str(word) for word in (*words, *common))]
    )


def test_a_bill_is_taught_and_says_how_sure_it_is(type_words: Type, tmp_path: Path) -> None:
    missing = {**FULL, "b": "none"}
    pictures = {
        **{f"ok/{seed}": plate(seed=seed) for seed in range(3)},
        **{f"absent/b/{seed}": plate(missing, seed=seed) for seed in (5, 6)},
    }
    write_pictures(tmp_path / "parts", pictures)
    result = type_words(tmp_path / "parts", "--json")
    assert result.exit_code == 0, result.output
    for words in (
        "lowest of other states",
        "disc",
        "absent",
        'next: a tool with kind = "presence"',
    ):
        assert words in result.stdout
    facts = json.loads(result.stdout.splitlines()[-1])
    assert (facts["taught"], facts["pictures"], facts["warnings"]) == ("plate/1", 5, [])
    known = facts["groups"]["disc"]
    assert (known["present"]["examples"], known["absent"]["examples"]) == (9, 2)
    assert known["present"]["highest"] < 0.9
    assert known["present"]["lowest_other"] > 1.1
    assert (tmp_path / "models" / "plate" / "1" / "taught.npz").exists()


@pytest.mark.parametrize(
    ("draft", "problem"),
    [
        ('[[tools]]\nkind = "blob"\nname = "b"\n', "0 tools that locate"),
        ("[[tools", "cannot read the draft"),
    ],
)
def test_a_draft_that_locates_nothing_is_refused(
    type_words: Type, tmp_path: Path, draft: str, problem: str
) -> None:
    write_pictures(tmp_path / "parts", {"0": plate()})
    (tmp_path / "draft.toml").write_text(draft)
    result = type_words(tmp_path / "parts", "--locate", tmp_path / "draft.toml")
    assert isinstance(result.exception, TeachError)
    assert problem in str(result.exception)
