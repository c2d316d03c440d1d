"""Recipes are sealed, readable, and refuse what nobody could act on."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from station.core.errors import RecipeError, SettingsError
from station.core.plugin import Site, Tool, parse
from station.core.qualification import Qualification, sealed
from station.core.reasons import Reason, check_reason_code
from station.core.recipe import (
    PreparedRecipe,
    Recipe,
    carry_qualification,
    new_recipe,
    prepare,
    read_recipe,
    write_recipe,
)
from station.tools.classify import Classify


def test_a_recipe_comes_back_as_it_was_written(tiny_recipe: Recipe, tmp_path: Path) -> None:
    write_recipe(tiny_recipe, tmp_path / "recipe.json")
    again = read_recipe(tmp_path / "recipe.json")
    assert again == tiny_recipe
    assert again.hash == tiny_recipe.hash


def test_a_recipe_changed_by_hand_is_refused(tiny_recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    write_recipe(tiny_recipe, path)
    content = json.loads(path.read_text())
    content["tools"][0]["accept_limit"] = 0.99
    path.write_text(json.dumps(content))
    with pytest.raises(RecipeError, match="was changed since the station wrote it"):
        read_recipe(path)


def test_what_changes_no_answer_changes_no_hash(tiny_recipe: Recipe) -> None:
    renamed = tiny_recipe.model_copy(update={"description": "another text"})
    stricter = tiny_recipe.model_copy(update={"version": 2})
    assert renamed.hash == tiny_recipe.hash
    assert stricter.hash != tiny_recipe.hash


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"recipe_id": "x"}'])
def test_a_broken_file_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(RecipeError, match=r"broken\.json"):
        read_recipe(path)


def test_a_misspelt_setting_is_refused_with_a_hint() -> None:
    with pytest.raises(SettingsError, match="did you mean 'accept_limit'"):
        parse(Tool, {"kind": "classify", "name": "x", "model": "m/1", "acept_limit": 0.1})


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(SettingsError, match="did you mean 'classify'"):
        parse(Tool, {"kind": "clasify", "name": "x"})


def reading(name: str, value: str) -> Tool:
    settings = {"kind": "read_code", "symbologies": ["qr_code"], "expected_values": [value]}
    return parse(Tool, {**settings, "name": name})


def test_no_tool_can_say_what_the_job_says() -> None:
    """Called `job`, it would read `job.lot` on the part and be compared with itself."""
    with pytest.raises(RecipeError, match="what it reads would stand for what the job says"):
        new_recipe("x", (reading("job", "job.lot"),), ())


@pytest.mark.parametrize("value", ["cod.10", "first.text", "second.text"])
def test_what_no_earlier_tool_reads_cannot_be_compared_with(value: str) -> None:
    tools = reading("first", value), reading("second", "first.text")
    codes = ("code_missing", "code_unreadable", "code_wrong", "code_poor")
    recipe = new_recipe("x", tools, tuple(Reason(code=code, text=code) for code in codes))
    with pytest.raises(RecipeError, match=f"'first' compares with '{value}'"):
        prepare(recipe, Site(model_dirs=()))


def test_two_tools_of_one_name_are_refused() -> None:
    twice = (Classify(name="a", model="m/1"), Classify(name="a", model="m/1"))
    with pytest.raises(RecipeError, match="tool a stands twice"):
        new_recipe("x", twice, ())


def test_a_reason_the_table_lacks_is_refused_before_the_first_part(tiny_model_dir: Path) -> None:
    recipe = new_recipe("x", (Classify(name="a", model="bright/1"),), ())
    with pytest.raises(RecipeError, match="glare"):
        prepare(recipe, Site(model_dirs=(tiny_model_dir,)))


@pytest.mark.parametrize("code", ["other", "Misc", "unknown", "", " "])
def test_vague_reason_codes_are_refused_with_the_reason_why(code: str) -> None:
    with pytest.raises(ValueError, match="nobody can act on it"):
        Reason(code=code, text="?")


@pytest.mark.parametrize("code", ["overrun", "late", "no_frame", "tool_error"])
def test_the_stations_own_codes_are_reserved(code: str) -> None:
    with pytest.raises(ValueError, match="reserved"):
        check_reason_code(code)


@pytest.mark.parametrize("code", ["scratch", "rolled-in_scale", "dent_2"])
def test_useful_codes_are_taken(code: str) -> None:
    assert check_reason_code(code) == code


def proof_for(recipe: Recipe, prepared_with: PreparedRecipe, **changed: Any) -> Qualification:
    fields = {
        "qualified_at": datetime(2025, 1, 1, tzinfo=UTC), "recipe_hash": recipe.hash,
        "models": prepared_with.models, "configuration_id": prepared_with.configuration_id,
        "software_version": "1", "pictures_sha256": "1" * 64, "record_sha256": "2" * 64,
        "n_good": 100, "n_bad": 300, "escapes": 0, "escape_upper_95": 0.00994, "overkills": 1,
        "overkill_upper_95": 0.047, "not_decidable": 0, "escape_at_most": 0.01,
    }  # fmt: skip
    return sealed(**{**fields, **changed})


def test_a_recipe_carries_its_qualification_and_keeps_its_hash(
    tiny_recipe: Recipe, tiny_prepared: PreparedRecipe, tiny_model_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.json"
    write_recipe(tiny_recipe, path)
    assert not tiny_prepared.is_qualified
    carry_qualification(path, proof_for(tiny_recipe, tiny_prepared))
    again = read_recipe(path)
    assert again.hash == tiny_recipe.hash
    assert prepare(again, Site(model_dirs=(tiny_model_dir,))).is_qualified
    write_recipe(again, path)
    assert read_recipe(path) == again


@pytest.mark.parametrize(
    "changed",
    [
        {"recipe_hash": "0" * 64},
        {"models": {"bright/1": "0" * 64}},
        {"models": {}},
        {"configuration_id": "another-lens"},
    ],
)
def test_a_qualification_of_anything_else_counts_as_none(
    tiny_recipe: Recipe,
    tiny_prepared: PreparedRecipe,
    tiny_model_dir: Path,
    changed: dict[str, Any],
) -> None:
    proof = proof_for(tiny_recipe, tiny_prepared, **changed)
    recipe = tiny_recipe.model_copy(update={"qualification": proof})
    assert not prepare(recipe, Site(model_dirs=(tiny_model_dir,))).is_qualified


def test_a_qualification_changed_by_hand_counts_as_none(
    tiny_recipe: Recipe, tiny_prepared: PreparedRecipe, tiny_model_dir: Path
) -> None:
    proof = proof_for(tiny_recipe, tiny_prepared).model_copy(update={"escapes": 9})
    recipe = tiny_recipe.model_copy(update={"qualification": proof})
    assert not prepare(recipe, Site(model_dirs=(tiny_model_dir,))).is_qualified


def test_a_qualification_that_misses_its_bound_is_none(
    tiny_recipe: Recipe, tiny_prepared: PreparedRecipe
) -> None:
    with pytest.raises(ValueError, match="not met"):
        proof_for(tiny_recipe, tiny_prepared, escape_upper_95=0.02)


def test_a_recipe_replaced_meanwhile_is_not_given_the_qualification(
    tiny_recipe: Recipe, tiny_prepared: PreparedRecipe, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.json"
    write_recipe(tiny_recipe.model_copy(update={"version": 2}), path)
    before = path.read_bytes()
    with pytest.raises(RecipeError, match="no longer the one that was qualified"):
        carry_qualification(path, proof_for(tiny_recipe, tiny_prepared))
    assert path.read_bytes() == before
