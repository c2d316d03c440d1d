"""How well a code is printed and lit: numbers in the words of ISO/IEC 15415 and 15416.

Grade-like, and no verification: there is no calibrated reflectance and no defined aperture, so the
grades compare pictures of one camera with each other.
"""

import re
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.vision.codes.reading import Reading
from station.vision.codes.symbologies import KINDS

WHITE = 255.0
PROFILE_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What can be measured of one code; None where its symbology does not allow it."""

    symbol_contrast: float
    """Bright minus dark, 2nd to 98th percentile, as a share of full scale."""
    module_px: float | None
    modulation: float | None
    """Of bars: the weakest edge's contrast as a share of the symbol contrast."""
    unused_error_correction: float | None

    @property
    def grade(self) -> float:
        """The worst of the grades, 4 (A) to 0 (F), with one decimal."""
        grades = [_grade(self.symbol_contrast, (0.20, 0.40, 0.55, 0.70))]
        if self.modulation is not None:
            grades.append(_grade(self.modulation, (0.40, 0.50, 0.60, 0.70)))
        if self.unused_error_correction is not None:
            grades.append(_grade(self.unused_error_correction, (0.25, 0.37, 0.50, 0.62)))
        return round(min(grades), 1)

    @property
    def measured(self) -> dict[str, float]:
        """All of it by name, for a finding."""
        parts = {
            "grade": self.grade,
            "symbol_contrast": self.symbol_contrast,
            "module_px": self.module_px,
            "modulation": self.modulation,
            "unused_error_correction": self.unused_error_correction,
        }
        return {name: round(value, 3) for name, value in parts.items() if value is not None}


def measure_quality(image: Image, reading: Reading) -> Quality:
    """The quality of a code in the grey image (height, width) it was read in."""
    profile = _profile(image, reading.corners)
    is_linear = KINDS[reading.symbology].is_linear
    is_stack = reading.symbology.startswith("databar")
    contrast = _contrast(image, reading.corners)
    bars = _bars(profile) if is_linear and not is_stack else None
    return Quality(
        symbol_contrast=contrast,
        module_px=_module_px(reading) or (bars[0] if bars else None),
        modulation=min(1.0, bars[1] / WHITE / contrast) if bars and contrast > 0 else None,
        unused_error_correction=reading.unused_error_correction,
    )


def _grade(value: float, limits: tuple[float, float, float, float]) -> float:
    """D to A at the limits, straight lines between and below."""
    return float(np.interp(value, (0.0, *limits), (0.0, 1.0, 2.0, 3.0, 4.0)))


def _contrast(image: Image, corners: NDArray[np.float64]) -> float:
    """Of the pixels within the corners, and at least of those a pixel around them."""
    mask = np.zeros(image.shape, np.uint8)
    points = np.round(corners - 0.5).astype(np.int32)
    cv2.fillConvexPoly(mask, points, 1)
    cv2.polylines(mask, [points], isClosed=True, color=1, thickness=3)
    pixels = image[mask > 0]
    if not pixels.size:
        return 0.0
    dark, bright = np.percentile(pixels, (2, 98))
    return float(bright - dark) / WHITE


def _profile(image: Image, corners: NDArray[np.float64]) -> NDArray[np.float32]:
    """Grey values across the bars, one a pixel: the median of lines through the middle."""
    top_left, top_right, bottom_right, bottom_left = corners
    length = int(np.linalg.norm(top_right - top_left))
    if length < 8:
        return np.zeros(0, np.float32)
    along = np.linspace(0, 1, length)[None, :, None]
    across = np.linspace(0.35, 0.65, PROFILE_LINES)[:, None, None]
    left = top_left + across * (bottom_left - top_left)
    right = top_right + across * (bottom_right - top_right)
    points = (left + along * (right - left) - 0.5).astype(np.float32)
    x, y = np.ascontiguousarray(points[..., 0]), np.ascontiguousarray(points[..., 1])
    lines = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.median(lines, axis=0), np.float32)


def _bars(profile: NDArray[np.float32]) -> tuple[float, float] | None:
    """Width of a module and contrast of the weakest edge, from a profile; None without bars."""
    if profile.size < 16:
        return None
    dark, bright = np.percentile(profile, (2, 98))
    is_bright = profile > (dark + bright) / 2
    edges = np.flatnonzero(np.diff(is_bright.astype(np.int8))) + 1
    if len(edges) < 8:
        return None
    runs = np.diff(edges)
    extremes = [
        float(part.max() if is_bright[start] else part.min())
        for start, part in zip(edges[:-1], np.split(profile, edges)[1:-1], strict=True)
    ]
    return float(np.percentile(runs, 20)), float(np.abs(np.diff(extremes)).min())


def _module_px(reading: Reading) -> float | None:
    """Side of a module of a square or rectangular matrix code whose version says its size."""
    modules = _modules(reading)
    if modules is None:
        return None
    top_left, top_right, bottom_right, bottom_left = reading.corners
    width = (np.linalg.norm(top_right - top_left) + np.linalg.norm(bottom_right - bottom_left)) / 2
    return float(width) / modules


def _modules(reading: Reading) -> int | None:
    """Modules along the top edge."""
    size = re.fullmatch(r"(\d+)x(\d+)", reading.version)
    if size and reading.symbology == "data_matrix":
        return max(int(size[1]), int(size[2]))
    if reading.symbology == "qr_code" and reading.version.isdigit():
        return 17 + 4 * int(reading.version)
    return None
