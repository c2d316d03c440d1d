"""`station recipe new --from draft.toml`: what a person writes becomes a sealed recipe."""

from pathlib import Path

import pytest

from station.core.configuration import Configuration, Plane, keep_configuration
from station.core.recipe import read_recipe
from tests.cli.conftest import RunStation

DRAFT = """
product_id = "tile"
description = "two looks"

[[tools]]
kind = "classify"
name = "surface"
model = "bright"

[[tools]]
kind = "anomaly"
name = "odd"
model = "odd"
region = { x = 1, y = 2, width = 30, height = 40 }

[[reasons]]
code = "glare"
text = "too shiny"
severity = "minor"

[health]
mean_at_least = 10
"""


IN_MM = """
[[tools]]
kind = "measure"
name = "size"
features.pair = { kind = "pair", start = [0, 10], end = [60, 10] }
measurements.width = { size = "width", of = ["pair"], unit = "mm", tolerance_plus = 1.0 }
"""


def test_a_recipe_in_mm_is_made_for_the_camera_that_has_a_scale(
    station: RunStation, station_home: Path
) -> None:
    plane = Plane(homography=(0.1, 0, 0, 0, 0.1, 0, 0, 0, 1), error_mm=0.001)
    cam7 = Configuration(camera_id="cam7", image_size_px=(64, 48), plane=plane)
    keep_configuration(cam7, station_home / "calibration")
    draft = station_home / "mm.toml"
    draft.write_text(IN_MM)
    refused = station("recipe", "new", "--from", draft)
    assert refused.code == 2
    assert "there are calibrations of cam7: say --camera ID" in refused.err
    assert station("recipe", "new", "--from", draft, "--camera", "cam7").code == 0
    assert station("recipe", "check", "mm", "--camera", "cam7").code == 0
    assert station("recipe", "check", "mm").code == 2


def test_a_draft_becomes_a_recipe_with_pins_and_reasons(
    station: RunStation, station_home: Path
) -> None:
    draft = station_home / "tile.toml"
    draft.write_text(DRAFT)
    ended = station("recipe", "new", "--from", draft)
    assert ended.code == 0, ended
    recipe = read_recipe(station_home / "recipes" / "tile.json")
    assert (recipe.recipe_id, recipe.version, recipe.product_id) == ("tile", 1, "tile")
    assert [(r.code, r.text, r.severity) for r in recipe.reasons] == [
        ("glare", "too shiny", "minor"),
        ("anomaly", "anomaly", "major"),
    ]
    surface, odd = (tool.as_entry() for tool in recipe.tools)
    assert (surface["model"], len(surface["model_sha256"])) == ("bright/1", 64)
    assert (odd["model"], len(odd["card_hash"]), odd["region"]["width"]) == ("odd/1", 64, 30)
    assert recipe.health.mean_at_least == 10
    again = station("recipe", "new", "--from", draft)
    assert (again.code, read_recipe(station_home / "recipes" / "tile.json").version) == (0, 2)
    assert station("recipe", "check", "tile").code == 0


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        ("tools = 3", "needs tools"),
        ("version = 3", "version is not for a draft"),
        ("[[tools]\n", "no TOML"),
        ('[[tools]]\nkind = "classify"\nname = "s"\nmodel = "brigt"', "no model 'brigt'"),
        ('[[tools]]\nkind = "clasify"\nname = "s"', "did you mean 'classify'"),
        ('[[tools]]\nkind = "classify"\nmodel = "bright"', "tool number 1: tool 'classify': name"),
        (DRAFT.replace('"odd"', '"surface"', 1), "recipe: tool surface stands twice; rename one"),
        (
            '[[tools]]\nkind = "classify"\nname = "s"\nmodel = "bright"\nlimit = 1',
            "limit is not a setting",
        ),
        (DRAFT + '\n[[reasons]]\ncode = "other"\ntext = "x"', "nobody can act on it"),
        (DRAFT.replace('product_id = "tile"', "product_id = 3"), "product_id"),
    ],
)
def test_a_draft_that_will_not_do_says_why_and_writes_nothing(
    station: RunStation, station_home: Path, draft: str, words: str
) -> None:
    path = station_home / "tile.toml"
    path.write_text(draft)
    ended = station("recipe", "new", "--from", path)
    assert ended.code == 2
    assert words in " ".join((ended.out + ended.err).split())
    assert not (station_home / "recipes").exists()
