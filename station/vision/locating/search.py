"""Where the shape is: candidates on a small picture, drawn to the edges level by level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.pose import Pose
from station.vision.locating.coarse import Candidates, candidates
from station.vision.locating.finder import (
    QUICK,
    THOROUGH,
    Effort,
    Finder,
    SearchRange,
    Start,
)
from station.vision.locating.profiles import Poses, look_along, step_towards
from station.vision.locating.pyramid import Grey, pyramid_of
from station.vision.locating.shape import Floats, LevelPoints, Shape

TOLERANCE_PX, DRAWN_TOLERANCE_PX = 1.2, 1.5
CLEAR_MATCH = 0.8
"""A best match below this is sought again from all around it."""
SHAKEN, SHAKEN_LEVEL = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One place where the shape was found."""

    pose: Pose
    match: float
    """The share of the taught edge points that are found there, 0 to 1."""


def find_shapes(image: Image, finder: Finder) -> list[Match]:
    """Every pose at which a fair share of the edges is found, best first, near twins left out."""
    pictures = pyramid_of(image, finder.halvings + 1)
    if min(pictures[-1].shape) < 8:
        return []
    found = _shaken(pictures, finder, _sought(pictures, finder, QUICK))
    if found and found[0].match >= CLEAR_MATCH:
        return found
    # nothing, or something that is not clear: its rivals must be seen too
    again = _shaken(pictures, finder, _sought(pictures, finder, THOROUGH))
    return _joined([*found, *again], finder.shape)


def _joined(found: Sequence[Match], shape: Shape) -> list[Match]:
    """The best first, each pose once."""
    best_first = sorted(found, key=lambda match: -match.match)
    kept = distinct(rows_of([match.pose for match in best_first]), shape, 3.0)
    return [best_first[index] for index in kept]


def _shaken(pictures: Sequence[Grey], finder: Finder, found: Sequence[Match]) -> list[Match]:
    """The likeliest poses again from all around them: one may have been caught by wrong edges."""
    if not found or found[0].match >= CLEAR_MATCH:
        return list(found)
    halvings = min(SHAKEN_LEVEL, finder.halvings)
    step = 2.0 * 2**halvings / finder.shape.radius_px
    starts = np.array([(1.0 + ds * step, da * step) for ds in (-1, 0, 1) for da in (-1, 0, 1)])
    best = rows_of([match.pose for match in found[: SHAKEN * finder.search.parts]])
    poses = _turned_starts(best, starts, finder.shape.centre)
    for level in range(halvings, -1, -1):
        if len(poses):
            points = finder.middle[level]
            keep = QUICK.keep[1] * finder.search.parts
            poses = _drawn(pictures[level], points, level, poses, finder, keep, QUICK.hopeful)
    again = _judged(pictures[0], finder.shape, poses) if len(poses) else []
    return _joined([*found, *again], finder.shape)


def _turned_starts(poses: Poses, starts: Floats, centre: Floats) -> Poses:
    """Each pose with each change (size times cosine, size times sine) about the shape's centre."""
    a, b, x, y = (column[:, None] for column in poses.T)
    cos, sin = starts.T
    cx, cy = centre
    turned_a, turned_b = a * cos - b * sin, a * sin + b * cos
    at_x, at_y = a * cx - b * cy + x, b * cx + a * cy + y
    moved_x = at_x - (turned_a * cx - turned_b * cy)
    moved_y = at_y - (turned_b * cx + turned_a * cy)
    rows = np.stack((turned_a, turned_b, moved_x, moved_y), axis=-1)
    return np.asarray(rows.reshape(-1, 4), np.float64)


def _sought(pictures: Sequence[Grey], finder: Finder, effort: Effort) -> list[Match]:
    height, width = pictures[0].shape
    start = finder.start((width, height), effort)
    small = pictures[start.halvings]
    templates = start.templates(small.shape[1], small.shape[0])
    at_most = effort.candidates * finder.search.parts
    likely = candidates(small, templates, at_most, effort.promising, with_rough=effort.with_rough)
    poses = _full(likely, start)
    for step in range(start.halvings + 1):
        halvings = start.halvings - step
        if not len(poses):
            return []
        level = finder.middle[halvings]
        keep = effort.keep[min(2, step)] * finder.search.parts
        poses = _drawn(pictures[halvings], level, halvings, poses, finder, keep, effort.hopeful)
    return _judged(pictures[0], finder.shape, poses)


def _full(likely: Candidates, start: Start) -> Poses:
    """The candidates as poses at full size."""
    turn = np.radians(likely.angles_deg)
    a, b = likely.scales * np.cos(turn), likely.scales * np.sin(turn)
    x, y = (likely.centres * 2**start.halvings).T
    cx, cy = start.points.points.mean(axis=0)
    return np.stack((a, b, x - (a * cx - b * cy), y - (b * cx + a * cy)), axis=1)


def _drawn(
    picture: Grey,
    level: LevelPoints,
    halvings: int,
    poses: Poses,
    finder: Finder,
    keep: int,
    hopeful: float,
) -> Poses:
    """The poses drawn to the edges of one level; the likelier ones, without twins."""
    size = 2**halvings
    local = poses / size
    for reach in (4, 3, 2):
        seen = look_along(picture, level, local, reach)
        local = step_towards(level, local, seen, 1.5)
    seen = look_along(picture, level, local, 2)
    hits = (seen.is_edge & (np.abs(seen.offset_px) <= DRAWN_TOLERANCE_PX)).mean(axis=1)
    poses = local * size
    fitting = _within(poses, finder.search)
    order = np.argsort(-np.where(fitting, hits, -1), kind="stable")
    is_hopeful = fitting & (hits >= hopeful * hits[order[0]])
    likely = poses[[index for index in order[: 2 * keep] if is_hopeful[index]]]
    return np.asarray(likely[distinct(likely, finder.shape, 3.0 * size)[:keep]], np.float64)


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
