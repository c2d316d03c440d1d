"""`locate`: found wherever it lies, however it is turned; never where it is not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from station.core.errors import PartAmbiguousError, PartNotFoundError
from station.core.frame import Frame, Image
from station.core.part import Found
from station.core.plugin import Site, Tool, parse
from station.core.pose import Pose
from station.core.result import Evaluation
from tests.shapes import SIZE, bracket

Look = Callable[..., Found]
SCENE = (640, 480)
CORNERS = np.array(((0, 0), (SIZE[0], 0), SIZE, (0, SIZE[1])), np.float64)


@pytest.fixture
def look(tiny_model_dir: Path) -> Look:
    """look(image, **settings): what a search for the bracket comes to."""

    def find(image: Image, **settings: Any) -> Found:
        entry = {"kind": "locate", "name": "where", "taught": "bracket/1", **settings}
        check = parse(Tool, entry).prepare(Site(model_dirs=(tiny_model_dir,)))
        assert check.find is not None
        stamp = datetime.now(UTC)
        return check.find(Frame(image=image, camera_id="c", sequence=1, acquired_at=stamp))

    return find


def off_px(found: Pose, true: Pose) -> float:
    """The furthest that a corner of the view lies off."""
    away = found.to_image(CORNERS) - true.to_image(CORNERS)
    return float(np.hypot(*away.T).max())


@pytest.mark.parametrize(
    "pose",
    [
        Pose(x=200.3, y=150.6),
        Pose(x=300.7, y=60.2, angle_deg=37.3, scale=0.85),
        Pose(x=420.1, y=330.5, angle_deg=-163.4, scale=1.17),
        Pose(x=330.0, y=400.0, angle_deg=-90.0, scale=1.0),
    ],
)
def test_found_to_a_fraction_of_a_pixel(look: Look, pose: Pose) -> None:
    found = look(bracket(pose, SCENE, noise=4))
    assert found.problem is None
    (part,) = found.parts
    assert off_px(part.pose, pose) < 0.2
    assert part.finding.evaluation is Evaluation.OK
    assert part.finding.measured["angle_deg"] == pytest.approx(pose.angle_deg, abs=0.05)
    json.dumps(dict(part.finding.measured))


def test_nothing_is_found_in_noise_dark_or_even_pictures(look: Look) -> None:
    rng = np.random.default_rng(1)
    for image in (
        np.zeros((480, 640), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        rng.integers(0, 256, (480, 640), np.uint8),
        rng.normal(128, 8, (480, 640)).astype(np.uint8),
        np.zeros((1, 1), np.uint8),
    ):
        found = look(image)
        assert isinstance(found.problem, PartNotFoundError)
        assert not found.parts


def test_two_where_one_may_be_is_ambiguous(look: Look) -> None:
    scene = bracket(Pose(x=330, y=250, angle_deg=20), SCENE, onto=bracket(Pose(x=20, y=30), SCENE))
    found = look(scene)
    assert isinstance(found.problem, PartAmbiguousError)
    both = look(scene, parts_at_most=2)
    assert both.problem is None
    assert [round(part.pose.angle_deg) for part in both.parts] == [0, 20]
    assert isinstance(look(scene, parts_at_most=5, parts_at_least=3).problem, PartNotFoundError)
