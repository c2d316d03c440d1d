"""Whether a drawn defect can be seen, and which pixels it changed."""

import cv2
import numpy as np
from numpy.typing import NDArray

from station.teach.drawn.spot import Pixels

FAINTEST = 6.0
"""Grey levels; below, no camera on a line tells a change from its own noise."""
EVIDENT_SHARE = 0.3
"""Pixels that changed less than this share of the largest change belong to its soft edge."""
FEWEST_PIXELS = 4
NEIGHBOURHOOD_PX = 15


def changed_pixels(before: Pixels, after: Pixels) -> NDArray[np.bool_]:
    """The pixels (height, width) that visibly changed; small gaps between them are closed."""
    change = np.abs(after - before).max(axis=2)
    mask = change > max(FAINTEST, EVIDENT_SHARE * float(change.max()))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(closed > 0)


def is_visible(before: Pixels, after: Pixels, mask: NDArray[np.bool_]) -> bool:
    """Whether the change under `mask` stands out of the texture round about.

    `before`, `after` are (height, width, channels), 0 to 255. The mean change must exceed the local
    standard deviation (15 x 15 pixels) of the good picture by a factor that shrinks with the area.
    """
    count = int(np.count_nonzero(mask))
    if count < FEWEST_PIXELS:
        return False
    change = np.abs(after - before).max(axis=2)
    texture = float(_roughness(before)[mask].mean())
    eased = min(2.0, (count / 40) ** 0.25)
    return bool(change[mask].mean() > FAINTEST + 0.6 * texture / eased)


def _roughness(pixels: Pixels) -> NDArray[np.float32]:
    grey = np.ascontiguousarray(pixels.mean(axis=2))
    side = (NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX)
    mean = cv2.blur(grey, side)
    return np.asarray(np.sqrt(np.maximum(0, cv2.blur(grey * grey, side) - mean * mean)))
