"""Where the shape is: candidates on a small picture, drawn to the edges level by level."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.pose import Pose
from station.vision.locating.coarse import Candidates, Templates, candidates, templates_of
from station.vision.locating.profiles import Poses, look_along, step_towards
from station.vision.locating.pyramid import Grey, pyramid_of
from station.vision.locating.shape import Floats, LevelPoints, Shape

COARSE_POINTS = 36
MIDDLE_POINTS = 72
CANDIDATES = 64
TOLERANCE_PX = 1.5
TURN_STEP_PX, SIZE_STEP_PX = 2.2, 2.4
KEEP = (24, 10, 6)
PROMISING = 0.6
"""A pose goes on to the next level with at least this share of the edges the best one has."""
"""An edge point is found where the image's edge lies no further off, at full size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRange:
    """The poses that are looked for."""

    angle_deg: tuple[float, float] = (-180.0, 180.0)
    scale: tuple[float, float] = (0.8, 1.2)
    parts: int = 1
    """Parts that may be in one image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One place where the shape was found."""

    pose: Pose
    match: float
    """The share of the taught edge points that are found there, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Finder:
    """A shape with all that can be worked out before the first image."""

    shape: Shape
    search: SearchRange
    templates: Callable[[int, int], Templates]
    coarse: LevelPoints
    middle: tuple[LevelPoints, ...]

    @property
    def halvings(self) -> int:
        """Of the picture the search begins on."""
        return len(self.shape.levels) - 1


def finder_of(shape: Shape, search: SearchRange) -> Finder:
    """Make a shape ready to be looked for."""
    halvings = len(shape.levels) - 1
    coarse = thinned(shape.levels[-1], COARSE_POINTS)
    radius = shape.radius_px / 2**halvings
    angles, scales = _steps(search, radius)

    @lru_cache(maxsize=4)
    def templates(width: int, height: int) -> Templates:
        return templates_of(coarse, halvings, angles, scales, (width, height))

    middle = tuple(thinned(level, MIDDLE_POINTS) for level in shape.levels)
    return Finder(shape, search, templates, coarse, middle)


def find_shapes(image: Image, finder: Finder) -> list[Match]:
    """Every pose at which a fair share of the edges is found, best first, near twins left out."""
    pictures = pyramid_of(image, finder.halvings + 1)
    small = pictures[-1]
    if min(small.shape) < 8:
        return []
    templates = finder.templates(small.shape[1], small.shape[0])
    poses = _full(candidates(small, templates, CANDIDATES * finder.search.parts), finder)
    for halvings in range(finder.halvings, -1, -1):
        if not len(poses):
            return []
        poses = _drawn(pictures[halvings], finder.middle[halvings], halvings, poses, finder)
    return _judged(pictures[0], finder.shape, poses)


def _full(likely: Candidates, finder: Finder) -> Poses:
    """The candidates as poses at full size."""
    turn = np.radians(likely.angles_deg)
    a, b = likely.scales * np.cos(turn), likely.scales * np.sin(turn)
    x, y = (likely.centres * 2**finder.halvings).T
    cx, cy = finder.coarse.points.mean(axis=0)
    return np.stack((a, b, x - (a * cx - b * cy), y - (b * cx + a * cy)), axis=1)


def _drawn(picture: Grey, level: LevelPoints, halvings: int, poses: Poses, finder: Finder) -> Poses:
    """The poses drawn to the edges of one level; the likelier ones, without twins."""
    size = 2**halvings
    local = poses / size
    is_first = halvings == finder.halvings
    for reach in (3, 3, 2) if is_first else (4, 3, 2):
        seen = look_along(picture, level, local, reach)
        local = step_towards(level, local, seen, 1.5)
    seen = look_along(picture, level, local, 2)
    hits = (seen.is_edge & (np.abs(seen.offset_px) <= TOLERANCE_PX)).mean(axis=1)
    poses = local * size
    fitting = _within(poses, finder.search)
    order = np.argsort(-np.where(fitting, hits, -1), kind="stable")
    keep = KEEP[min(2, finder.halvings - halvings)] * finder.search.parts
    order = order[: 2 * keep][(fitting & (hits >= PROMISING * hits[order[0]]))[order[: 2 * keep]]]
    chosen = distinct(poses[order], finder.shape, 3.0 * size)[:keep]
    return poses[order[chosen]]


def _judged(picture: Grey, shape: Shape, poses: Poses) -> list[Match]:
    level = shape.levels[0]
    for reach in (3, 2, 2):
        if not len(poses):
            return []
        seen = look_along(picture, level, poses, reach, is_fine=True)
        poses = step_towards(level, poses, seen, 0.5)
    seen = look_along(picture, level, poses, 2, is_fine=True)
    hits = (seen.is_edge & (np.abs(seen.offset_px) <= TOLERANCE_PX)).mean(axis=1)
    order = np.argsort(-hits, kind="stable")
    poses, hits = poses[order], hits[order]
    return [
        Match(pose=pose_of(poses[index]), match=float(hits[index]))
        for index in distinct(poses, shape, 3.0)
    ]


def distinct(poses: Poses, shape: Shape, apart_px: float) -> list[int]:
    """Indices of the poses that put the view elsewhere than every earlier one."""
    corners = corners_of(poses, shape)
    kept: list[int] = []
    for index in range(len(poses)):
        away = np.hypot(*(corners[kept] - corners[index]).transpose(2, 0, 1)).max(axis=1)
        if not (away < apart_px).any():
            kept.append(index)
    return kept


def corners_of(poses: Poses, shape: Shape) -> Floats:
    """(M, 4, 2) of the view at each pose."""
    x, y = shape.corners.T
    a, b, tx, ty = (column[:, None] for column in poses.T)
    return np.stack((a * x - b * y + tx, b * x + a * y + ty), axis=-1)


def pose_of(row: NDArray[np.float64]) -> Pose:
    """(4,) a, b, x, y as a pose."""
    a, b, x, y = (float(value) for value in row)
    return Pose(x=x, y=y, angle_deg=math.degrees(math.atan2(b, a)), scale=math.hypot(a, b))


def thinned(level: LevelPoints, at_most: int) -> LevelPoints:
    """Evenly fewer points, each far from the others (farthest-point order)."""
    points = level.points
    if len(points) <= at_most:
        return level
    chosen = [int(np.hypot(*(points - points.mean(axis=0)).T).argmax())]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < at_most:
        nearest = np.minimum(nearest, np.hypot(*(points - points[chosen[-1]]).T))
        chosen.append(int(nearest.argmax()))
    chosen.sort()
    return LevelPoints(points=points[chosen], normals=level.normals[chosen])


def _within(poses: Poses, search: SearchRange) -> NDArray[np.bool_]:
    scale = np.hypot(poses[:, 0], poses[:, 1])
    slack = 0.03
    fits = (scale >= search.scale[0] * (1 - slack)) & (scale <= search.scale[1] * (1 + slack))
    low, high = search.angle_deg
    if high - low < 360:
        angle = np.degrees(np.arctan2(poses[:, 1], poses[:, 0]))
        middle, half = (low + high) / 2, (high - low) / 2 + 2
        fits &= np.abs((angle - middle + 180) % 360 - 180) <= half
    return np.asarray(fits, np.bool_)


def _steps(search: SearchRange, radius_px: float) -> tuple[Floats, Floats]:
    """Turns and sizes so near that the points move by little between two."""
    step_deg = math.degrees(TURN_STEP_PX / radius_px)
    low, high = search.angle_deg
    count = max(1, math.ceil((high - low) / step_deg))
    if high - low >= 360:
        angles = low + np.arange(count) * (360 / count)
    else:
        angles = np.linspace(low, high, count + 1)
    ratio = search.scale[1] / search.scale[0]
    steps = math.ceil(math.log(ratio) / (SIZE_STEP_PX / radius_px)) if ratio > 1 else 0
    scales = search.scale[0] * ratio ** ((np.arange(max(1, steps)) + 0.5) / max(1, steps))
    return angles.astype(np.float64), scales.astype(np.float64)
