"""`locate_circle`, `locate_edges`, `locate_code`: a view follows what it was drawn beside."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp

from station.core.errors import PartAmbiguousError, PartNotFoundError, SettingsError
from station.core.frame import Frame, Image
from station.core.part import Found
from station.core.plugin import Site, Tool, parse
from station.core.pose import Pose
from station.core.region import Rectangle
from tests.shapes import bracket

VIEW = {"x": 20.0, "y": 10.0, "width": 200.0, "height": 140.0}
SCENE = (420, 340)
Look = Callable[..., Found]


def look(image: Image, kind: str, **settings: Any) -> Found:
    tool = parse(Tool, {"kind": kind, "name": "where", "view": VIEW, **settings})
    check = tool.prepare(Site(model_dirs=()))
    assert check.find is not None
    return check.find(Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC)))


def corner(pose: Pose) -> tuple[float, float]:
    return pose.x, pose.y


CIRCLES = {
    "circle": {"x": 170, "y": 65, "radius_px": 20},
    "second": {"x": 70, "y": 60, "radius_px": 14},
}
"""Two holes of the bracket, were its view to begin at (20, 10) of the reference picture."""


def test_a_circle_gives_the_place_and_a_second_one_the_angle() -> None:
    true = Pose(x=300.4, y=80.7, angle_deg=75)
    found = look(bracket(true, SCENE, noise=3), "locate_circle", **CIRCLES)
    assert found.problem is None
    (part,) = found.parts
    assert part.pose.angle_deg == pytest.approx(75, abs=0.1)
    assert corner(part.pose) == pytest.approx((300.4, 80.7), abs=0.3)
    straight = Pose(x=100.2, y=120.6)
    alone = look(bracket(straight, SCENE, noise=3), "locate_circle", circle=CIRCLES["circle"])
    assert corner(alone.parts[0].pose) == pytest.approx((100.2, 120.6), abs=0.2)


def test_no_circle_or_two_is_no_place() -> None:
    empty = np.full((340, 420), 90, np.uint8)
    circle = CIRCLES["circle"]
    assert isinstance(look(empty, "locate_circle", circle=circle).problem, PartNotFoundError)
    first = bracket(Pose(x=10, y=10), SCENE)
    both = bracket(Pose(x=200, y=180), SCENE, onto=first)
    assert isinstance(look(both, "locate_circle", circle=circle).problem, PartAmbiguousError)
    region = {"x": 0, "y": 0, "width": 250, "height": 170}
    found = look(both, "locate_circle", circle=circle, region=region)
    assert corner(found.parts[0].pose) == pytest.approx((10, 10), abs=0.2)


EDGES = {
    "first": {"start": (60, 30), "end": (180, 30), "reach_px": 18},
    "second": {"start": (40, 50), "end": (40, 120), "reach_px": 18, "count": 12},
}
"""The upper and the left edge of the bracket, drawn in the reference picture."""


def test_two_edges_give_place_and_angle() -> None:
    true = Pose(x=26.4, y=3.7, angle_deg=3.2)
    found = look(bracket(true, SCENE, noise=3), "locate_edges", **EDGES)
    assert found.problem is None
    (part,) = found.parts
    assert part.pose.angle_deg == pytest.approx(3.2, abs=0.1)
    assert corner(part.pose) == pytest.approx((26.4, 3.7), abs=0.3)


def test_edges_that_are_not_there_or_make_another_corner_are_no_place() -> None:
    assert isinstance(
        look(np.full((340, 420), 90, np.uint8), "locate_edges", **EDGES).problem,
        PartNotFoundError,
    )
    slanted = np.full((340, 420), 60, np.uint8)
    corners = np.array(((40, 30), (260, 30), (260, 200), (56, 200)))
    cv2.fillPoly(slanted, [corners], 180)
    problem = look(slanted, "locate_edges", **EDGES).problem
    assert isinstance(problem, PartNotFoundError)
    assert "angle" in str(problem)


def test_parallel_edges_are_refused() -> None:
    other = {"start": (60, 60), "end": (180, 62)}
    with pytest.raises(SettingsError, match="parallel"):
        look(np.zeros((9, 9), np.uint8), "locate_edges", first=EDGES["first"], second=other)


def code_scene(*places: tuple[str, int, int, int]) -> Image:
    """Data Matrix codes at (text, x, y, quarter turns) in a grey picture."""
    scene = np.full((340, 420), 220, np.uint8)
    for text, x, y, turns in places:
        code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
        drawn = np.rot90(np.array(code.to_image(scale=5)), -turns)
        scene[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn
    return scene


def code_place(text: str, x: int, y: int) -> tuple[float, float]:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    height, width = np.array(code.to_image(scale=5)).shape
    return x + width / 2, y + height / 2


def test_a_code_gives_place_and_angle() -> None:
    x, y = code_place("PART-1", 100, 80)
    told = {"symbologies": ["data_matrix"], "x": x, "y": y, "pattern": "PART-.*"}
    straight = look(code_scene(("PART-1", 130, 100, 0)), "locate_code", **told)
    assert corner(straight.parts[0].pose) == pytest.approx((50, 30), abs=1.5)
    turned = look(code_scene(("PART-1", 130, 100, 1)), "locate_code", **told)
    assert turned.parts[0].pose.angle_deg == pytest.approx(90, abs=1.5)
    region = turned.parts[0].finding.region
    assert isinstance(region, Rectangle)


def test_no_code_or_two_is_no_place() -> None:
    told = {"symbologies": ["data_matrix"], "x": 120, "y": 100}
    assert isinstance(look(code_scene(), "locate_code", **told).problem, PartNotFoundError)
    two = code_scene(("PART-1", 20, 20, 0), ("OTHER", 220, 180, 0))
    assert isinstance(look(two, "locate_code", **told).problem, PartAmbiguousError)
    assert look(two, "locate_code", pattern="PART-.*", **told).problem is None
    with pytest.raises(SettingsError, match="regular expression"):
        look(two, "locate_code", pattern="(", **told)
