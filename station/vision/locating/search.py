"""Where the shape is: candidates on a small picture, drawn to the edges level by level."""

import math
from collections.abc import Callable, Sequence
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
TOLERANCE_PX = 1.5
TURN_STEP_PX, SIZE_STEP_PX = 2.2, 2.4
CLEAR_MATCH = 0.8
"""A best match below this is sought again from all around it."""
SHAKEN, SHAKEN_LEVEL = 3, 2
SURE_MATCH = 0.6
"""Where fewer parts than there may be match so well, the search is done again, thoroughly."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many poses are followed up, for one part in the image."""

    candidates: int
    promising: float
    """The share of the best candidate's score that another one needs."""
    keep: tuple[int, int, int]
    """Poses that go on after the first level, the second, each later one."""
    hopeful: float
    """The share of the best pose's found edges that another one needs to go on."""
    with_rough: bool = False


QUICK = Effort(candidates=48, promising=0.75, keep=(24, 10, 6), hopeful=0.6)
THOROUGH = Effort(candidates=160, promising=0.5, keep=(60, 24, 12), hopeful=0.45, with_rough=True)


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
    if min(pictures[-1].shape) < 8:
        return []
    found: list[Match] = []
    for effort in (QUICK, THOROUGH):
        found = _sought(pictures, finder, effort)
        if found and found[0].match < CLEAR_MATCH:
            found = _shaken(pictures, finder, found)
        if found and found[0].match >= SURE_MATCH:
            break
    return found


def _shaken(pictures: Sequence[Grey], finder: Finder, found: Sequence[Match]) -> list[Match]:
    """The likeliest poses again from all around them: one may have been caught by wrong edges."""
    halvings = min(SHAKEN_LEVEL, finder.halvings)
    step = 2.0 * 2**halvings / finder.shape.radius_px
    starts = np.array(
        [
            (1.0 + ds * step, da * step)
            for ds, da in (
                (0, 0),
                (1, 0),
                (-1, 0),
                (0, 1),
                (0, -1),
                (1, 1),
                (-1, -1),
                (1, -1),
                (-1, 1),
            )
        ]
    )
    best = rows_of([match.pose for match in found[: SHAKEN * finder.search.parts]])
    poses = _turned_starts(best, starts, finder.shape.centre)
    for level in range(halvings, -1, -1):
        if len(poses):
            poses = _drawn(pictures[level], finder.middle[level], level, poses, finder, QUICK)
    again = [*found, *_judged(pictures[0], finder.shape, poses)] if len(poses) else list(found)
    again.sort(key=lambda match: -match.match)
    kept = distinct(rows_of([match.pose for match in again]), finder.shape, 3.0)
    return [again[index] for index in kept]


def _turned_starts(poses: Poses, starts: Floats, centre: Floats) -> Poses:
    """Each pose with each change (size times cosine, size times sine) about the shape's centre."""
    a, b, x, y = (column[:, None] for column in poses.T)
    cos, sin = starts.T
    cx, cy = centre
    turned_a, turned_b = a * cos - b * sin, a * sin + b * cos
    at_x, at_y = a * cx - b * cy + x, b * cx + a * cy + y
    moved_x = at_x - (turned_a * cx - turned_b * cy)
    moved_y = at_y - (turned_b * cx + turned_a * cy)
    return np.stack((turned_a, turned_b, moved_x, moved_y), axis=-1).reshape(-1, 4)


def _sought(pictures: Sequence[Grey], finder: Finder, effort: Effort) -> list[Match]:
    small = pictures[-1]
    templates = finder.templates(small.shape[1], small.shape[0])
    at_most = effort.candidates * finder.search.parts
    likely = candidates(small, templates, at_most, effort.promising, with_rough=effort.with_rough)
    poses = _full(likely, finder)
    for halvings in range(finder.halvings, -1, -1):
        if not len(poses):
            return []
        poses = _drawn(pictures[halvings], finder.middle[halvings], halvings, poses, finder, effort)
    return _judged(pictures[0], finder.shape, poses)


def _full(likely: Candidates, finder: Finder) -> Poses:
    """The candidates as poses at full size."""
    turn = np.radians(likely.angles_deg)
    a, b = likely.scales * np.cos(turn), likely.scales * np.sin(turn)
    x, y = (likely.centres * 2**finder.halvings).T
    cx, cy = finder.coarse.points.mean(axis=0)
    return np.stack((a, b, x - (a * cx - b * cy), y - (b * cx + a * cy)), axis=1)


def _drawn(
    picture: Grey,
    level: LevelPoints,
    halvings: int,
    poses: Poses,
    finder: Finder,
    effort: Effort,
) -> Poses:
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
    keep = effort.keep[min(2, finder.halvings - halvings)] * finder.search.parts
    order = order[: 2 * keep][
        (fitting & (hits >= effort.hopeful * hits[order[0]]))[order[: 2 * keep]]
    ]
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


def rows_of(poses: Sequence[Pose]) -> Poses:
    """(M, 4) a, b, x, y."""
    rows = [(pose.matrix[0, 0], pose.matrix[1, 0], pose.x, pose.y) for pose in poses]
    return np.array(rows, np.float64).reshape(-1, 4)


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
