"""`locate`: found wherever it lies, however it is turned; never where it is not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from station.core.errors import (
    ModelError,
    PartAmbiguousError,
    PartNotFoundError,
    SettingsError,
)
from station.core.frame import Frame, Image
from station.core.part import Found
from station.core.plugin import Site, Tool, parse
from station.core.pose import Pose
from station.core.result import Evaluation
from station.teach.keep import keep_taught
from station.vision.taught import load_taught
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


def score_of(found: Found) -> float:
    score = found.parts[0].finding.score
    assert score is not None
    return score


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


def test_a_part_partly_hidden_or_dark_is_found_in_its_place(look: Look) -> None:
    pose = Pose(x=220.4, y=140.3, angle_deg=-58)
    scene = bracket(pose, SCENE, noise=2)
    hidden = scene.copy()
    corner = pose.to_image(np.array((30.0, 100.0)))
    x, y = (round(float(value)) for value in corner)
    hidden[y - 28 : y + 28, x - 28 : x + 28] = 130
    dark = (scene // 3).astype(np.uint8)
    for image in (hidden, dark):
        found = look(image)
        assert found.problem is None
        assert off_px(found.parts[0].pose, pose) < 0.5
    assert score_of(look(hidden)) > score_of(look(scene)) + 0.05


def test_before_another_background_it_is_the_same_part(look: Look) -> None:
    pose = Pose(x=220.4, y=140.3, angle_deg=20)
    (part,) = look(bracket(pose, SCENE, onto=np.full((480, 640), 230, np.uint8))).parts
    assert off_px(part.pose, pose) < 0.2


def test_what_reaches_out_of_the_image_counts_as_not_seen(look: Look) -> None:
    pose = Pose(x=-30, y=140, angle_deg=0)
    found = look(bracket(pose, SCENE))
    assert found.problem is None
    (part,) = found.parts
    assert off_px(part.pose, pose) < 0.3
    assert score_of(found) > 0.1
    gone = look(bracket(Pose(x=-120, y=140), SCENE))
    assert isinstance(gone.problem, PartNotFoundError)
    assert not gone.parts


def test_a_weak_match_is_for_a_person(look: Look) -> None:
    pose = Pose(x=-30, y=140)
    score = score_of(look(bracket(pose, SCENE)))
    found = look(bracket(pose, SCENE), accept_limit=score - 0.02, reject_limit=score + 0.02)
    (part,) = found.parts
    assert part.finding.evaluation is Evaluation.NOT_DECIDABLE
    assert part.finding.reason_code == "part_unclear"
    lost = look(bracket(pose, SCENE), accept_limit=score - 0.04, reject_limit=score - 0.02)
    assert isinstance(lost.problem, PartNotFoundError)
    assert "the nearest match has" in str(lost.problem)


def test_a_mirrored_part_is_another_one(look: Look) -> None:
    mirrored = np.ascontiguousarray(bracket(Pose(x=200, y=150), SCENE)[:, ::-1])
    assert isinstance(look(mirrored).problem, PartNotFoundError)


def test_only_turns_sizes_and_places_that_are_asked_for(look: Look) -> None:
    scene = bracket(Pose(x=300, y=150, angle_deg=60), SCENE)
    assert look(scene, angle_range_deg=(40, 80)).problem is None
    assert isinstance(look(scene, angle_range_deg=(-30, 30)).problem, PartNotFoundError)
    small = bracket(Pose(x=300, y=150, scale=0.8), SCENE)
    assert isinstance(look(small, scale_range=(0.95, 1.05)).problem, PartNotFoundError)
    region = {"x": 150, "y": 100, "width": 400, "height": 300}
    (part,) = look(scene, region=region).parts
    assert off_px(part.pose, Pose(x=300, y=150, angle_deg=60)) < 0.2
    elsewhere = {"x": 0, "y": 0, "width": 200, "height": 140}
    assert isinstance(look(scene, region=elsewhere).problem, PartNotFoundError)


def test_parts_come_in_reading_order(look: Look) -> None:
    scene = bracket(Pose(x=380, y=20, angle_deg=10), SCENE)
    for pose in (Pose(x=40, y=35, angle_deg=-5), Pose(x=200, y=280)):
        scene = bracket(pose, SCENE, onto=scene)
    found = look(scene, parts_at_least=3, parts_at_most=3)
    assert found.problem is None
    assert [round(part.pose.x, -1) for part in found.parts] == [40, 380, 200]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"scale_range": (1.2, 0.8)}, "scale_range"),
        ({"angle_range_deg": (10, -10)}, "angle_range_deg"),
        ({"parts_at_least": 3}, "parts_at_least"),
        ({"accept_limit": 0.5, "reject_limit": 0.4}, "accept_limit"),
        ({"region": {"x": 0, "y": 0, "width": 9, "height": 9, "angle_deg": 5}}, "upright"),
    ],
)
def test_settings_that_contradict_are_refused(
    look: Look, settings: dict[str, Any], match: str
) -> None:
    with pytest.raises(SettingsError, match=match):
        look(bracket(), **settings)


@pytest.mark.parametrize("array", ["points_0", "normals_0", "centre"])
def test_arrays_that_hold_no_numbers_are_refused(
    tiny_model_dir: Path, tmp_path: Path, array: str
) -> None:
    known = load_taught("bracket/1", [tiny_model_dir], task="locate")
    broken = {
        name: kept.astype(np.float64) * np.nan if name == array else kept
        for name, kept in known.arrays.items()
    }
    keep_taught([tmp_path], "nan", "locate", broken, settings=known.card.settings)
    tool = parse(Tool, {"kind": "locate", "name": "where", "taught": "nan"})
    with pytest.raises(ModelError, match="teach it again"):
        tool.prepare(Site(model_dirs=(tmp_path,)))
