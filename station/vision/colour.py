"""Colour as people see it: CIELAB, differences in CIEDE2000, and what a picture's colours are."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import PictureError
from station.core.frame import Image

Lab = NDArray[np.float64]
"""(…, 3): L* from 0 to 100, a*, b*; white is D65."""
Mask = NDArray[np.uint8]

STEPS = 64
"""Colours are looked up in so many steps a channel: four levels, at most half a unit off."""
QUANTILES = 64
MOST_SAMPLES = 50_000


@dataclass(frozen=True, slots=True)
class Colours:
    """What the colours of a picture are."""

    mean: Lab
    """(3,)."""
    quantiles: Lab
    """(QUANTILES, 3), each channel for itself: a histogram with bins of equal content."""


def to_lab(image: Image) -> Lab:
    """(…, 3) of BGR pixels (…, 3), uint8 sRGB (IEC 61966-2-1), by CIE 15:2004, 8.2.1."""
    return _lab(_LINEAR[image])


def colours_of(image: Image, inside: Mask | None = None) -> Colours:
    """Mean and quantiles of a BGR image, where `inside` is above 0.

    Taken from single pixels on an even grid, about fifty thousand of them.

    Raises:
        PictureError: the image is grey, or nothing of it is inside.
    """
    check_colour(image)
    step = max(1, round((image.shape[0] * image.shape[1] / MOST_SAMPLES) ** 0.5))
    sample = image[step // 2 :: step, step // 2 :: step].reshape(-1, 3)
    if inside is not None:
        sample = sample[inside[step // 2 :: step, step // 2 :: step].reshape(-1) > 0]
    if not len(sample):
        raise PictureError("there is no pixel to tell the colour of; draw a larger region")
    lab = to_lab(sample)
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return Colours(lab.mean(axis=0), np.quantile(lab, shares, axis=0))


def check_colour(image: Image) -> None:
    """Refuse what has no colour.

    Raises:
        PictureError: the image is grey.
    """
    if image.ndim != 3:
        raise PictureError(
            "the picture is grey, so that it has no colour to judge; set pixel_format of the "
            "camera to a colour one"
        )


def histogram_distance(one: Lab, other: Lab) -> float:
    """How far two distributions lie apart, in units of CIELAB, from their quantiles (n, 3).

    The first Wasserstein distance of each channel (the mean distance of quantiles), the root of
    the sum of their squares.
    """
    return float(np.sqrt((np.abs(one - other).mean(axis=0) ** 2).sum()))


class ColourShare:
    """Which part of a picture has one colour; a table of all colours, made once."""

    def __init__(self, colour: Lab, tolerance: float) -> None:
        """`colour`: (3,); what lies no farther from it than `tolerance` (CIEDE2000) has it."""
        values = np.arange(STEPS, dtype=np.float64) * (256 / STEPS) + (256 / STEPS - 1) / 2
        grid = np.stack(np.meshgrid(values, values, values, indexing="ij"), axis=-1)
        far = delta_e(_lab(_linear(grid.reshape(-1, 3) / 255)), colour)
        self._table = np.where(far <= tolerance, np.uint8(255), np.uint8(0))

    def mask(self, image: Image) -> Mask:
        """255 where a BGR image has the colour."""
        check_colour(image)
        # four levels a step: the upper six bits of each channel make one number
        blue, green, red = (plane.astype(np.int32) for plane in cv2.split(image >> 2))
        return np.asarray(self._table.take((blue << 12) | (green << 6) | red), np.uint8)

    def share(self, image: Image, inside: Mask | None = None) -> float:
        """0 to 1, of the pixels where `inside` is above 0."""
        mask = self.mask(image)
        if inside is None:
            return cv2.countNonZero(mask) / mask.size
        return cv2.countNonZero(cv2.bitwise_and(mask, inside)) / max(1, cv2.countNonZero(inside))


def delta_e(one: Lab, other: Lab) -> NDArray[np.float64]:
    """CIEDE2000 of colours (…, 3), with k_L = k_C = k_H = 1; 1 is about what an eye just sees.

    Sharma, Wu, Dalal: The CIEDE2000 Color-Difference Formula, Color Research and Application
    30(1), 2005, equations 2 to 22; it has no steps of its own but at opposite hues.
    """
    lightness = (one[..., 0] + other[..., 0]) / 2
    (c1, h1), (c2, h2) = _chroma_and_hue(one, other)
    chroma = (c1 + c2) / 2
    apart, mean_hue = _hues(h1, h2, c1 * c2 == 0)
    d_lightness, d_chroma = other[..., 0] - one[..., 0], c2 - c1
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(apart) / 2)
    tone = (
        1
        - 0.17 * np.cos(np.radians(mean_hue - 30))
        + 0.24 * np.cos(np.radians(2 * mean_hue))
        + 0.32 * np.cos(np.radians(3 * mean_hue + 6))
        - 0.20 * np.cos(np.radians(4 * mean_hue - 63))
    )
    off_middle = (lightness - 50) ** 2
    along = d_lightness / (1 + 0.015 * off_middle / np.sqrt(20 + off_middle))
    across = d_chroma / (1 + 0.045 * chroma)
    around = d_hue / (1 + 0.015 * chroma * tone)
    turn = 60 * np.exp(-(((mean_hue - 275) / 25) ** 2))
    weight = 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    mixed = -np.sin(np.radians(turn)) * weight * across * around
    return np.asarray(np.sqrt(np.maximum(along**2 + across**2 + around**2 + mixed, 0)), np.float64)


def _linear(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amounts of light from sRGB values, both 0 to 1."""
    toe = values / 12.92
    return np.asarray(np.where(values <= 0.04045, toe, ((values + 0.055) / 1.055) ** 2.4))


_LINEAR = _linear(np.arange(256) / 255)
_TO_XYZ = np.array(
    (
        (0.1804808, 0.3575843, 0.4123908),
        (0.0721923, 0.7151687, 0.2126390),
        (0.9505322, 0.1191948, 0.0193308),
    )
)
"""Blue, green, red of sRGB to X, Y, Z; its rows sum to the white D65."""


def _lab(linear: NDArray[np.float64]) -> Lab:
    """From amounts of blue, green, red light (…, 3)."""
    ratio = linear @ (_TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)).T
    line = ratio * (841 / 108) + 4 / 29
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), line)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


Polar = tuple[NDArray[np.float64], NDArray[np.float64]]


def _chroma_and_hue(one: Lab, other: Lab) -> tuple[Polar, Polar]:
    """Equations 2 to 7: a* stretched near grey; hue in degrees from 0 to 360."""
    plain = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(other[..., 1], other[..., 2])) / 2
    stretch = 1.5 - 0.5 * np.sqrt(plain**7 / (plain**7 + 25.0**7))
    return _polar(one, stretch), _polar(other, stretch)


def _polar(colour: Lab, stretch: NDArray[np.float64]) -> Polar:
    a, b = stretch * colour[..., 1], colour[..., 2]
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _hues(
    h1: NDArray[np.float64], h2: NDArray[np.float64], is_grey: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Equations 10 and 14: the difference the short way round, and the mean on that way."""
    apart = h2 - h1
    is_far = np.abs(apart) > 180
    apart = np.where(is_far, apart - 360 * np.sign(apart), apart)
    total = h1 + h2
    mean = np.where(is_far, (total + np.where(total < 360, 360, -360)) / 2, total / 2)
    return np.where(is_grey, 0, apart), np.where(is_grey, total, mean)
