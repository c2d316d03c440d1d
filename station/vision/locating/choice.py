"""Which matches are parts: one place each, one pose each, as many as there may be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from station.core.errors import PartAmbiguousError, PartNotFoundError, StationError
from station.core.pose import Pose
from station.vision.locating.search import Match
from station.vision.locating.shape import Floats, Shape

NO_SYMMETRY_DEG = 360.0
ANY_ANGLE_DEG = 0.0
"""The symmetry of a disc: its angle means nothing."""
SAME_PLACE = 0.3
"""Outlines that share so much of the smaller one belong to one part."""
SAME_POSE = 0.03
"""Poses that put no corner further apart than this share of the view's diagonal are one."""
CLEAR_LEAD = 0.15
"""Another pose for the same part must match by so much less, or nobody can tell which is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry:
    """What a turn about `centre` (2,) by `angle_deg` changes nothing of; 360 is no symmetry."""

    angle_deg: float
    centre: Floats

    def plain(self, pose: Pose) -> Pose:
        """Of all poses that look alike the one turned least."""
        if self.angle_deg >= NO_SYMMETRY_DEG:
            return pose
        turn = -pose.angle_deg
        if self.angle_deg > 0:
            turn = -self.angle_deg * round(pose.angle_deg / self.angle_deg)
        return turned_about(pose, self.centre, turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The parts in reading order, and why that is not all that was wanted."""

    matches: tuple[Match, ...]
    problem: StationError | None


def choose(
    matches: Sequence[Match],
    shape: Shape,
    symmetry: Symmetry,
    *,
    least_match: float,
    at_least: int,
    at_most: int,
) -> Choice:
    """Part the matches (best first) into parts and their rivals, and say what is wrong."""
    kept: list[Match] = []
    rivals: list[tuple[Match, Match]] = []
    best_below = 0.0
    for match in matches:
        if not match.match > least_match:
            best_below = max(best_below, match.match)
            continue
        plain = Match(pose=symmetry.plain(match.pose), match=match.match)
        holder = next((part for part in kept if _share_place(part, plain, shape)), None)
        if holder is None:
            kept.append(plain)
        elif not _is_same(holder.pose, plain.pose, shape):
            rivals.append((holder, plain))
    parts = tuple(in_reading_order(kept, shape))
    return Choice(matches=parts, problem=_problem(kept, rivals, best_below, at_least, at_most))


def turned_about(pose: Pose, centre: Floats, angle_deg: float) -> Pose:
    """A pose with the part first turned about a point of its own."""
    turn = math.radians(angle_deg)
    cos, sin = math.cos(turn), math.sin(turn)
    x, y = centre.tolist()
    origin = np.array((x - (cos * x - sin * y), y - (sin * x + cos * y)))
    ix, iy = pose.to_image(origin).tolist()
    angle = (pose.angle_deg + angle_deg + 180) % 360 - 180
    return Pose(x=ix, y=iy, angle_deg=angle, scale=pose.scale)


def in_reading_order(matches: Sequence[Match], shape: Shape) -> list[Match]:
    """Row by row from the top, each from the left; parts of one row may differ by half a part."""
    centres = [match.pose.to_image(shape.centre).tolist() for match in matches]
    left = sorted(range(len(matches)), key=lambda index: centres[index][1])
    ordered: list[int] = []
    while left:
        first = left[0]
        reach = 0.5 * min(shape.width_px, shape.height_px) * matches[first].pose.scale
        row = [index for index in left if centres[index][1] - centres[first][1] <= reach]
        ordered += sorted(row, key=lambda index: centres[index][0])
        left = [index for index in left if index not in row]
    return [matches[index] for index in ordered]


def _problem(
    kept: Sequence[Match],
    rivals: Sequence[tuple[Match, Match]],
    best_below: float,
    at_least: int,
    at_most: int,
) -> StationError | None:
    for part, rival in rivals:
        if rival.match >= part.match - CLEAR_LEAD:
            return PartAmbiguousError(
                f"the part could lie at {_said(part)} or at {_said(rival)}; teach a view that "
                "looks different from every side, or say how it is symmetric"
            )
    if len(kept) > at_most:
        return PartAmbiguousError(
            f"{len(kept)} parts found, at most {at_most} may be in the image: "
            + ", ".join(_said(part) for part in kept[:4])
        )
    if len(kept) < at_least:
        nearest = f"; the nearest match has {best_below:.0%} of the edges" if best_below else ""
        return PartNotFoundError(f"{len(kept)} of {at_least} parts found{nearest}")
    return None


def _said(match: Match) -> str:
    pose = match.pose
    return f"({pose.x:.0f}, {pose.y:.0f}) turned {pose.angle_deg:.0f}° ({match.match:.0%})"


def _share_place(one: Match, other: Match, shape: Shape) -> bool:
    first, second = (_outline(match, shape) for match in (one, other))
    shared, _ = cv2.intersectConvexConvex(first, second)
    smaller = min(cv2.contourArea(first), cv2.contourArea(second))
    return bool(shared > SAME_PLACE * max(smaller, 1.0))


def _outline(match: Match, shape: Shape) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    hull = cv2.convexHull(shape.levels[0].points.astype(np.float32))[:, 0]
    return match.pose.to_image(hull.astype(np.float64)).astype(np.float32)


def _is_same(one: Pose, other: Pose, shape: Shape) -> bool:
    away = np.hypot(*(one.to_image(shape.corners) - other.to_image(shape.corners)).T).max()
    diagonal = math.hypot(shape.width_px, shape.height_px) * one.scale
    return bool(away <= max(3.0, SAME_POSE * diagonal))
