"""The camera as its own trigger: a part that is there, still and sharp is inspected, once."""

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.line.settings import SelfTrigger
from station.vision.health_measures import noise_of, sharpness_of, strips_of

WIDTH_PX = 160
"""The watched region is looked at so small; finer changes are noise."""
ADAPT = 0.02
"""How fast the empty scene follows the light, a frame."""
GONE_SHARE = 0.6
"""Of `change_at_least`: below it the part has left; between the two nothing changes."""

Small = NDArray[np.float32]


class PartWatch:
    """Sees one frame after the other; says of one frame a part that it is to be inspected."""

    def __init__(self, settings: SelfTrigger) -> None:
        self._settings = settings
        self._empty: Small | None = None
        self._before: Small | None = None
        self._still = 0
        self._is_armed = True

    def is_due(self, image: Image) -> bool:
        """Whether this frame shows a part that is to be inspected now.

        The first frame is taken for the empty scene, which then follows slow changes of light for
        as long as no part is there. A part that stays is not due again before it has left.
        """
        region = self._cut(image)
        seen = _small(region)
        if self._empty is None or self._empty.shape != seen.shape:
            self._empty, self._before, self._still = seen, seen, 0
            return False
        change = _difference(seen, self._empty)
        motion = _difference(seen, self._before) if self._before is not None else 0.0
        self._before = seen
        if change < self._settings.change_at_least * GONE_SHARE:
            self._is_armed, self._still = True, 0
            self._empty += ADAPT * (seen - self._empty)
            return False
        is_still = motion <= self._settings.motion_at_most
        self._still = self._still + 1 if is_still else 0
        is_due = (
            self._is_armed
            and change >= self._settings.change_at_least
            and self._still >= self._settings.still_frames
            and self._is_sharp(region)
        )
        self._is_armed = self._is_armed and not is_due
        return is_due

    def _cut(self, image: Image) -> Image:
        at = self._settings
        height, width = image.shape[:2]
        bottom = height if at.height is None else at.y + at.height
        right = width if at.width is None else at.x + at.width
        region = image[at.y : bottom, at.x : right]
        return region if region.size else image

    def _is_sharp(self, region: Image) -> bool:
        wanted = self._settings.sharpness_at_least
        if not wanted:
            return True
        strips = strips_of(region)
        return sharpness_of(strips, noise_of(strips)) >= wanted


def _grey(image: Image) -> Image:
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.ascontiguousarray(grey, np.uint8)


def _small(region: Image) -> Small:
    height, width = region.shape[:2]
    size = (min(width, WIDTH_PX), max(1, round(height * min(width, WIDTH_PX) / width)))
    small = cv2.resize(_grey(region), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _difference(one: Small, other: Small) -> float:
    """Mean absolute difference of grey, 0 to 255."""
    return float(np.abs(one - other).mean())
