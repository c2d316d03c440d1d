"""From a view of the part to its shape: edge points, well spread, on every level worth having."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import TeachError
from station.core.frame import Image
from station.core.pose import Pose
from station.vision.locating.profiles import look_along
from station.vision.locating.pyramid import Grey, grey_of, pyramid_of
from station.vision.locating.shape import Floats, LevelPoints, Shape

MOST_POINTS = 400
FEWEST_POINTS = 24
COARSEST_RADIUS_PX = 8.0
"""The level the search begins on still shows the part this large (rms radius of its points)."""
WEAKEST_PER_PX = 4.0
MARGIN_PX = 3
DIRECTIONS, RIM = 48, 0.06
"""The outline is what lies furthest out in each direction, give or take a share of the radius."""
STABLE_SHARE = 0.6
"""A point is kept if it is an edge in so many of the further pictures."""


def learn_shape(view: Image, mask: NDArray[np.bool_] | None = None) -> Shape:
    """The shape in a view of the part, upright, in full size.

    Args:
        view: (height, width) grey or (height, width, 3) BGR.
        mask: (height, width), true where the part is; None: everywhere.

    Raises:
        TeachError: there are too few edges to find it by.
    """
    height, width = view.shape[:2]
    first = _points_of(grey_of(view), 0, mask)
    if len(first) < FEWEST_POINTS:
        raise TeachError(
            f"the view has {len(first)} edge points, {FEWEST_POINTS} are needed: nothing to find "
            "the part by; choose a region with clear edges, or better light"
        )
    away = first.points - first.points.mean(axis=0)
    radius = math.sqrt(float((away**2).sum(axis=1).mean()))
    halvings = max(0, math.floor(math.log2(radius / COARSEST_RADIUS_PX)))
    levels = [first]
    for number, picture in enumerate(pyramid_of(view, halvings + 1)[1:], 1):
        level = _points_of(picture, number, mask)
        if len(level) < FEWEST_POINTS:
            break
        levels.append(level)
    return Shape(width_px=width, height_px=height, levels=tuple(levels))


def stable_shape(shape: Shape, seen: Sequence[tuple[Image, Pose]]) -> Shape:
    """The shape with only the points that are edges in most of further pictures.

    Args:
        shape: from the reference view.
        seen: pictures with the pose the part has in each.

    Raises:
        TeachError: too little is common to the pictures.
    """
    count = len(shape.levels)
    hits = [np.zeros(len(level)) for level in shape.levels]
    turned = [np.zeros(len(level)) for level in shape.levels]
    for image, pose in seen:
        matrix = pose.matrix
        for number, picture in enumerate(pyramid_of(image, count)):
            here = np.array(((matrix[0, 0], matrix[1, 0], pose.x, pose.y),)) / 2**number
            look = look_along(picture, shape.levels[number].opened(), here, 2)
            is_hit = (look.is_edge & (np.abs(look.offset_px) <= 1.5))[0]
            hits[number] += is_hit
            turned[number] += is_hit & look.is_turned[0]
    levels = []
    for level, hit, turn in zip(shape.levels, hits, turned, strict=True):
        keep = hit >= STABLE_SHARE * len(seen)
        if keep.sum() < FEWEST_POINTS:
            break
        told = LevelPoints(
            points=level.points, normals=level.normals, either=level.either | (turn > 0)
        )
        levels.append(told.part(keep))
    if not levels:
        raise TeachError(
            "the pictures have too few edges in common; are they of the same part, and sharp?"
        )
    return Shape(width_px=shape.width_px, height_px=shape.height_px, levels=tuple(levels))


def _points_of(picture: Grey, halvings: int, mask: NDArray[np.bool_] | None) -> LevelPoints:
    """Edge points of one level, the strongest of each neighbourhood, to a fraction of a pixel."""
    smooth = cv2.GaussianBlur(picture, (3, 3), 0).astype(np.float32)
    gx, gy = (
        np.asarray(cv2.Sobel(smooth, cv2.CV_32F, *axis, ksize=3, scale=1 / 8), np.float32)
        for axis in ((1, 0), (0, 1))
    )
    rise = np.hypot(gx, gy)
    is_ridge = _ridge(rise, gx, gy) & (rise >= WEAKEST_PER_PX)
    border = MARGIN_PX
    is_ridge[:border] = is_ridge[-border:] = False
    is_ridge[:, :border] = is_ridge[:, -border:] = False
    if mask is not None:
        size = (picture.shape[1], picture.shape[0])
        share = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
        is_ridge &= share > 0
    rows, columns = np.nonzero(is_ridge)
    strength = rise[rows, columns]
    chosen = _spread(np.stack((columns, rows), axis=1), strength, MOST_POINTS)
    rows, columns = rows[chosen], columns[chosen]
    normals = np.stack((gx[rows, columns], gy[rows, columns]), axis=1).astype(np.float64)
    normals /= np.hypot(*normals.T)[:, None]
    points = np.stack((columns, rows), axis=1).astype(np.float64) + 0.5
    points *= 2**halvings
    level = LevelPoints(points=points, normals=normals, either=_outermost(points))
    return _settled(picture, halvings, level)


def _settled(picture: Grey, halvings: int, level: LevelPoints) -> LevelPoints:
    """Points moved onto the edge the calipers see, and only those they see."""
    here = np.array(((1.0, 0.0, 0.0, 0.0),)) / 2**halvings
    if not len(level):
        return level
    for _ in range(2):
        seen = look_along(picture, level, here, 2, is_fine=halvings == 0)
        moved = level.points + (seen.offset_px[0] * 2**halvings)[:, None] * level.normals
        level = LevelPoints(points=moved, normals=level.normals, either=level.either)
    seen = look_along(picture, level, here, 2, is_fine=halvings == 0)
    return level.part(seen.is_edge[0] & (np.abs(seen.offset_px[0]) < 0.25))


def _outermost(points: Floats) -> NDArray[np.bool_]:
    """(N,) true for points with none further out in their direction from the middle."""
    if not len(points):
        return np.zeros(0, np.bool_)
    away = points - (points.min(axis=0) + points.max(axis=0)) / 2
    reach = np.hypot(*away.T)
    turn = np.arctan2(away[:, 1], away[:, 0]) / (2 * math.pi) + 0.5
    sector = (turn * DIRECTIONS).astype(int) % DIRECTIONS
    furthest = np.zeros(DIRECTIONS)
    np.maximum.at(furthest, sector, reach)
    return np.asarray(reach >= furthest[sector] - RIM * reach.max(), np.bool_)


def _ridge(
    rise: NDArray[np.float32], gx: NDArray[np.float32], gy: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Where the rise is highest across the edge."""
    ys, xs = np.indices(rise.shape, np.float32)
    length = np.maximum(rise, 1e-6)
    ux, uy = gx / length, gy / length
    ahead = cv2.remap(rise, xs + ux, ys + uy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    behind = cv2.remap(rise, xs - ux, ys - uy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray((rise > ahead) & (rise >= behind), np.bool_)


def _spread(places: NDArray[np.int64], strength: Floats, at_most: int) -> NDArray[np.int64]:
    """Indices of the strongest point of each cell, the cells as small as `at_most` allows."""
    order = np.argsort(-strength, kind="stable")
    edge = 1
    while True:
        cells = places[order] // edge
        keys = cells[:, 1] * (1 << 20) + cells[:, 0]
        _, first = np.unique(keys, return_index=True)
        if len(first) <= at_most:
            return np.sort(order[first])
        edge += 1 if edge < 4 else max(1, edge // 4)
