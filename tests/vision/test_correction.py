"""Correction of pictures: nothing where nothing is to do, straight lines, regions given back."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from station.core.configuration import Configuration
from station.core.corrections import Colour, FlatField, Lens
from station.core.errors import OutsideImageError, SettingsError
from station.core.frame import Frame, Image
from station.core.region import Rectangle
from station.vision.correction import (
    acquired_heat,
    acquired_region,
    corrected,
    to_acquired,
    to_corrected,
)

SIZE = (160, 120)
LENS = Lens(
    camera_matrix=(200, 0, 82, 0, 201, 59, 0, 0, 1),
    distortion=(-0.25, 0.08, 0.001, -0.0005, 0.01),
    corrected_matrix=(205, 0, 82, 0, 205, 59, 0, 0, 1),
    error_px=0.1,
    held_out_error_px=0.12,
    views=12,
)
CURVED = Configuration(image_size_px=SIZE, lens=LENS)


def frame_of(image: Image) -> Frame:
    return Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))


def grey(value: float = 100, size: tuple[int, int] = SIZE, channels: int = 1) -> Image:
    shape = size[::-1] if channels == 1 else (*size[::-1], channels)
    return np.full(shape, value, np.uint8)


def even(gain: float, channels: int = 1) -> tuple[tuple[tuple[float, ...], ...], ...]:
    return (((gain, gain), (gain, gain)),) * channels


def test_where_nothing_is_to_do_it_is_the_same_frame() -> None:
    frame = frame_of(grey())
    assert corrected(frame, Configuration()) is frame


@pytest.mark.parametrize("part", ["lens", "plain"])
def test_a_picture_of_another_size_is_refused(part: str) -> None:
    configuration = CURVED if part == "lens" else Configuration(image_size_px=SIZE)
    with pytest.raises(OutsideImageError, match=r"120 x 160.*160 x 120"):
        corrected(frame_of(grey(size=(120, 160))), configuration)


def test_points_go_there_and_back() -> None:
    points = np.random.default_rng(0).uniform((0, 0), SIZE, (50, 2))
    assert to_corrected(to_acquired(points, LENS), LENS) == pytest.approx(points, abs=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_lies_at_a_place_comes_from_where_the_lens_put_it(channels: int) -> None:
    down, across = np.mgrid[0:120, 0:160] + 0.5
    ramp = np.round(across + 0.3 * down).astype(np.uint8)
    image = ramp if channels == 1 else np.dstack([ramp] * 3)
    seen = corrected(frame_of(image), CURVED).image
    places = np.array(((20.5, 20.5), (80.5, 60.5), (140.5, 100.5)))
    for (x, y), (u, v) in zip(places, to_acquired(places, LENS), strict=True):
        value = float(np.mean(seen[int(y), int(x)]))
        assert value == pytest.approx(u + 0.3 * v, abs=1.0)


def test_a_region_is_given_back_in_the_acquired_picture() -> None:
    region = Rectangle(x=10, y=10, width=140, height=100)
    back = acquired_region(region, CURVED)
    again = to_corrected(np.array(back.corners), LENS)
    assert again.min(axis=0) == pytest.approx((10, 10), abs=0.01)
    assert again.max(axis=0) == pytest.approx((150, 110), abs=0.01)
    assert len(back.corners) > 4
    assert acquired_region(region, Configuration()) is region


def test_heat_is_given_back_in_the_acquired_picture() -> None:
    heat = np.full(SIZE[::-1], -np.inf, np.float32)
    heat[95:106, 135:146] = 1
    back = acquired_heat(heat, CURVED)
    rows, columns = np.nonzero(back == 1)
    centre = to_acquired(np.array([(140.5, 100.5)]), LENS)[0]
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx(tuple(centre), abs=0.7)
    assert not np.isnan(back).any()


def test_gain_and_dark_level_are_taken_back() -> None:
    flat = FlatField(gain=(((2.0, 1.0), (2.0, 1.0)),), dark=even(10))
    configuration = Configuration(image_size_px=SIZE, flat_field=flat)
    for channels in (1, 3):
        image = grey(60, channels=channels)
        seen = corrected(frame_of(image), configuration).image
        assert seen.shape == image.shape
        assert float(seen[:, 0].mean()) == pytest.approx(100, abs=1)
        assert float(seen[:, -1].mean()) == pytest.approx(50, abs=1)


def test_defect_pixels_are_mended_from_their_neighbours() -> None:
    image = grey(50)
    image[30, 40], image[30, 41], image[0, 0] = 255, 255, 0
    flat = FlatField(gain=even(1), defect_pixels=((40, 30), (41, 30), (0, 0)))
    seen = corrected(frame_of(image), Configuration(image_size_px=SIZE, flat_field=flat)).image
    assert np.array_equal(seen, grey(50))


def test_a_defect_list_that_cannot_be_mended_is_refused() -> None:
    flat = FlatField(gain=even(1), defect_pixels=((160, 30),))
    with pytest.raises(SettingsError, match="outside"):
        corrected(frame_of(grey()), Configuration(image_size_px=SIZE, flat_field=flat))


def test_white_balance_makes_a_cast_grey() -> None:
    colour = Colour(
        encoding="linear",
        gains=(0.5, 1, 2),
        matrix=(1, 0, 0, 0, 1, 0, 0, 0, 1),
        delta_e_before=9,
        delta_e_after=1,
        delta_e_held_out=1,
    )
    image = np.full((20, 20, 3), (30, 60, 120), np.uint8)
    configuration = Configuration(colour=colour)
    seen = corrected(frame_of(image), configuration).image
    assert seen[5, 5].tolist() == [133, 133, 133]  # 60 / 255 in linear light is 133 in sRGB
    with pytest.raises(SettingsError, match="grey"):
        corrected(frame_of(grey()), configuration)


def test_a_colour_flat_field_refuses_grey_pictures() -> None:
    flat = FlatField(gain=even(1, channels=3))
    with pytest.raises(SettingsError, match="colour camera"):
        corrected(frame_of(grey()), Configuration(image_size_px=SIZE, flat_field=flat))


def test_the_acquired_picture_stays_as_it_is() -> None:
    frame = frame_of(grey())
    before = frame.image.copy()
    seen = corrected(frame, CURVED)
    assert np.array_equal(frame.image, before)
    assert replace(seen, image=frame.image) == frame
