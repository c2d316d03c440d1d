"""`station recipe teach-health`: bands from good pictures into the recipe's next version."""

from pathlib import Path

import cv2
import pytest

from station.core.recipe import read_recipe
from tests.cli.conftest import RunStation
from tests.vision.test_health import scene


@pytest.fixture
def good(station_home: Path) -> Path:
    folder = station_home / "shift" / "ok"
    folder.mkdir(parents=True)
    for seed in range(8):
        cv2.imwrite(str(folder / f"{seed}.png"), scene(seed))
    (folder.parent / "not_ok").mkdir()
    cv2.imwrite(str(folder.parent / "not_ok" / "dark.png"), scene(9, gain=0.2))
    return folder.parent


def test_the_command_writes_the_next_version_and_shows_every_band(
    station: RunStation, station_home: Path, good: Path
) -> None:
    station("recipe", "new", "tile", "--model", "bright")
    ended = station("recipe", "teach-health", "tile", good)
    assert ended.code == 0
    for words in ("sharpness", "300 x 240", "held out: 0 of 8", "version 2"):
        assert words in ended.out
    recipe = read_recipe(station_home / "recipes" / "tile.json")
    assert (recipe.version, recipe.health.width_px) == (2, 300)
    assert recipe.health.sharpness_at_least is not None
    assert (station_home / "recipes" / "earlier" / "tile.v1.json").is_file()
    assert "sharpness from" in " ".join(station("recipe", "show", "tile").out.split())
    assert station("recipe", "teach-health", "tile", good / "nowhere").code == 2
