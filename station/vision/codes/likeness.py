"""Is there something like a code: a patch as full of edges as bars and modules are, two-toned."""

from dataclasses import dataclass

import cv2
import numpy as np

from station.core.frame import Image
from station.core.region import Rectangle

LONGEST_PX = 640
WINDOW_SHARE = 1 / 28
RANGE_AT_LEAST = 16.0
"""Between the 1st and the 99th percentile of grey; with less there is nothing to see."""
EDGE = 40.0
"""Gradient per pixel after stretching to 0-255 that makes an edge."""
DENSITY_AT_LEAST = 0.3
FILL_AT_LEAST = 0.55
TWO_TONED_AT_LEAST = 0.72


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Where something like a code lies, in pixels of the picture that was searched."""

    box: Rectangle
    edge_density: float


def find_patch(image: Image) -> Patch | None:
    """The largest patch like a code in a grey image; None where there is none.

    It tells an unreadable code from a missing one. Dense print may pass for a code; neither is OK.
    """
    scale = min(1.0, LONGEST_PX / max(image.shape))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if min(small.shape) < 12:
        return None
    stretched = _stretch(np.asarray(small, np.uint8))
    if stretched is None:
        return None
    density = _edge_density(stretched)
    patches = _patches(stretched, density)
    if not patches:
        return None
    left, top, width, height, share = max(patches, key=lambda patch: patch[2] * patch[3])
    box = Rectangle(x=left / scale, y=top / scale, width=width / scale, height=height / scale)
    return Patch(box=box, edge_density=share)


def _stretch(image: Image) -> Image | None:
    soft = cv2.GaussianBlur(image, (3, 3), 0)
    dark, bright = np.percentile(soft, (1, 99))
    if bright - dark < RANGE_AT_LEAST:
        return None
    gain = 255 / float(bright - dark)
    return np.asarray(cv2.convertScaleAbs(np.maximum(soft, dark) - dark, alpha=gain), np.uint8)


def _edge_density(image: Image) -> np.ndarray:
    """Share of edge pixels in a window around each pixel."""
    across = np.abs(cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=0.25))
    down = np.abs(cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=0.25))
    edges = (np.maximum(across, down) > EDGE).astype(np.float32)
    side = max(9, round(max(image.shape) * WINDOW_SHARE)) | 1
    return np.asarray(cv2.boxFilter(edges, -1, (side, side)))


def _patches(image: Image, density: np.ndarray) -> list[tuple[int, int, int, int, float]]:
    """Left, top, width, height and edge density of each connected patch that is like a code."""
    dense = (density > DENSITY_AT_LEAST).astype(np.uint8)
    side = max(12, round(max(image.shape) * WINDOW_SHARE))
    found = []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dense)
    for label in range(1, count):
        left, top, width, height, area = (int(number) for number in stats[label])
        if min(width, height) < side or _fill(labels, label, area) < FILL_AT_LEAST:
            continue
        inside = image[top : top + height, left : left + width]
        if _two_toned(inside) >= TWO_TONED_AT_LEAST:
            share = float(density[top : top + height, left : left + width].mean())
            found.append((left, top, width, height, share))
    return found


def _fill(labels: np.ndarray, label: int, area: int) -> float:
    """Area as a share of the turned rectangle about it: a code fills it, print and weave less."""
    points = cv2.findNonZero((labels == label).astype(np.uint8))
    (_, (width, height), _) = cv2.minAreaRect(points)
    return area / max(1.0, (width + 1) * (height + 1))


def _two_toned(image: Image) -> float:
    """The share of the grey values' variance that lies between dark and bright (Otsu)."""
    threshold, _ = cv2.threshold(image, 0, 255, cv2.THRESH_OTSU)
    bright = image > threshold
    share, total = float(bright.mean()), float(image.var())
    if not 0 < share < 1 or total <= 0:
        return 0.0
    apart = float(image[bright].mean()) - float(image[~bright].mean())
    return share * (1 - share) * apart**2 / total
