"""The shelf of recipes: read once a version, never stale."""

from pathlib import Path

import pytest

from station.core.plugin import Site
from station.core.recipe import Recipe, read_recipe, write_recipe
from station.line.shelf import Shelf


def test_a_file_is_read_again_only_once_it_changed(
    tmp_path: Path, tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tiny.json"
    write_recipe(tiny_recipe, path)
    read: list[Path] = []

    def read_and_count(path: Path) -> Recipe:
        read.append(path)
        return read_recipe(path)

    monkeypatch.setattr("station.line.shelf.read_recipe", read_and_count)
    kept = Shelf((tmp_path,), Site(model_dirs=()))
    assert [kept.entries(), kept.entries()] == [kept.entries()] * 2
    assert len(read) == 1
    write_recipe(tiny_recipe.model_copy(update={"description": "another"}), path)
    assert [entry.description for entry in kept.entries()] == ["another"]
    path.unlink()
    assert kept.entries() == []


def test_a_broken_file_is_listed_with_its_problem(tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text("{")
    (entry,) = Shelf((tmp_path,), Site(model_dirs=())).entries()
    assert entry.recipe_id == "tiny"
    assert entry.problem
