"""Part coordinates to image coordinates and back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.core.pose import Pose
from station.core.region import Polygon, Rectangle

NUMBER = st.floats(-2000, 2000)


@given(NUMBER, NUMBER, st.floats(-180, 180), st.floats(0.5, 2), NUMBER, NUMBER)
def test_there_and_back(
    x: float, y: float, angle_deg: float, scale: float, u: float, v: float
) -> None:
    pose = Pose(x=x, y=y, angle_deg=angle_deg, scale=scale)
    point = np.array((u, v))
    assert pose.to_part(pose.to_image(point)) == pytest.approx(point, abs=1e-6)


def test_a_quarter_turn_is_clockwise_as_seen() -> None:
    pose = Pose(x=100, y=50, angle_deg=90, scale=2)
    # from the origin along x, which after the turn points down
    assert pose.to_image(np.array((10.0, 0.0))) == pytest.approx((100, 70))


@given(NUMBER, NUMBER, st.floats(-180, 180), st.floats(0.5, 2), st.floats(-180, 180))
def test_a_rectangle_stays_one(
    x: float, y: float, angle_deg: float, scale: float, turned_deg: float
) -> None:
    pose = Pose(x=x, y=y, angle_deg=angle_deg, scale=scale)
    region = Rectangle(x=3, y=4, width=50, height=20, angle_deg=turned_deg)
    placed = pose.place(region)
    corners = pose.to_image(np.array(region.corners))
    assert np.array(placed.corners) == pytest.approx(corners, abs=1e-6)
    polygon = pose.place(Polygon(points=region.corners))
    assert np.array(polygon.corners) == pytest.approx(corners, abs=1e-6)


@pytest.mark.parametrize("wrong", [{"scale": 0}, {"x": math.nan}, {"angle_deg": math.inf}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        Pose(**wrong)
