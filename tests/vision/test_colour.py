"""CIELAB and CIEDE2000 against published numbers; shares and distributions."""

import cv2
import numpy as np
import pytest

from station.core.errors import PictureError
from station.vision.colour import (
    ColourShare,
    colours_of,
    delta_e,
    histogram_distance,
    to_lab,
)

# Table 1 of Sharma, Wu, Dalal (2005): two colours (L, a, b) and their CIEDE2000 difference.
SHARMA = np.array(
    [
        (50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425),
        (50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615),
        (50, 2.8361, -74.0200, 50, 0, -82.7485, 3.4412),
        (50, -1.3802, -84.2814, 50, 0, -82.7485, 1.0000),
        (50, -1.1848, -84.8006, 50, 0, -82.7485, 1.0000),
        (50, -0.9009, -85.5211, 50, 0, -82.7485, 1.0000),
        (50, 0, 0, 50, -1, 2, 2.3669),
        (50, -1, 2, 50, 0, 0, 2.3669),
        (50, 2.4900, -0.0010, 50, -2.4900, 0.0009, 7.1792),
        (50, 2.4900, -0.0010, 50, -2.4900, 0.0010, 7.1792),
        (50, 2.4900, -0.0010, 50, -2.4900, 0.0011, 7.2195),
        (50, 2.4900, -0.0010, 50, -2.4900, 0.0012, 7.2195),
        (50, -0.0010, 2.4900, 50, 0.0009, -2.4900, 4.8045),
        (50, -0.0010, 2.4900, 50, 0.0010, -2.4900, 4.8045),
        (50, -0.0010, 2.4900, 50, 0.0011, -2.4900, 4.7461),
        (50, 2.5, 0, 50, 0, -2.5, 4.3065),
        (50, 2.5, 0, 73, 25, -18, 27.1492),
        (50, 2.5, 0, 61, -5, 29, 22.8977),
        (50, 2.5, 0, 56, -27, -3, 31.9030),
        (50, 2.5, 0, 58, 24, 15, 19.4535),
        (50, 2.5, 0, 50, 3.1736, 0.5854, 1.0000),
        (50, 2.5, 0, 50, 3.2972, 0, 1.0000),
        (50, 2.5, 0, 50, 1.8634, 0.5757, 1.0000),
        (50, 2.5, 0, 50, 3.2592, 0.3350, 1.0000),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)


def test_delta_e_is_that_of_the_published_pairs() -> None:
    one, other, wanted = SHARMA[:, :3], SHARMA[:, 3:6], SHARMA[:, 6]
    assert np.round(delta_e(one, other), 4).tolist() == wanted.tolist()
    assert np.round(delta_e(other, one), 4).tolist() == wanted.tolist()


def test_delta_e_is_a_number_for_every_colour() -> None:
    corners = np.array([(b, g, r) for b in (0, 255) for g in (0, 255) for r in (0, 255)], np.uint8)
    lab = to_lab(corners)
    apart = delta_e(lab[:, None], lab[None])
    assert np.isfinite(apart).all()
    assert np.diag(apart).max() == 0
    assert apart[~np.eye(8, dtype=bool)].min() > 10


@pytest.mark.parametrize(
    ("bgr", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 255), (53.24, 80.09, 67.20)),
        ((255, 0, 0), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((3, 3, 3), (0.82, 0, 0)),
    ],
)
def test_lab_is_that_of_srgb(bgr: tuple[int, ...], lab: tuple[float, ...]) -> None:
    assert to_lab(np.array([bgr], np.uint8))[0] == pytest.approx(lab, abs=0.02)


def test_mean_and_histogram() -> None:
    even = np.full((300, 400, 3), (60, 120, 180), np.uint8)
    halves = even.copy()
    halves[:, :200], halves[:, 200:] = (40, 100, 160), (80, 140, 200)
    one, other = colours_of(even), colours_of(halves)
    assert one.mean == pytest.approx(to_lab(even[:1, 0])[0])
    assert float(delta_e(one.mean, other.mean)) < 1
    assert histogram_distance(one.quantiles, one.quantiles) == 0
    assert histogram_distance(one.quantiles, other.quantiles) > 7


def test_only_the_inside_counts() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, 50:] = (0, 0, 255)
    inside = np.zeros((100, 100), np.uint8)
    inside[:, 60:] = 255
    assert colours_of(image, inside).mean[0] == pytest.approx(53.24, abs=0.1)
    red = ColourShare(to_lab(image[0, 99:])[0], 5)
    assert red.share(image, inside) == 1
    with pytest.raises(PictureError, match="no pixel"):
        colours_of(image, np.zeros((100, 100), np.uint8))


def test_a_share_is_that_of_all_near_colours() -> None:
    image = np.full((80, 100, 3), (60, 120, 180), np.uint8)
    image[:20] = (60, 140, 180)
    image[20:40] = (64, 122, 182)
    colour = to_lab(image[79, :1])[0]
    near = float(delta_e(to_lab(image[20, :1])[0], colour))
    far = float(delta_e(to_lab(image[0, :1])[0], colour))
    assert near < 2 < 6 < far
    assert ColourShare(colour, 4).share(image) == 0.75
    assert ColourShare(colour, far + 1).share(image) == 1


def test_grey_has_no_colour() -> None:
    grey = np.asarray(cv2.cvtColor(np.zeros((8, 8, 3), np.uint8), cv2.COLOR_BGR2GRAY), np.uint8)
    with pytest.raises(PictureError, match="the picture is grey"):
        colours_of(grey)
    with pytest.raises(PictureError, match="the picture is grey"):
        ColourShare(np.zeros(3), 5).mask(grey)
