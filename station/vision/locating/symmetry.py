"""How a shape looks like itself: by which turns, and about which point."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from station.core.errors import TeachError
from station.core.frame import Image
from station.core.pose import Pose
from station.vision.locating.choice import ANY_ANGLE_DEG, NO_SYMMETRY_DEG, Symmetry
from station.vision.locating.finder import SearchRange, finder_of
from station.vision.locating.search import Match, find_shapes
from station.vision.locating.shape import Floats, Shape

LOOKS_ALIKE = 0.75
"""A view that matches itself so well in another pose could be taken for it when partly hidden."""
TURNS = (12, 10, 9, 8, 6, 5, 4, 3, 2)
NEAR_DEG = 5.0
NEAR_SHARE = 0.03
"""Poses that differ by less than this share of the view's diagonal are one place."""
SMALLEST_TURN_DEG = 12.0


def symmetry_of_view(view: Image, shape: Shape) -> Symmetry:
    """The symmetry of a taught view.

    Raises:
        TeachError: it looks like itself in a way that is no turn, as a row of equal teeth moved by
            one.
    """
    rivals = _rivals(view, shape)
    turns = [match for match in rivals if _is_turn(match.pose, shape)]
    if len(turns) < len(rivals):
        moved = next(match for match in rivals if match not in turns).pose
        raise TeachError(
            f"the view looks the same when it is moved by ({moved.x:.0f}, {moved.y:.0f}) px; "
            "choose a region that holds something which occurs once"
        )
    if not turns:
        return Symmetry(angle_deg=NO_SYMMETRY_DEG, centre=shape.centre)
    angle_deg = _turn_of([match.pose.angle_deg for match in turns])
    return Symmetry(angle_deg=angle_deg, centre=_fixed_point(turns, shape))


def _rivals(view: Image, shape: Shape) -> list[Match]:
    """Other poses in which the view matches itself, as poses from view to view."""
    rim = math.ceil(math.hypot(*view.shape[:2]) / 4)
    padded = cv2.copyMakeBorder(view, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
    search = SearchRange(scale=(0.9, 1.1), parts=5)
    found = find_shapes(np.asarray(padded, np.uint8), finder_of(shape, search))
    near = NEAR_SHARE * math.hypot(shape.width_px, shape.height_px) + 3
    rivals = []
    for match in found:
        pose = match.pose
        moved = Pose(x=pose.x - rim, y=pose.y - rim, angle_deg=pose.angle_deg, scale=pose.scale)
        away = np.hypot(*(moved.to_image(shape.corners) - shape.corners).T).max()
        if match.match >= LOOKS_ALIKE and away > near:
            rivals.append(Match(pose=moved, match=match.match))
    return rivals


def _is_turn(pose: Pose, shape: Shape) -> bool:
    """Whether the part is turned about itself, and not moved."""
    moved = float(np.hypot(*(pose.to_image(shape.centre) - shape.centre)))
    diagonal = math.hypot(shape.width_px, shape.height_px)
    return abs(pose.angle_deg) >= SMALLEST_TURN_DEG or moved <= NEAR_SHARE * diagonal


def _turn_of(angles_deg: Sequence[float]) -> float:
    for count in TURNS:
        step = 360 / count
        multiples = [step * number for number in range(1, count)]
        all_seen = all(any(_apart(a, m) < NEAR_DEG for a in angles_deg) for m in multiples)
        all_told = all(any(_apart(a, m) < NEAR_DEG for m in (0.0, *multiples)) for a in angles_deg)
        if all_seen and all_told:
            return step
    return ANY_ANGLE_DEG


def _apart(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


def _fixed_point(turns: Sequence[Match], shape: Shape) -> Floats:
    """The point that no turn moves: of the turns, weighed by how far they turn."""
    left = np.zeros((2, 2))
    right = np.zeros(2)
    for match in turns:
        still = np.eye(2) - match.pose.matrix[:, :2]
        left += still.T @ still
        right += still.T @ match.pose.matrix[:, 2]
    if np.linalg.cond(left) > 1e6:
        return shape.centre
    return np.asarray(np.linalg.solve(left, right), np.float64)
