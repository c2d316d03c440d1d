"""Regions, resizing that keeps thin things, tiles that cover everything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.core.errors import OutsideImageError
from station.core.region import Polygon, Rectangle
from station.vision.geometry import cut, fit, resize, tiles

GREY = np.add.outer(np.arange(100), np.arange(200)).astype(np.uint8)


def test_an_upright_rectangle_is_cut_without_resampling() -> None:
    region = Rectangle(x=10, y=20, width=30, height=40)
    assert np.array_equal(cut(GREY, region), GREY[20:60, 10:40])


@pytest.mark.parametrize(("angle_deg", "turns"), [(180, 2), (90, 1), (-90, 3)])
def test_a_turned_rectangle_has_the_pixels_of_the_upright_one(angle_deg: float, turns: int) -> None:
    square = Rectangle(x=10, y=20, width=30, height=30)
    turned = Rectangle(x=10, y=20, width=30, height=30, angle_deg=angle_deg)
    assert np.array_equal(cut(GREY, turned), np.rot90(cut(GREY, square), turns))


def test_a_rectangle_turned_by_90_degrees_turns_the_pixels() -> None:
    image = np.zeros((101, 101), np.uint8)
    image[50, 50:80] = 200  # a bar from the centre to the right
    region = Rectangle(x=20, y=20, width=61, height=61, angle_deg=90)
    turned = cut(image, region)
    assert turned.shape == (61, 61)
    across, along = turned[30, 35:].max(), turned[:25, 30].max()
    assert along > 150 > 20 > across


def test_outside_a_polygon_nothing_is_seen() -> None:
    image = np.full((50, 50, 3), 250, np.uint8)
    crop = cut(image, Polygon(points=((10, 10), (40, 10), (10, 40))))
    assert crop[2, 2].tolist() == [250, 250, 250]
    assert crop[-3, -3].tolist() == [127, 127, 127]
    assert image.min() == 250


@pytest.mark.parametrize(
    "region",
    [
        Rectangle(x=150, y=0, width=60, height=20),
        Rectangle(x=0, y=60, width=90, height=40, angle_deg=45),
        Polygon(points=((-5, 0), (10, 0), (0, 10))),
    ],
)
def test_a_region_outside_the_image_is_an_error(region: Rectangle | Polygon) -> None:
    with pytest.raises(OutsideImageError, match="the image is 200 x 100"):
        cut(GREY, region)


@pytest.mark.parametrize("offset", range(11))
def test_a_scratch_of_two_pixels_survives_shrinking(offset: int) -> None:
    image = np.full((1100, 1100), 100, np.uint8)
    image[:, 500 + offset : 502 + offset] = 255
    small = resize(image, 100, 100)
    assert small.max() >= 100 + 155 * 2 / 11 * 0.4


def test_letterbox_keeps_the_aspect_and_pads() -> None:
    boxed = fit(np.full((50, 100, 3), 10, np.uint8), 64, 64, "letterbox", pad=114)
    assert boxed.shape == (64, 64, 3)
    assert (boxed[16:48] == 10).all()
    assert (boxed[:16] == 114).all()


@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    tile=st.integers(32, 256),
    overlap=st.floats(0, 0.6),
)
def test_tiles_cover_every_pixel(width: int, height: int, tile: int, overlap: float) -> None:
    seen = np.zeros((height, width), bool)
    for one in tiles(width, height, tile, overlap):
        assert one.x + one.width <= width
        assert one.y + one.height <= height
        seen[int(one.y) : int(one.y + one.height), int(one.x) : int(one.x + one.width)] = True
    assert seen.all()
