"""Rings with known edges: area coverage by supersampling, a blurred lens, light and noise."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image

Floats = NDArray[np.float64]

CELLS = 4
"""The picture is made of so many cells a pixel along each axis, blurred, then averaged."""
SAMPLES = 4
"""A cell the edge may cross is sampled so often along each axis: 16 samples a pixel and axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """What the camera makes of it: grey levels, blur in pixels, a gain that falls off, noise."""

    ground: float
    part: float
    blur_px: float
    noise_grey: float
    slant: tuple[float, float] = (0.0, 0.0)
    """Relative change of light across the whole picture, in x and y."""


def draw(
    size: tuple[int, int],
    inside: Callable[[Floats, Floats], NDArray[np.bool_]],
    light: Light,
    rng: np.random.Generator,
) -> Image:
    """A grey picture (height, width) of what is `inside`, told at continuous pixel coordinates."""
    width, height = size
    cells = _coverage(size, inside)
    fine = light.ground + (light.part - light.ground) * cells
    fine *= _gain(fine.shape, light.slant)
    if light.blur_px > 0:
        sigma = light.blur_px * CELLS
        fine = np.asarray(cv2.GaussianBlur(fine, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
    grey = fine.reshape(height, CELLS, width, CELLS).mean(axis=(1, 3))
    grey += rng.normal(0, light.noise_grey, grey.shape) if light.noise_grey else 0
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def ring(
    centre: tuple[float, float], outer_px: float, inner_px: float
) -> Callable[[Floats, Floats], NDArray[np.bool_]]:
    """Inside a ring in the picture; radii in pixels."""

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        square = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        return (square <= outer_px**2) & (square >= inner_px**2)

    return inside


def _coverage(
    size: tuple[int, int], inside: Callable[[Floats, Floats], NDArray[np.bool_]]
) -> Floats:
    """Share of each cell that is inside, (height * CELLS, width * CELLS)."""
    width, height = size
    x = (np.arange(width * CELLS) + 0.5) / CELLS
    y = (np.arange(height * CELLS) + 0.5) / CELLS
    cells = inside(*np.meshgrid(x, y)).astype(np.float64)
    near = np.ones((3, 3), np.uint8)
    crossed = cv2.dilate(cells, near) != cv2.erode(cells, near)
    rows, columns = np.nonzero(crossed)
    offsets = ((np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5) / CELLS
    over_x, over_y = (grid.ravel() for grid in np.meshgrid(offsets, offsets))
    samples = inside(x[columns][:, None] + over_x, y[rows][:, None] + over_y)
    cells[rows, columns] = samples.mean(axis=1)
    return cells


def _gain(shape: tuple[int, int], slant: tuple[float, float]) -> Floats:
    x, y = (np.linspace(-0.5, 0.5, count) for count in shape[::-1])
    return 1 + slant[0] * x[None, :] + slant[1] * y[:, None]
