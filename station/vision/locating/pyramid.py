"""A grey picture and its halvings: continuous coordinates halve with it, exactly."""

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image

Grey = NDArray[np.uint8]


def grey_of(image: Image) -> Grey:
    """(height, width) uint8."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def pyramid_of(image: Image, levels: int) -> tuple[Grey, ...]:
    """The picture, and `levels` - 1 times half of the one before; each pixel the mean of four.

    An odd last row or column is left away, so that coordinates halve exactly.
    """
    pictures = [grey_of(image)]
    for _ in range(levels - 1):
        before = pictures[-1]
        height, width = max(1, before.shape[0] // 2), max(1, before.shape[1] // 2)
        even = before[: 2 * height, : 2 * width]
        half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(half, np.uint8))
    return tuple(pictures)
