"""The label's recipe on its sample pictures: each has the verdict and the reason of its truth."""

import json
from datetime import UTC, datetime

import pytest

from station.core.errors import RecipeError
from station.core.frame import Frame, Job
from station.core.plugin import Site
from station.core.recipe import PreparedRecipe, Recipe, prepare, read_recipe
from station.core.result import Result
from station.inspection import inspect
from station.vision.images import read_image
from tests.golden.acceptance import ROOT

FOLDER = ROOT / "sample_images" / "label"
TRUTH = json.loads((FOLDER / "truth.json").read_bytes())
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(FOLDER / "recipe.json")


@pytest.fixture(scope="module")
def prepared(recipe: Recipe) -> PreparedRecipe:
    return prepare(recipe, Site(model_dirs=()))


def judge(file: str, prepared: PreparedRecipe, acquired_at: datetime = NOW) -> Result:
    frame = Frame(
        image=read_image(FOLDER / file), camera_id="c", sequence=1, acquired_at=acquired_at
    )
    return inspect(frame, prepared, Job())


@pytest.mark.parametrize("file", TRUTH)
def test_every_picture_has_its_verdict_and_its_reason(file: str, prepared: PreparedRecipe) -> None:
    result = judge(file, prepared)
    truth = TRUTH[file]["truth"]
    assert result.passed is (truth == "ok"), result.reason_text
    assert result.reason_code == (None if truth == "ok" else truth)


def test_what_is_read_is_what_is_printed(prepared: PreparedRecipe) -> None:
    for file in (file for file in TRUTH if "/text_mismatch/" in file or file.startswith("ok/")):
        said = {
            name: value
            for finding in judge(file, prepared).findings
            if finding.tool == "print"
            for name, value in finding.read.items()
        }
        year, month, day = TRUTH[file]["expiry"].split("-")
        assert said == {"lot": TRUTH[file]["lot"], "expiry": f"{day}.{month}.{year}"}


def test_a_good_label_expires_one_day(prepared: PreparedRecipe) -> None:
    file = next(iter(TRUTH))
    last = datetime.fromisoformat(TRUTH[file]["expiry"]).replace(tzinfo=UTC)
    assert judge(file, prepared, last).passed
    late = judge(file, prepared, last.replace(year=last.year + 1))
    assert (late.passed, late.reason_code) == (False, "date_expired")


def test_print_cannot_be_compared_with_a_code_read_after_it(recipe: Recipe) -> None:
    """Tools run in order: what the code says must be read first."""
    turned = recipe.model_copy(update={"tools": tuple(reversed(recipe.tools))})
    with pytest.raises(RecipeError, match="put that tool first"):
        prepare(turned, Site(model_dirs=()))


def test_the_draft_is_what_the_recipe_was_made_of(recipe: Recipe) -> None:
    draft = (FOLDER / "recipe.toml").read_text()
    for tool in recipe.tools:
        assert f'name = "{tool.name}"' in draft
    assert "model_sha256" in recipe.tools[1].as_entry()
