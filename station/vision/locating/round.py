"""The shape of a circle, which nobody has to teach."""

import math

import numpy as np

from station.vision.locating.finder import Finder, SearchRange, finder_of
from station.vision.locating.shape import LevelPoints, Shape

POINTS = 160
COARSEST_RADIUS_PX = 8.0


def circle_finder(radius_px: float, size_within: float, parts: int = 4) -> Finder:
    """Finds circles of about a radius; the part's view is the square about one.

    Args:
        radius_px: of the circle.
        size_within: the share by which it may be larger or smaller.
        parts: how many there may be in one image.
    """
    edge = 2 * math.ceil(radius_px)
    halvings = max(0, math.floor(math.log2(radius_px / COARSEST_RADIUS_PX)))
    count = min(POINTS, max(24, round(2 * math.pi * radius_px / 2)))
    turn = np.arange(count) * (2 * math.pi / count)
    rays = np.stack((np.cos(turn), np.sin(turn)), axis=1)
    either = np.ones(count, np.bool_)
    level = LevelPoints(points=edge / 2 + radius_px * rays, normals=rays, either=either)
    shape = Shape(width_px=edge, height_px=edge, levels=(level,) * (halvings + 1))
    scale = (1 - size_within, 1 + size_within)
    return finder_of(shape, SearchRange(angle_deg=(0.0, 0.0), scale=scale, parts=parts))
