"""The light of a view brought to that of the template: one gain, and an offset a quarter of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image

Floats = NDArray[np.float32]

SHRINK = 8
QUARTERS = 4
ROUNDS = 4
TRUSTED_LEVELS = 12.0
"""Places that differ by more than so many levels say little of the light (Cauchy weights)."""
OFFSET_LEVELS = 60.0
"""At a tolerance of 1 the offset may come to so many levels."""
FLAT_LEVELS = 2.0
SAME_GAIN, SAME_LEVELS = 0.01, 1.5
"""Light nearer to the template's than this is left as it is."""


@dataclass(frozen=True, slots=True)
class Light:
    """How a view's levels become the template's: level * gain + offset."""

    gain: float
    offset: Floats
    """(rows, columns) of a coarse grid over the view."""
    level: float
    """The offset of all of the view, before it is held to what light may do."""

    def contrast_share(self, ground: float) -> float:
        """How much of its contrast a print has kept, from the template's level of the ground.

        Less light leaves the share of light that the print takes away, ink that fades does not.
        """
        return float(ground / max(ground - self.level, 1e-9)) if ground > 0 else 1.0

    def applied(self, view: Image) -> Image:
        """The view in the template's light; a view that has it already is given back as it is."""
        if abs(self.gain - 1) < SAME_GAIN and float(np.abs(self.offset).max()) < SAME_LEVELS:
            return view
        size = (view.shape[1], view.shape[0])
        offset = np.asarray(cv2.resize(self.offset, size), np.float32)
        if view.ndim == 3:
            offset = np.asarray(cv2.merge((offset,) * 3), np.float32)
        return np.asarray(
            cv2.scaleAdd(view.astype(np.float32), self.gain, offset)
            .clip(0, 255)
            .round()
            .astype(np.uint8)
        )


def find_light(view: Image, template: Image, tolerance: float) -> Light:
    """The light of a registered grey view (height, width), against the template of the same size.

    A straight line through the levels of both at an eighth of the size, fitted with weights that
    forget what differs, then the median of what is left in each sixteenth of the view. Both are
    held to `tolerance` (0: not at all), so that what is darker or brighter than light makes it
    stays a difference.
    """
    size = (max(QUARTERS, view.shape[1] // SHRINK), max(QUARTERS, view.shape[0] // SHRINK))
    seen = _small(view, size)
    wanted = _small(template, size)
    gain, level = _line(seen, wanted, 1 + tolerance)
    most = OFFSET_LEVELS * tolerance
    left = np.clip(_medians(wanted - gain * seen), level - most / 2, level + most / 2)
    return Light(gain, np.clip(left, -most, most).astype(np.float32), level)


def _line(seen: Floats, wanted: Floats, most_gain: float) -> tuple[float, float]:
    """Gain and offset by iteratively weighted least squares."""
    weights = np.ones_like(seen)
    gain, offset = 1.0, 0.0
    for _ in range(ROUNDS):
        total = float(weights.sum())
        middle, target = (float((weights * plane).sum()) / total for plane in (seen, wanted))
        spread = float((weights * (seen - middle) ** 2).sum()) / total
        shared = float((weights * (seen - middle) * (wanted - target)).sum()) / total
        gain = shared / spread if spread > FLAT_LEVELS**2 else 1.0
        gain = min(max(gain, 1 / most_gain), most_gain)
        offset = target - gain * middle
        off = (wanted - gain * seen - offset) / TRUSTED_LEVELS
        weights = np.asarray(1 / (1 + off**2), np.float32)
    return gain, offset


def _medians(plane: Floats) -> Floats:
    rows = np.array_split(plane, QUARTERS, axis=0)
    cells = [[np.median(cell) for cell in np.array_split(row, QUARTERS, axis=1)] for row in rows]
    return np.array(cells, np.float32)


def _small(image: Image, size: tuple[int, int]) -> Floats:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
