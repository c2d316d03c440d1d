"""Where lines of text lie in a region, and how much they are turned."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.region import Rectangle
from station.vision.geometry import to_channels

InkColour = Literal["dark", "light", "auto"]

LEAST_HEIGHT_PX = 7
"""Lower capitals than that hold too little to be told apart."""
_COARSE_DEG, _FINE_DEG = 0.5, 0.1
_GAP = 3.0
"""Signs further apart than so many line heights belong to two lines."""
_SURROUNDINGS_PX = 61
_MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of a region, top to bottom and then left to right."""

    boxes: tuple[Rectangle, ...]
    """Around each line's ink, turned with it, in the region's pixels."""
    is_dark: bool
    """Dark ink on a lighter ground."""
    contrast_grey: float
    """How much the ink stands out of its ground."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSearch:
    """What is known of the lines beforehand."""

    turned_at_most_deg: float = 6.0
    contrast_at_least_grey: float = 12.0
    ink: InkColour = "dark"


@dataclass(frozen=True, slots=True)
class _Ink:
    is_ink: NDArray[np.bool_]
    contrast_grey: float
    is_dark: bool


def find_lines(image: Image, search: LineSearch) -> Lines:
    """Every line of text in an image, grey or BGR; none where nothing stands out.

    The turn is the one at which the rows differ most (projection profile: Postl 1986).
    """
    grey = to_channels(image, 1)
    ink = _ink(grey, search)
    boxes: tuple[Rectangle, ...] = ()
    if ink.contrast_grey >= search.contrast_at_least_grey and ink.is_ink.any():
        rows, columns = np.nonzero(ink.is_ink)
        angle = _turn(rows, columns, search.turned_at_most_deg)
        boxes = tuple(_boxes(ink.is_ink, rows, columns, angle))
    return Lines(boxes=boxes, is_dark=ink.is_dark, contrast_grey=ink.contrast_grey)


def _ink(grey: Image, search: LineSearch) -> _Ink:
    """The ink of the colour that was asked for; else of the one that covers less."""
    smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.uint8)
    seen = []
    if search.ink != "light":
        seen.append(_stands_out(smooth, is_dark=True))
    if search.ink != "dark":
        seen.append(_stands_out(smooth, is_dark=False))
    strongest = max(each.contrast_grey for each in seen)
    # Between dark letters the ground stands out as light as they are dark: text is the lesser part.
    clear = [each for each in seen if each.contrast_grey >= strongest / 2]
    return min(clear, key=lambda each: each.is_ink.sum())


def _stands_out(smooth: Image, *, is_dark: bool) -> _Ink:
    """What is darker (lighter) than its surroundings, cut at Otsu's level (1979)."""
    reach = min(min(smooth.shape) // 2 * 2 + 1, _SURROUNDINGS_PX)
    around = np.ones((reach, reach), np.uint8)
    how = cv2.MORPH_BLACKHAT if is_dark else cv2.MORPH_TOPHAT
    shown = np.asarray(cv2.morphologyEx(smooth, how, around), np.uint8)
    level, _ = cv2.threshold(shown, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    above = shown > level
    if not above.any() or above.all():
        return _Ink(above & False, 0.0, is_dark)
    contrast = float(np.median(shown[above]) - np.median(shown[~above]))
    return _Ink(_without_frames(above), contrast, is_dark)


def _without_frames(is_ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Ink without what cannot be a sign: specks, and what reaches across the region."""
    height, width = is_ink.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(is_ink.astype(np.uint8), None)
    wide, high = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    keep = (stats[:, cv2.CC_STAT_AREA] >= 3) & (wide < 0.9 * width)
    keep &= ~((high > 0.6 * height) & (high > 40))
    keep[0] = False
    return np.asarray(keep[labels]) if count > 1 else is_ink


def _turn(rows: NDArray[np.int64], columns: NDArray[np.int64], most_deg: float) -> float:
    """How much the lines are turned, clockwise, in degrees."""
    step = max(1, len(rows) // _MOST_POINTS)
    y, x = rows[::step].astype(np.float64), columns[::step] - float(columns.mean())

    def sharpness(angle: float) -> float:
        profile = np.bincount(np.round(y - x * math.tan(math.radians(angle)) + 4096).astype(int))
        return float((profile.astype(np.float64) ** 2).sum())

    coarse = np.arange(-most_deg, most_deg + _COARSE_DEG / 2, _COARSE_DEG)
    best = max(coarse.tolist(), key=sharpness)
    fine = best + np.arange(-_COARSE_DEG, _COARSE_DEG + _FINE_DEG / 2, _FINE_DEG)
    return float(max(fine.tolist(), key=sharpness))


def _boxes(
    is_ink: NDArray[np.bool_], rows: NDArray[np.int64], columns: NDArray[np.int64], angle: float
) -> Iterator[Rectangle]:
    """Each line's box, found along the turned axes about the region's centre."""
    cx, cy = is_ink.shape[1] / 2, is_ink.shape[0] / 2
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = columns + 0.5 - cx, rows + 0.5 - cy
    along, across = x * cos + y * sin, y * cos - x * sin
    for top, bottom in _bands(across):
        within = (across >= top) & (across < bottom)
        height = bottom - top
        for left, right in _pieces(along[within], _GAP * height):
            if right - left < 0.25 * height:
                continue
            u, v = (left + right) / 2, (top + bottom) / 2
            middle = (cx + u * cos - v * sin, cy + u * sin + v * cos)
            yield Rectangle(
                x=middle[0] - (right - left) / 2,
                y=middle[1] - height / 2,
                width=right - left,
                height=height,
                angle_deg=angle,
            )


def _bands(across: NDArray[np.float64]) -> Iterator[tuple[float, float]]:
    """From where to where each line's ink goes, across the lines."""
    low = math.floor(across.min()) - 2
    counts = np.bincount((across - low).astype(int)).astype(np.float64)
    # Three rows together: the rows between the dots of a print head are nearly empty.
    smooth = np.convolve(counts, np.ones(3) / 3, mode="same")
    level = max(1.0, 0.06 * float(np.quantile(smooth[smooth > 0.5], 0.9)))
    for start, end in _runs(smooth >= level):
        if end - start >= LEAST_HEIGHT_PX:
            yield float(start + low), float(end + low)


def _pieces(along: NDArray[np.float64], gap: float) -> Iterator[tuple[float, float]]:
    """From where to where a line's ink goes, broken where there is none over `gap` pixels."""
    places = np.sort(along)
    breaks = np.flatnonzero(np.diff(places) > gap)
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(places) - 1]))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start >= 8:
            yield float(places[start]) - 0.5, float(places[end]) + 0.5


def _runs(is_on: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_on, [False])).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
