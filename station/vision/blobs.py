"""Blobs: what lies above or below a threshold, cleaned, connected and measured."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.region import Polygon, Rectangle, Region

Threshold = Literal["fixed", "otsu", "adaptive", "range"]
Polarity = Literal["dark", "bright"]
Mask = NDArray[np.uint8]

MOST_BLOBS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How pixels are parted into blobs and ground."""

    threshold: Threshold
    polarity: Polarity
    level: int
    """For `fixed`: dark blobs are darker than this, bright ones brighter."""
    low: int
    high: int
    """For `range`: blobs lie from `low` to `high`, both included."""
    window_px: int
    offset_levels: int
    """For `adaptive`: blobs differ by more than this from the mean of a window round them."""
    contrast_levels: int
    """For `otsu`: groups nearer together than this are one."""
    opening_px: int
    closing_px: int
    """Edges of discs; 0 or 1 does nothing. Opening comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One connected place (8 neighbours), in pixels of the crop."""

    area_px: int
    aspect: float
    """Long by short edge of the smallest turned rectangle round it, 1 and up."""
    circularity: float
    """Area by that of the smallest circle round it, 0 to 1: 1 for a disc, 0.64 for a square."""
    centre: tuple[float, float]
    box: Rectangle


@dataclass(frozen=True, slots=True)
class Blobs:
    """The largest blobs of a picture, at most `MOST_BLOBS`, and how many there are in all."""

    largest: tuple[Blob, ...]
    count: int
    level: float | None
    """The threshold, where one holds for all of the crop."""


def find_blobs(crop: Image, inside: Mask | None, cut: Cut, minimum_area_px: float) -> Blobs:
    """The blobs of a grey crop (height, width); only pixels where `inside` is above 0 count."""
    mask, level = part(crop, inside, cut)
    for operation, edge_px in (
        (cv2.MORPH_OPEN, cut.opening_px),
        (cv2.MORPH_CLOSE, cut.closing_px),
    ):
        if edge_px > 1:
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (edge_px, edge_px))
            mask = np.asarray(cv2.morphologyEx(mask, operation, disc), np.uint8)
    count, named, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    labels = np.asarray(named, np.int32)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    order = 1 + np.argsort(-areas, kind="stable")
    kept = [label for label in order.tolist() if stats[label, cv2.CC_STAT_AREA] >= minimum_area_px]
    largest = tuple(
        _measured(labels, label, stats[label].tolist(), centres[label].tolist())
        for label in kept[:MOST_BLOBS]
    )
    return Blobs(largest, len(kept), level)


def part(crop: Image, inside: Mask | None, cut: Cut) -> tuple[Mask, float | None]:
    """255 where a blob is, before cleaning, and the one threshold that made it so, if there is."""
    level: float | None = None
    if cut.threshold == "range":
        mask = cv2.inRange(crop, np.array(cut.low), np.array(cut.high))
    elif cut.threshold == "adaptive":
        mask = _beside_neighbours(crop, cut)
    else:
        level = cut.level if cut.threshold == "fixed" else _otsu_level(crop, inside, cut)
        picked = crop < level if cut.polarity == "dark" else crop > level
        mask = np.where(picked, np.uint8(255), np.uint8(0))
    if inside is not None:
        mask = cv2.bitwise_and(mask, inside)
    return np.asarray(mask, np.uint8), level


def ground_of(crop: Image, inside: Mask | None) -> float:
    """The median grey level of a crop, where `inside` is above 0."""
    histogram = cv2.calcHist([crop], [0], inside, [256], [0, 256]).ravel()
    below = np.cumsum(histogram, dtype=np.float64)
    return float(np.searchsorted(below, below[-1] / 2))


def inside_of(crop: Image, region: Region | None) -> Mask | None:
    """255 where a pixel of a region's crop lies in the region; None where all of it does."""
    if not isinstance(region, Polygon):
        return None
    corners = np.array(region.points)
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    mask = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(corners - (left, top)).astype(np.int32)], 255)
    return mask


def _otsu_level(crop: Image, inside: Mask | None, cut: Cut) -> float:
    """Otsu's threshold (1979, IEEE Trans. SMC 9(1)); on an even picture, far off its median.

    Otsu parts anything into two, noise too. Where the two are no `contrast_levels` apart there is
    but one, and a blob, too small to be a group, is what lies that far from the median.
    """
    histogram = cv2.calcHist([crop], [0], inside, [256], [0, 256]).ravel().astype(np.float64)
    levels = np.arange(256)
    below = np.cumsum(histogram)
    total = below[-1]
    sums = np.cumsum(histogram * levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        dark, bright = sums / below, (sums[-1] - sums) / (total - below)
    between = np.nan_to_num(below * (total - below) * (bright - dark) ** 2)
    # a gap between the groups gives equal values; its middle is the fairest
    split = float(np.flatnonzero(between >= between.max() * (1 - 1e-12)).mean())
    at = int(split)
    if between[at] > 0 and bright[at] - dark[at] >= cut.contrast_levels:
        return split + 0.5
    median = float(np.searchsorted(below, total / 2))
    return median + cut.contrast_levels * (-1 if cut.polarity == "dark" else 1)


def _beside_neighbours(crop: Image, cut: Cut) -> Mask:
    edge = cut.window_px | 1
    mean = cv2.boxFilter(crop, -1, (edge, edge), borderType=cv2.BORDER_REPLICATE)
    dark = cut.polarity == "dark"
    apart = cv2.subtract(mean, crop) if dark else cv2.subtract(crop, mean)
    return np.where(np.asarray(apart) > cut.offset_levels, np.uint8(255), np.uint8(0))


def _measured(labels: NDArray[np.int32], label: int, stats: list[int], centre: list[float]) -> Blob:
    left, top, wide, tall, area = stats
    mine = (labels[top : top + tall, left : left + wide] == label).astype(np.uint8)
    lines, _ = cv2.findContours(mine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    line = max(lines, key=len)
    # the line runs through pixel centres: half a pixel is missing on each side
    edges = sorted(edge + 1 for edge in cv2.minAreaRect(line)[1])
    radius = cv2.minEnclosingCircle(line)[1] + 0.5
    return Blob(
        area_px=area,
        aspect=edges[1] / edges[0],
        circularity=min(1.0, area / (np.pi * radius**2)),
        centre=(centre[0] + 0.5, centre[1] + 0.5),
        box=Rectangle(x=left, y=top, width=wide, height=tall),
    )
