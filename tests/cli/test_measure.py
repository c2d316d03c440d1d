"""`station measure repeatability`: a table, what to put into the recipe, and JSON."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.benchmarks.tools.rings import Light, draw, ring
from tests.cli.conftest import RunStation

DRAFT = """
[[tools]]
kind = "measure"
name = "size"
[tools.features.hole]
kind = "circle"
centre = [60, 50]
radius_px = 30
reach_px = 10
[tools.measurements.hole_diameter]
size = "diameter"
of = ["hole"]
unit = "px"
nominal = 60
tolerance_minus = 1
tolerance_plus = 1
"""


@pytest.fixture
def pictures(station_home: Path) -> Path:
    """Twelve pictures of one part, laid in anew each time."""
    folder = station_home / "again"
    folder.mkdir()
    light = Light(ground=180, part=60, blur_px=1, noise_grey=3)
    for number in range(12):
        rng = np.random.default_rng(number)
        x, y = rng.uniform(-1, 1, 2)
        image = draw((120, 100), ring((60 + x, 50 + y), 30.1, 0), light, rng)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    (station_home / "size.toml").write_text(DRAFT)
    return folder


def test_a_study_from_draft_to_recipe(station: RunStation, pictures: Path) -> None:
    assert station("recipe", "new", "size", "--from", "size.toml").code == 0
    ended = station(
        "measure", "repeatability", "size", pictures, "--reference", "hole_diameter=60.2", "--json"
    )
    assert ended.code == 0, ended.err
    (study,) = ended.last["studies"]
    assert (study["name"], study["n"], study["missing"]) == ("hole_diameter", 12, 0)
    assert abs(study["bias"]) < 0.03
    assert 0 < study["s"] < study["s_upper_95"] < 0.1
    assert study["is_capable"] is True
    words = " ".join(ended.out.split())
    assert "hole_diameter" in words
    assert "capable" in words
    edit = next(line for line in ended.out.splitlines() if "--set" in line).split("--set ")[1]
    again = station("recipe", "new", "--from", "size", "--set", edit)
    assert again.code == 0, again.err


def test_bad_usage_is_told(station: RunStation, pictures: Path) -> None:
    station("recipe", "new", "size", "--from", "size.toml")
    for arguments, message in (
        ((pictures / "nowhere",), "no pictures"),
        ((pictures, "--reference", "hole_diameter"), "NAME=VALUE"),
        ((pictures, "--reference", "bore=1"), "nothing is called bore"),
    ):
        ended = station("measure", "repeatability", "size", *arguments)
        assert ended.code == 2
        assert message in ended.err
