"""`station recipe`: made, checked, shown, compared; nothing unusable is ever written."""

import json
from pathlib import Path
from typing import Any

import pytest

from station.core.recipe import read_recipe
from tests.cli.conftest import RunStation


@pytest.fixture
def tile(station: RunStation, station_home: Path) -> Path:
    """A recipe `tile` around the tiny model."""
    made = station("recipe", "new", "tile", "--model", "bright", "--product", "tile")
    assert made.code == 0
    return station_home / "recipes" / "tile.json"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_new_pins_the_model_and_writes_the_limits_out(tile: Path) -> None:
    recipe = read_recipe(tile)
    (tool,) = recipe.tools
    entry = tool.as_entry()
    assert (recipe.recipe_id, recipe.version, recipe.product_id) == ("tile", 1, "tile")
    assert (entry["kind"], entry["name"], entry["model"]) == ("classify", "surface", "bright/1")
    assert len(entry["model_sha256"]) == 64
    assert (entry["accept_limit"], entry["reject_limit"]) == (0.3, 0.7)
    assert [reason.code for reason in recipe.reasons] == ["glare"]


def test_new_takes_region_and_limits(station: RunStation, station_home: Path) -> None:
    out = station_home / "elsewhere.json"
    options = ("--region", "1,2,30,40", "--accept", 0.1, "--reject", 0.9, "--out", out)
    assert station("recipe", "new", "tile", "--model", "bright/1", *options).code == 0
    entry = read_recipe(out).tools[0].as_entry()
    assert (entry["accept_limit"], entry["reject_limit"]) == (0.1, 0.9)
    assert [entry["region"][side] for side in ("x", "y", "width", "height")] == [1, 2, 30, 40]


def test_the_next_version_keeps_the_one_before(station: RunStation, tile: Path) -> None:
    before = read_recipe(tile)
    ended = station("recipe", "new", "--from", "tile", "--set", "tools.surface.accept_limit=0.1")
    assert ended.code == 0
    after = read_recipe(tile)
    assert (after.version, after.tools[0].as_entry()["accept_limit"]) == (2, 0.1)
    assert read_recipe(tile.parent / "earlier" / "tile.v1.json").hash == before.hash
    said = station("recipe", "diff", tile.parent / "earlier" / "tile.v1.json", "tile").out
    assert "tool surface, accept_limit: 0.3 before, 0.1 now" in said
    assert "version: 1 before, 2 now" in said


def test_a_hand_edited_recipe_is_refused_until_it_is_taken_over(
    station: RunStation, tile: Path
) -> None:
    edit(tile, health={"mean_at_least": 20})
    refused = station("recipe", "check", "tile")
    assert refused.code == 2
    assert "--from" in refused.err
    assert "changed since the station wrote it" in station("recipe", "show", "tile").out
    assert station("recipe", "new", "--from", tile).code == 0
    assert station("recipe", "check", "tile").out.startswith("OK")
    assert read_recipe(tile).health.mean_at_least == 20


def test_another_name_begins_at_version_1(station: RunStation, tile: Path) -> None:
    assert station("recipe", "new", "tile-b", "--from", tile).code == 0
    recipe = read_recipe(tile.with_name("tile-b.json"))
    assert (recipe.recipe_id, recipe.version) == ("tile-b", 1)


def test_a_changed_model_brings_its_hash_along(
    station: RunStation, tile: Path, station_home: Path
) -> None:
    folder = station_home / "models" / "bright"
    second = folder / "2"
    second.mkdir()
    (second / "model.onnx").write_bytes((folder / "1" / "model.onnx").read_bytes())
    card = json.loads((folder / "1" / "card.json").read_text())
    (second / "card.json").write_text(json.dumps({**card, "version": 2}))
    assert (
        station("recipe", "new", "--from", "tile", "--set", "tools.surface.model=bright").code == 0
    )
    entry = read_recipe(tile).tools[0].as_entry()
    assert (entry["model"], entry["model_sha256"]) == ("bright/2", card["sha256"])


def test_check_and_show_name_models_and_hash(station: RunStation, tile: Path) -> None:
    recipe = read_recipe(tile)
    checked = station("recipe", "check", tile)
    assert recipe.hash in checked.out
    assert "bright/1" in checked.out
    shown = station("recipe", "show", "tile").out
    assert "glare" in shown
    assert "classify" in shown


def test_check_says_when_the_model_is_another(
    station: RunStation, tile: Path, station_home: Path
) -> None:
    (station_home / "models" / "bright" / "1" / "model.onnx").write_bytes(b"something else")
    ended = station("recipe", "check", tile)
    assert ended.code == 2
    assert "sha256" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "nope"), "nope"),
        (("new",), "--model"),
        (("new", "tile", "--model", "bright"), "--from"),
        (("new", "b", "--model", "nope"), "bright/1"),
        (("new", "B b", "--model", "bright"), "recipe_id"),
        (("new", "b", "--model", "bright", "--accept", "0.9"), "accept_limit"),
        (("new", "b", "--model", "bright", "--region", "1,2,3"), "x,y,w,h"),
        (("new", "b", "--model", "bright", "--region", "1,2,0,3"), "x,y,w,h"),
        (("new", "b", "--model", "bright", "--set", "a=b"), "--from"),
        (("new", "--from", "tile", "--accept", "0.2"), "--set"),
        (("new", "--from", "tile", "--set", "health"), "path=value"),
        (("new", "--from", "tile", "--set", "version=9"), "version"),
        (("new", "--from", "tile", "--set", "tools.x.model=a"), "surface"),
        (("new", "--from", "tile", "--set", "tools.surface.acept_limit=0"), "accept_limit"),
        (("new", "--from", "tile", "--set", "tools.surface.accept_limit=0.8"), "reject_limit"),
        (("new", "--from", "tile", "--set", "reasons.glare.code=misc"), "misc"),
        (("new", "--from", "tile", "--set", "reasons.glare.code=scratch"), "glare"),
        (("diff", "tile", "nope"), "nope"),
    ],
)
def test_what_cannot_be_ends_with_2_and_changes_nothing(
    station: RunStation, tile: Path, arguments: tuple[str, ...], said: str
) -> None:
    before = tile.read_bytes()
    ended = station("recipe", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert tile.read_bytes() == before
    assert [path.name for path in tile.parent.iterdir()] == ["tile.json"]
