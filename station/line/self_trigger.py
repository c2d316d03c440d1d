"""The camera as its own trigger: a part that is there, still and sharp is inspected, once."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import PictureError, SettingsError
from station.core.frame import Image
from station.line.settings import LineSettings, SelfTrigger
from station.vision.health_measures import noise_of, sharpness_of, strips_of
from station.vision.images import read_image

WIDTH_PX = 160
"""The watched region is looked at so small; finer changes are noise."""
ADAPT = 0.02
"""How fast the empty scene follows the light, a frame."""
GONE_SHARE = 0.6
"""Of `change_at_least`: below it the part has left; between the two nothing changes."""

Small = NDArray[np.float32]


def empty_scene(settings: LineSettings) -> Image | None:
    """The picture of the place without a part, where the settings name one and it is needed.

    Raises:
        SettingsError: it cannot be read.
    """
    path = settings.self_trigger.empty_scene
    if settings.trigger_mode != "self" or path is None:
        return None
    try:
        return read_image(path)
    except PictureError as error:
        raise SettingsError(f"line.self_trigger.empty_scene: {error}") from error


class PartWatch:
    """Sees one frame after the other; says of one frame a part that it is to be inspected."""

    def __init__(self, settings: SelfTrigger, empty: Image | None = None) -> None:
        """`empty` shows the place without a part; None: the first frame does."""
        self._settings = settings
        self._is_given = empty is not None
        self._size = None if empty is None else empty.shape[:2]
        self._empty = None if empty is None else _small(self._cut(empty))
        self._before: Small | None = None
        self._inspected: Small | None = None
        self._still = 0

    def is_due(self, image: Image) -> bool:
        """Whether this frame shows a part that is to be inspected now.

        The empty scene follows slow changes of light for as long as no part is there. A part that
        stays is not due again before it has left, or something else stands in its place.

        Raises:
            SettingsError: the empty scene has another size.
        """
        self._check_size(image)
        region = self._cut(image)
        seen = _small(region)
        before, self._before = self._before, seen
        if self._empty is None:
            self._empty, self._size = seen.copy(), image.shape[:2]
            return False
        change = _difference(seen, self._empty)
        if change < self._settings.change_at_least * GONE_SHARE:
            self._inspected, self._still = None, 0
            self._empty += ADAPT * (seen - self._empty)
            return False
        is_still = _difference(seen, before) <= self._settings.motion_at_most
        self._still = self._still + 1 if is_still else 0
        if self._inspected is not None and not self._is_another(seen):
            self._inspected += ADAPT * is_still * (seen - self._inspected)
            return False
        is_due = (
            change >= self._settings.change_at_least
            and self._still >= self._settings.still_frames
            and self._is_sharp(region)
        )
        if is_due:
            self._inspected = seen.copy()
        return is_due

    def resume(self) -> None:
        """Nobody looked for a while: what stands there now may be another part."""
        self._before = self._inspected = None
        self._still = 0

    def _check_size(self, image: Image) -> None:
        if self._size in (None, image.shape[:2]):
            return
        now = f"the camera's picture {_px(image.shape[:2])}"
        if self._is_given:
            raise SettingsError(
                f"line.self_trigger.empty_scene is {_px(self._size)} and {now}: take it again with "
                "this camera"
            )
        raise SettingsError(
            f"the place without a part was learnt at {_px(self._size)} and {now}: set the camera "
            "right, clear the place and reset"
        )

    def _is_another(self, seen: Small) -> bool:
        """Whether this is not what was inspected last and has stayed since."""
        return _difference(seen, self._inspected) >= self._settings.change_at_least

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


def _px(size: tuple[int, ...] | None) -> str:
    height, width = size or (0, 0)
    return f"{width} x {height} px"


def _grey(image: Image) -> Image:
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.ascontiguousarray(grey, np.uint8)


def _small(region: Image) -> Small:
    height, width = region.shape[:2]
    size = (min(width, WIDTH_PX), max(1, round(height * min(width, WIDTH_PX) / width)))
    small = cv2.resize(_grey(region), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _difference(one: Small, other: Small | None) -> float:
    """Mean absolute difference of grey, 0 to 255; infinite where there is nothing to compare."""
    if other is None or one.shape != other.shape:
        return math.inf
    return float(np.abs(one - other).mean())
