"""Which values the job of each picture of a batch carries."""

from pathlib import Path

import pytest

from station.core.errors import SettingsError
from station.line.batch_pictures import find_batch


def values_of(folder: Path, **for_all: str) -> dict[str, dict[str, str]]:
    _, pictures = find_batch([folder], values=for_all)
    return {picture.origin: dict(picture.values) for picture in pictures}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "more/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_without_a_table_every_picture_has_what_is_said_for_all(folder: Path) -> None:
    assert values_of(folder) == {"a.png": {}, "b.png": {}, "more/a.png": {}}
    assert values_of(folder, lot="A1")["more/a.png"] == {"lot": "A1"}


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_row_goes_over_what_is_said_for_all(folder: Path, separator: str) -> None:
    rows = ("file,lot,serial", 'b.png,B2,"7 8"', "a.png,,000")
    (folder / "values.csv").write_text("\ufeff" + "\r\n".join(rows).replace(",", separator))
    assert values_of(folder, lot="A1") == {
        "a.png": {"lot": "A1", "serial": "000"},
        "b.png": {"lot": "B2", "serial": "7 8"},
        "more/a.png": {"lot": "A1"},  # its folder has no table of its own
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column 'file'"),
        ("name,lot\na.png,A1\n", "column 'file'"),
        ("file,lot,lot\na.png,A1,B1\n", "none of them twice"),
        ("file,lot\na.png\n", "line 2 has not as many cells"),
        ("file,lot\na.png,A1,B1\n", "line 2 has not as many cells"),
        ("file,lot\na.png,A1\na.png,A2\n", "line 3: there is a row for 'a.png' already"),
        ("file,lot\nc.png,A1\n", "line 2: there is no picture 'c.png'"),
        ("file,Lot\na.png,A1\n", "line 2: value name 'Lot'"),
    ],
)
def test_a_table_that_is_wrong_is_refused(folder: Path, text: str, said: str) -> None:
    (folder / "values.csv").write_text(text)
    with pytest.raises(SettingsError, match=said):
        values_of(folder)
