"""Which zeros have a stroke or dot inside: all that tells a slashed zero from a letter O."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image

STROKE_AT_LEAST = 0.7
"""Darkest ink in the middle of a zero, 1 for black; `python -m tests.benchmarks.tools --only
labels` counts the letters O that have as much, and the zeros that have not."""
_INK = 0.45
_CORE_HIGH, _CORE_WIDE = (0.3, 0.7), (0.33, 0.67)
_SEARCH = 0.3
"""How far from the middle between two signs their gap is looked for, as a share of the pitch."""


def zeros_have_strokes(strip: Image, places: Sequence[float], which: Sequence[int]) -> bool:
    """True where each of the signs `which` of a line has ink in its middle.

    `strip` is grey [48, w], uint8, ink 0 and ground 255; `places` are the middles of all its signs
    along it, in pixels.
    """
    ink = (255 - strip.astype(np.float64)) / 255
    return all(_core(ink, places, number) >= STROKE_AT_LEAST for number in which)


def _core(ink: NDArray[np.float64], places: Sequence[float], number: int) -> float:
    """The darkest ink in the middle of one sign: 0 where no sign is seen."""
    pitch = float(np.median(np.diff(places))) if len(places) > 1 else float(len(ink)) / 2
    at = places[number]
    before = places[number - 1] if number else at - pitch
    after = places[number + 1] if number + 1 < len(places) else at + pitch
    left, right = (_gap(ink, (at + beside) / 2, pitch) for beside in (before, after))
    sign = ink[:, left : right + 1]
    rows, columns = np.nonzero(sign > _INK)
    if not len(rows):
        return 0.0
    sign = sign[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    down, across = (_middle(size, share) for size, share in
                    zip(sign.shape, (_CORE_HIGH, _CORE_WIDE), strict=True))  # fmt: skip
    return float(sign[down, across].max())


def _gap(ink: NDArray[np.float64], about: float, pitch: float) -> int:
    """The column with the least ink near a place."""
    low = int(min(max(0, about - _SEARCH * pitch), ink.shape[1] - 1))
    high = max(low, int(about + _SEARCH * pitch))
    columns = np.asarray(ink[:, low : high + 1].sum(axis=0), np.float64)
    return int(low + np.argmin(columns))


def _middle(size: int, share: tuple[float, float]) -> slice:
    return slice(int(size * share[0]), int(np.ceil(size * share[1])))
