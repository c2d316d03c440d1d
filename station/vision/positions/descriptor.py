"""What a place looks like, as numbers that light and small turns hardly change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import OutsideImageError
from station.core.frame import Image
from station.core.region import Rectangle, outside_point
from station.vision.geometry import to_channels

Features = NDArray[np.float32]
Light = NDArray[np.float32]
"""The level of the light in blue, green and red (3,), as its logarithm."""

LONG_SIDE = 32
"""The longer side of a place is sampled so finely; less loses rings and letters."""
CELL = 4
"""Samples to a cell: things may move by half a cell without looking different."""
DIRECTIONS = 8
CHANNELS = DIRECTIONS + 5
COLOUR_WEIGHT = 2.0
LEVEL_WEIGHT = 0.5
NOISE = 2.0
"""Grey levels of contrast below which an edge is taken for noise."""
MIDDLE_GREY = 100.0
DARK = 8.0
"""Added to grey values before the logarithm, so that noise in the dark is no colour."""

THING_WEIGHTS = np.array([1.0] * (DIRECTIONS + 1) + [0.0] + [1.0] * 3, np.float32)
"""A thing is known by its form; how strong its edges are changes with the light."""
EMPTY_WEIGHTS = np.array([0.5] * (DIRECTIONS + 1) + [2.0] + [1.0] * 3, np.float32)
"""An empty place has no form but noise, which any texture resembles once contrast is taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How a place of one size is sampled, and how far around it things are sought."""

    columns: int
    rows: int
    """Cells."""
    margin_x: int
    margin_y: int
    """Samples beyond each side that are searched."""

    @property
    def length(self) -> int:
        """Numbers in one description."""
        return self.columns * self.rows * CHANNELS

    @property
    def offsets(self) -> tuple[int, int]:
        """(rows, columns) of places that are tried."""
        return 2 * self.margin_y + 1, 2 * self.margin_x + 1


def grid_of(width_px: float, height_px: float, search_px: float) -> Grid:
    """The grid of places of one size."""
    scale = LONG_SIDE / max(width_px, height_px)
    columns = max(2, round(width_px * scale / CELL))
    rows = max(2, round(height_px * scale / CELL))
    return Grid(
        columns=columns,
        rows=rows,
        margin_x=int(np.ceil(search_px * columns * CELL / width_px)),
        margin_y=int(np.ceil(search_px * rows * CELL / height_px)),
    )


def weighed(features: Features, *, is_thing: bool) -> Features:
    """Descriptions (…, length) with each channel as heavy as it counts for things or places."""
    weights = THING_WEIGHTS if is_thing else EMPTY_WEIGHTS
    shape = features.shape
    return np.asarray((features.reshape(-1, CHANNELS) * weights).reshape(shape), np.float32)


def directions_of(features: Features) -> Features:
    """Of descriptions (…, length) only how edges run: (…, cells * DIRECTIONS)."""
    every = features.reshape(*features.shape[:-1], -1, CHANNELS)[..., :DIRECTIONS]
    return np.ascontiguousarray(every).reshape(*features.shape[:-1], -1)


def describe(image: Image, region: Rectangle, grid: Grid, light: Light) -> Features:
    """The descriptions (rows, columns, grid.length) of a place and of those around it.

    Signed gradient directions, divided by the contrast around them, pooled in cells with the root
    taken (Dalal and Triggs 2005; Arandjelovic and Zisserman 2012), the brightness against its
    surroundings, and level and colour against the light.

    Raises:
        OutsideImageError: the region does not lie in the image.
    """
    return windows_of(maps_of(image, region, grid, light), grid)


def describe_turned(
    image: Image, region: Rectangle, grid: Grid, light: Light, turns_deg: Sequence[float]
) -> Features:
    """The descriptions (turns, grid.length) of a place as it looks when its thing is turned.

    With the margin of `grid` around it, as contrast is taken against that; corners that reach out
    of the image repeat its border.
    """
    described = []
    for turn in turns_deg:
        # a place turned one way shows what it holds turned the other way
        turned = replace(region, angle_deg=region.angle_deg - turn)
        every = windows_of(_maps(image, turned, grid, light), grid)
        described.append(every[grid.margin_y, grid.margin_x])
    return np.array(described, np.float32)


def maps_of(image: Image, region: Rectangle, grid: Grid, light: Light) -> Features:
    """What `describe` takes its descriptions from: (height, width, CHANNELS) in samples.

    Raises:
        OutsideImageError: the region does not lie in the image.
    """
    _check_inside(image, region)
    return _maps(image, region, grid, light)


def _maps(image: Image, region: Rectangle, grid: Grid, light: Light) -> Features:
    samples = _sample(to_channels(image, 3), region, grid)
    maps = np.concatenate((_edges(samples, light), _levels(samples, light)), axis=2)
    return np.ascontiguousarray(maps)


def windows_of(maps: Features, grid: Grid) -> Features:
    """Every cell's middle sample, for every offset of the grid: (rows, columns, grid.length)."""
    down, across = grid.offsets
    rows, columns, channels = maps.strides
    start = maps[CELL // 2 :, CELL // 2 :]
    windows = np.lib.stride_tricks.as_strided(
        start,
        (down, across, grid.rows, grid.columns, maps.shape[2]),
        (rows, columns, CELL * rows, CELL * columns, channels),
        writeable=False,
    )
    return windows.reshape(down, across, grid.length)


def light_of(image: Image, places: tuple[Rectangle, ...]) -> Light | None:
    """The median of what lies outside the places; None where too little does."""
    colour = to_channels(image, 3)
    step = max(1, min(colour.shape[:2]) // 96)
    sample = colour[::step, ::step]
    outside = np.ones(sample.shape[:2], np.uint8)
    for place in places:
        corners = np.array(place.corners) / step
        cv2.fillConvexPoly(outside, np.round(corners).astype(np.int32), 0)
    if outside.mean() < 0.1:
        return None
    seen = sample[outside > 0]
    medians = np.array([_median(seen[:, colour]) for colour in range(3)], np.float32)
    return np.asarray(np.log(medians + DARK), np.float32)


def _median(values: Image) -> float:
    """Of grey values, counted: ten times as fast as sorting."""
    below = np.cumsum(np.bincount(values, minlength=256))
    low, high = np.searchsorted(below, ((len(values) + 1) // 2, len(values) // 2 + 1))
    return float(low + high) / 2


def _sample(image: Image, region: Rectangle, grid: Grid) -> Image:
    """The place and its margin, upright, one sample a pixel."""
    width, height = grid.columns * CELL, grid.rows * CELL
    size = (width + 2 * grid.margin_x, height + 2 * grid.margin_y)
    across, down = region.width / width, region.height / height
    cos, sin = np.cos(np.radians(region.angle_deg)), np.sin(np.radians(region.angle_deg))
    turn = np.array(((cos * across, -sin * down), (sin * across, cos * down)))
    centre = np.array((region.x + region.width / 2, region.y + region.height / 2))
    corner = centre - turn @ (size[0] / 2, size[1] / 2)
    reach = np.abs(turn) @ (size[0] / 2, size[1] / 2) + 2
    image, corner, factor = _reduced(image, corner, centre, reach, min(across, down))
    turn = turn / factor
    matrix = np.column_stack((turn, corner + turn @ (0.5, 0.5) - 0.5))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    taken = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken, np.uint8)


def _reduced(
    image: Image,
    corner: NDArray[np.float64],
    centre: NDArray[np.float64],
    reach: NDArray[np.float64],
    step: float,
) -> tuple[Image, NDArray[np.float64], int]:
    """What is looked at, averaged in whole blocks where it is sampled coarsely."""
    factor = max(1, int(step))
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(centre - reach), 0, size - 1).astype(int)
    high = np.clip(np.ceil(centre + reach), low + 1, size).astype(int)
    high = np.where(high - low >= factor, low + (high - low) // factor * factor, high)
    crop = image[low[1] : high[1], low[0] : high[0]]
    if factor > 1 and min(crop.shape[:2]) >= factor:
        shape = (crop.shape[1] // factor, crop.shape[0] // factor)
        crop = np.asarray(cv2.resize(crop, shape, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        factor = 1
    return np.ascontiguousarray(crop), (corner - low) / factor, factor


def _edges(samples: Image, light: Light) -> Features:
    """(height, width, DIRECTIONS + 2): directions, brightness against around, strength."""
    smooth = cv2.GaussianBlur(samples.astype(np.float32), (0, 0), 0.8)
    dx, dy, strength = _gradients(smooth)
    angle = cv2.phase(dx, dy)
    around = cv2.GaussianBlur(strength * strength, (0, 0), LONG_SIDE / 4)
    relative = strength / (np.sqrt(around) + NOISE)
    place = angle * (DIRECTIONS / (2 * np.pi))
    apart = np.abs(place[..., None] - np.arange(DIRECTIONS, dtype=np.float32))
    apart = np.minimum(apart, DIRECTIONS - apart)
    directed = relative[..., None] * np.maximum(1 - apart, 0)
    pooled = np.sqrt(np.maximum(_pooled(directed), 0))
    grey = cv2.cvtColor(smooth, cv2.COLOR_BGR2GRAY)
    mean = cv2.GaussianBlur(grey, (0, 0), LONG_SIDE / 3)
    spread = cv2.GaussianBlur((grey - mean) ** 2, (0, 0), LONG_SIDE / 3)
    contrast = 0.5 * (grey - mean) / (np.sqrt(np.maximum(spread, 0)) + 1.5 * NOISE)
    share = _pooled(strength) * np.float32(MIDDLE_GREY / np.exp(light.mean()))
    strong = np.log1p(share / NOISE)
    return np.concatenate((pooled, _pooled(contrast)[..., None], strong[..., None]), axis=2)


def _gradients(smooth: NDArray[Any]) -> tuple[Features, Features, Features]:
    """(height, width) each: along x, along y and their length, of the colour that changes most."""
    dx = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 16)
    dy = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 16)
    lengths = cv2.magnitude(dx, dy)
    best_x, best_y, best = dx[..., 0], dy[..., 0], lengths[..., 0]
    for colour in (1, 2):
        more = lengths[..., colour] > best
        best_x = np.where(more, dx[..., colour], best_x)
        best_y = np.where(more, dy[..., colour], best_y)
        best = np.where(more, lengths[..., colour], best)
    return _floats(best_x), _floats(best_y), _floats(best)


def _floats(values: NDArray[Any]) -> Features:
    return np.asarray(values, np.float32)


def _levels(samples: Image, light: Light) -> Features:
    """(height, width, 3): blue and red against green, and all of them, against the light."""
    logs = np.log(_pooled(samples.astype(np.float32)) + DARK) - light
    green = logs[..., 1:2]
    colours = COLOUR_WEIGHT * (logs[..., ::2] - green)
    return np.concatenate((colours, LEVEL_WEIGHT * logs.mean(axis=2, keepdims=True)), axis=2)


def _pooled(values: NDArray[Any]) -> Features:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), 0.8 * CELL), np.float32)


def lies_inside(region: Rectangle, image: Image) -> bool:
    """The region lies in the image, but for half a pixel of rounding."""
    height, width = image.shape[:2]
    return outside_point(region, width, height) is None


def _check_inside(image: Image, region: Rectangle) -> None:
    if lies_inside(region, image):
        return
    height, width = image.shape[:2]
    reached = ", ".join(f"({x:.0f}, {y:.0f})" for x, y in region.corners)
    raise OutsideImageError(
        f"the position reaches {reached}, the view is {width} x {height}; wrong camera settings, "
        "or a recipe for another view"
    )
