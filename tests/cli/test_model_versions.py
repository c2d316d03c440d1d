"""`station model diff|rollback|list` as typed: what changed, and back without losing a version."""

import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

from station.cli.home import home as station_home_folder
from station.core.recipe import Recipe, write_recipe
from station.tools.plain import plain_recipe
from station.vision.card import ModelCard, find_model, read_card, write_model
from station.vision.model import sha256_of
from tests.cli.conftest import RunStation
from tests.conftest import bright_card, bright_graph

FIGURES = {"accuracy": {"count": 90, "total": 100, "share": 0.9, "interval_95": [0.82, 0.95]}}


def keep_version(home: Path, version: int, **changes: Any) -> ModelCard:
    """`bright/<version>`, another graph each time, with facts of its teaching."""
    graph: onnx.ModelProto = bright_graph()
    graph.doc_string = f"version {version}"
    data = graph.SerializeToString()
    card = bright_card(data).model_copy(
        update={"version": version, "sha256": sha256_of(data), **changes}
    )
    folder = home / "models" / "bright" / str(version)
    shutil.rmtree(folder, ignore_errors=True)
    write_model(folder, card, data)
    return card


@pytest.fixture
def versions(station_home: Path) -> Path:
    """Two versions, the second with other limits, more pictures and a worse figure."""
    first = {"pictures": {"ok": 20, "glare": 8}, "features": {"net": "ocr"}, "held_out": FIGURES}
    worse = {"accuracy": {"count": 80, "total": 100, "share": 0.8, "interval_95": [0.71, 0.87]}}
    second = {"pictures": {"ok": 50, "glare": 8}, "features": {"net": "own"}, "held_out": worse}
    keep_version(station_home, 1, training=first)
    limits = bright_card(b"").limits
    assert limits
    looser = limits.model_copy(update={"accept_limit": 0.4})
    keep_version(station_home, 2, training=second, limits=looser)
    return station_home


def recipe_for(reference: str, home: Path) -> Recipe:
    """The plain recipe of one version, kept in ./recipes."""
    card = read_card(find_model(reference, (home / "models",)))
    recipe = plain_recipe(card, recipe_id="line_1")
    write_recipe(recipe, station_home_folder() / "recipes" / "line_1.json")
    return recipe


@pytest.mark.usefixtures("versions")
def test_diff_says_in_words_what_changed(station: RunStation, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    ended = station("model", "diff", "bright/1", "bright/2")
    assert ended.code == 0, ended.err
    lines = {line.split("│")[1].strip(): line for line in ended.out.splitlines() if "│" in line}
    assert "more parts pass" in lines["accept limit"]
    assert "20" in lines["pictures.ok"]
    assert "+30" in lines["pictures.ok"]
    assert "changed" in lines["features.net"]
    assert "80 of 100" in lines["held_out.accuracy"]
    assert "-10.0 points, worse" in lines["held_out.accuracy"]
    assert "reject limit" in ended.out.splitlines()[-1] or "reject limit" in ended.out
    assert "pictures.glare" not in lines


@pytest.mark.usefixtures("versions")
def test_diff_of_one_name_is_the_newest_against_the_one_before(station: RunStation) -> None:
    told = station("model", "diff", "bright", "--json").last
    assert (told["before"], told["after"]) == ("bright/1", "bright/2")
    changed = {entry["what"]: entry for entry in told["differences"]}
    assert changed["accept limit"]["before"] == "0.3"
    assert changed["accept limit"]["after"] == "0.4"
    everything = station("model", "diff", "bright", "--json", "--all").last["differences"]
    assert {"size in MB", "ms a picture here", "reject limit"} <= {
        entry["what"] for entry in everything
    }


def test_rollback_copies_the_version_before_and_deletes_nothing(
    station: RunStation, versions: Path
) -> None:
    (versions / "models" / "bright" / "1" / "certificate.json").write_text("{}")
    ended = station("model", "rollback", "bright")
    assert ended.code == 0, ended.err
    assert "bright/3 is now the newest: a copy of bright/1" in ended.out
    folder = versions / "models" / "bright"
    first, second, third = (read_card(folder / str(version)) for version in (1, 2, 3))
    assert (first.version, second.version, third.version) == (1, 2, 3)
    assert third.sha256 == first.sha256
    assert third.limits == first.limits
    assert third.training["copy_of"] == "bright/1"
    assert third.training["rolled_back_from"] == "bright/2"
    assert (folder / "3" / "certificate.json").read_text() == "{}"
    assert find_model("bright", (versions / "models",)).name == "3"
    assert station("model", "check", "bright").code == 0


def test_rollback_to_a_named_version_and_what_it_refuses(
    station: RunStation, versions: Path
) -> None:
    keep_version(versions, 3)
    assert station("model", "rollback", "bright", "--to", "2").code == 0
    again = station("model", "rollback", "bright")
    assert again.code == 2
    assert "--to" in again.err
    assert "copy of bright/2" in again.err
    assert "no version 9 (there is: 1, 2, 3, 4)" in station(
        "model", "rollback", "bright", "--to", "9"
    ).err  # fmt: skip
    assert "nothing to go back to" in station("model", "rollback", "bright", "--to", "4").err
    assert "no model" in station("model", "rollback", "nothing").err
    assert "first version" in station("model", "rollback", "odd").err
    assert sorted(path.name for path in (versions / "models" / "bright").iterdir()) == [*"1234"]


def test_a_broken_version_is_not_made_the_newest(station: RunStation, versions: Path) -> None:
    model = versions / "models" / "bright" / "1" / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    assert station("model", "rollback", "bright").code == 2
    assert not (versions / "models" / "bright" / "3").exists()


def test_rollback_names_the_recipes_and_a_pinned_one_stays_as_it_is(
    station: RunStation, versions: Path
) -> None:
    recipe_for("bright/2", versions)
    path = versions / "recipes" / "line_1.json"
    before = path.read_bytes()
    (versions / "recipes" / "broken.json").write_text("{")
    ended = station("model", "rollback", "bright")
    assert ended.code == 0, ended.err
    assert "recipes/line_1.json: names bright/2 and goes on with it" in ended.out
    assert "recipes/broken.json cannot be read" in ended.out
    assert path.read_bytes() == before
    command = next(line for line in ended.out.splitlines() if "station recipe new" in line)
    renewed = station(*command.partition("station ")[2].split())
    assert renewed.code == 0, renewed.err
    assert b"bright/3" in path.read_bytes()


@pytest.mark.usefixtures("versions")
def test_list_marks_the_newest_and_copies(station: RunStation, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert station("model", "rollback", "bright").code == 0
    rows = {
        line.split("│")[1].strip(): line
        for line in station("model", "list").out.splitlines()
        if "│" in line
    }
    assert "newest, copy of bright/1" in rows["bright/3"]
    assert "newest" not in rows["bright/2"]
    assert "newest" not in rows["odd/1"]
