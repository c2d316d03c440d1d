"""Is there something like a code: a patch as full of edges as bars and modules are, two-toned."""

import cv2
import numpy as np

from station.core.frame import Image
from station.core.region import Rectangle

LONGEST_PX = 640
SMALLEST_PX = 12
WINDOW_SHARE = 1 / 28
RANGE_AT_LEAST = 16.0
"""Between the 1st and the 99th percentile of grey; with less there is nothing to see."""
EDGE = 40.0
"""Gradient per pixel after stretching to 0-255 that makes an edge."""
DENSITY_AT_LEAST = 0.3
FILL_AT_LEAST = 0.55
TWO_TONED_AT_LEAST = 0.72


def find_patch(image: Image) -> Rectangle | None:
    """Where the largest patch like a code lies in a grey image; None where there is none.

    It tells an unreadable code from a missing one. Dense print may pass for a code; neither is OK.
    """
    if min(image.shape) < SMALLEST_PX:
        return None
    scale = min(1.0, LONGEST_PX / max(image.shape))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    stretched = _stretch(small)
    patches = [] if stretched is None else _patches(stretched, _edge_density(stretched))
    if not patches:
        return None
    left, top, width, height = max(patches, key=lambda patch: patch[2] * patch[3])
    return Rectangle(x=left / scale, y=top / scale, width=width / scale, height=height / scale)


def is_two_toned(image: Image) -> bool:
    """True where a grey picture is dark and bright, as codes are, not of all shades, as noise."""
    stretched = _stretch(image)
    return stretched is not None and _two_toned(stretched) >= TWO_TONED_AT_LEAST


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


def _patches(image: Image, density: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of each connected patch that is like a code."""
    dense = (density > DENSITY_AT_LEAST).astype(np.uint8)
    side = max(SMALLEST_PX, round(max(image.shape) * WINDOW_SHARE))
    found = []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dense)
    for label in range(1, count):
        left, top, width, height, area = (int(number) for number in stats[label])
        if min(width, height) < side or _fill(labels, label, area) < FILL_AT_LEAST:
            continue
        inside = image[top : top + height, left : left + width]
        if _two_toned(inside) >= TWO_TONED_AT_LEAST:
            found.append((left, top, width, height))
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
