"""The tutorial's drafts (sample_images/README.md) do what it says, on some of the pictures."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import RunStation

SAMPLES = Path(__file__).parents[2] / "sample_images"


def reasons(home: Path) -> dict[str, str | None]:
    lines = (home / "o" / "results.jsonl").read_text().splitlines()
    return {record["origin"]: record["reason_code"] for record in map(json.loads, lines)}


def some_of(product: str, names: tuple[str, ...], home: Path) -> Path:
    for name in names:
        copy = home / "some" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / product / name, copy)
    return home / "some"


@pytest.mark.parametrize(
    ("product", "teach", "draft", "wanted"),
    [
        (
            "cap",
            "colour sample/ok --name cap_liner --locate sample/liner.toml --region 110,110,160,160",
            "liner.toml",
            {
                "ok/cap_03.jpg": None,
                "not_ok/discolouration/cap_30.jpg": "discolouration",
                "not_ok/missing_liner/cap_35.jpg": "missing_liner",
            },
        ),
        (
            "board",
            "compare sample/ok --name board_whole --locate board_locate",
            "compare.toml",
            {
                "ok/board_03.jpg": None,
                "not_ok/missing_component/board_10.jpg": "material_missing",
            },
        ),
        ("ring", "", "measure.toml", {"ok/ring_00.jpg": None, "ok/ring_01.jpg": None}),
    ],
)
def test_a_draft_of_the_tutorial(
    station: RunStation,
    station_home: Path,
    product: str,
    teach: str,
    draft: str,
    wanted: dict[str, str | None],
) -> None:
    sample = SAMPLES / product
    if teach:
        assert station("teach", *teach.replace("sample/", f"{sample}/").split()).code == 0
    made = station("recipe", "new", "tutorial", "--from", sample / draft)
    assert made.code == 0, made
    pictures = some_of(product, tuple(wanted), station_home)
    ended = station("inspect", pictures, "--recipe", "tutorial", "--out", "o")
    assert ended.code in (0, 1), ended
    assert reasons(station_home) == wanted
