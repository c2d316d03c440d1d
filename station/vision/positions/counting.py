"""How many things like the taught ones there are: the template over a whole region, then a look."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from station.core.frame import Image
from station.core.region import Rectangle
from station.vision.positions.bill import Position
from station.vision.positions.descriptor import (
    CELL,
    CHANNELS,
    Features,
    Grid,
    Light,
    grid_of,
    maps_of,
    weighed,
    windows_of,
)
from station.vision.positions.likeness import Likeness, look, score_of

HOPELESS = 2.0
"""Scores from here on are no things; the limit is 1."""
MOST_CANDIDATES = 400
APART = 0.6
"""Two things lie at least so many of their sides apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """A place that looks more or less like a taught thing."""

    region: Rectangle
    score: float
    """As of a position: 0 for a usual example, 1 at the limit."""


def find_like(
    image: Image, region: Rectangle, position: Position, likeness: Likeness, light: Light
) -> list[Like]:
    """Everything in an upright region that looks like a state of a position, best first.

    Things must lie wholly inside the region and be turned as they were taught.

    Raises:
        OutsideImageError: the region does not lie in the image.
    """
    grid = _covering(region, position)
    maps = maps_of(image, _middle(region, position), grid, light)
    apart = _response(maps, grid, likeness)
    found: list[Like] = []
    for row, column in _dips(apart, grid, likeness):
        near = _around(maps, grid, row, column)
        score = score_of(look(near, likeness), likeness)
        if not score >= HOPELESS:  # NaN is kept, so that decide() refuses it
            found.append(Like(region=_region(row, column, grid, region, position), score=score))
    found.sort(key=lambda one: one.score)
    return _separate(found)


def _covering(region: Rectangle, position: Position) -> Grid:
    """The position's grid with a margin that reaches over all of the region."""
    grid = grid_of(position.width, position.height, 0)
    across = grid.columns * CELL / position.width
    down = grid.rows * CELL / position.height
    return replace(
        grid,
        margin_x=max(0, int((region.width - position.width) / 2 * across)),
        margin_y=max(0, int((region.height - position.height) / 2 * down)),
    )


def _middle(region: Rectangle, position: Position) -> Rectangle:
    return Rectangle(
        x=region.x + (region.width - position.width) / 2,
        y=region.y + (region.height - position.height) / 2,
        width=position.width,
        height=position.height,
    )


def _response(maps: Features, grid: Grid, likeness: Likeness) -> Features:
    """How far from the template every offset of the grid is (rows, columns)."""
    template = weighed(likeness.template, is_thing=True).reshape(grid.rows, grid.columns, CHANNELS)
    size = (CELL * (grid.rows - 1) + 1, CELL * (grid.columns - 1) + 1)
    likely = np.zeros(maps.shape[:2], np.float32)
    for channel in range(CHANNELS):
        kernel = np.zeros(size, np.float32)
        kernel[::CELL, ::CELL] = template[..., channel]
        plane = np.ascontiguousarray(maps[..., channel])
        likely += cv2.filter2D(plane, cv2.CV_32F, kernel, anchor=(0, 0))
    down, across = grid.offsets
    start = CELL // 2
    return np.asarray(
        1 + likeness.middle - likely[start : start + down, start : start + across], np.float32
    )


def _dips(apart: Features, grid: Grid, likeness: Likeness) -> list[tuple[int, int]]:
    """Offsets where the template fits better than anywhere around, the best ones first."""
    reach = np.ones((CELL * grid.rows // 2 | 1, CELL * grid.columns // 2 | 1), np.uint8)
    lowest = cv2.erode(apart, reach, borderType=cv2.BORDER_REPLICATE)
    scale = likeness.unlikeness
    hopeless = scale.mean + HOPELESS * (scale.limit - scale.mean)
    # written so that NaN is kept
    places = np.argwhere(~(apart > lowest) & ~(apart > hopeless))
    order = np.argsort(apart[places[:, 0], places[:, 1]], kind="stable")[:MOST_CANDIDATES]
    return [(int(row), int(column)) for row, column in places[order]]


def _around(maps: Features, grid: Grid, row: int, column: int) -> Features:
    """The descriptions of a place and of its neighbours, where it has some on all sides."""
    one = 1 if 0 < row < grid.offsets[0] - 1 and 0 < column < grid.offsets[1] - 1 else 0
    small = replace(grid, margin_x=one, margin_y=one)
    height, width = CELL * grid.rows + 2 * one, CELL * grid.columns + 2 * one
    cut = maps[row - one : row - one + height, column - one : column - one + width]
    return windows_of(np.ascontiguousarray(cut), small)


def _region(row: int, column: int, grid: Grid, region: Rectangle, position: Position) -> Rectangle:
    middle = _middle(region, position)
    return replace(
        middle,
        x=middle.x + (column - grid.margin_x) * position.width / (grid.columns * CELL),
        y=middle.y + (row - grid.margin_y) * position.height / (grid.rows * CELL),
    )


def _separate(found: list[Like]) -> list[Like]:
    """Of places that overlap, the best one: one thing counts once."""
    kept: list[Like] = []
    for one in found:
        if all(_lies_apart(one.region, other.region) for other in kept):
            kept.append(one)
    return kept


def _lies_apart(one: Rectangle, other: Rectangle) -> bool:
    return abs(one.x - other.x) >= APART * one.width or abs(one.y - other.y) >= APART * one.height
