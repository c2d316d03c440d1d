"""The station's own colour card: 24 patches between four markers, and where they lie in a picture.

The colours are defined by their sRGB bytes below: two rows of six hues, at middle and at lower
lightness, a row of pale, strong and dark ones, and six greys from light to dark. What a printer
makes of them differs, so that a card's measured values may be given instead.
"""

import csv
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import CalibrationError, SettingsError
from station.core.frame import Image

Points = NDArray[np.float64]

COLUMNS, ROWS = 6, 4
SRGB: tuple[tuple[int, int, int], ...] = (
    (205, 122, 115), (165, 143, 80), (94, 158, 112), (0, 161, 175), (96, 148, 208), (184, 125, 177),
    (177, 73, 111), (159, 92, 41), (91, 118, 37), (0, 128, 114), (0, 119, 183), (119, 96, 172),
    (241, 184, 189), (239, 192, 83), (101, 200, 203), (108, 56, 39), (38, 85, 52), (43, 62, 124),
    (241, 241, 241), (198, 198, 198), (158, 158, 158), (119, 119, 119), (82, 82, 82), (48, 48, 48),
)  # fmt: skip
"""R G B of each patch, row by row from the top left."""
GREYS = range(18, 24)

SIZE_MM = (260.0, 170.0)
"""The card, from the outer corners of its markers."""
MARKER_MM = 21.0
"""Seven modules of 3 mm."""
PATCH_MM, GAP_MM = 30.0, 4.0
DICTIONARY = "DICT_5X5_50"
"""Markers 0 to 3 lie at the corners, clockwise from the top left."""

_SQUARE = np.array(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
_USED_SHARE = 0.6
"""The middle of each patch is averaged: the rims are blurred."""
_FEWEST_PX = 8
_MOST_UNEVEN = 0.12
"""Standard deviation within a patch, as a share of full scale: glare, a shadow, a finger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """A card as one picture shows it."""

    values: Points
    """(24, 3): mean R G B of each patch, 0-255."""
    clipped: NDArray[np.bool_]
    """(24,): patches with saturated pixels, which say nothing."""


def patch_corner_mm(number: int) -> tuple[float, float]:
    """Top left of a patch, on the card."""
    row, column = divmod(number, COLUMNS)
    left = (SIZE_MM[0] - COLUMNS * PATCH_MM - (COLUMNS - 1) * GAP_MM) / 2
    top = (SIZE_MM[1] - ROWS * PATCH_MM - (ROWS - 1) * GAP_MM) / 2
    return left + column * (PATCH_MM + GAP_MM), top + row * (PATCH_MM + GAP_MM)


def marker_corner_mm(number: int) -> tuple[float, float]:
    """Top left of a marker, on the card."""
    right, bottom = SIZE_MM[0] - MARKER_MM, SIZE_MM[1] - MARKER_MM
    return ((0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom))[number]


def find_card(image: Image) -> CardView | None:
    """The card in a colour picture; None where its four markers are not all seen.

    Raises:
        CalibrationError: the picture is grey, or the card too small, shaded or covered.
    """
    if image.ndim == 2:
        raise CalibrationError("the picture is grey; colour is calibrated with a colour camera")
    to_image = _place(image)
    if to_image is None:
        return None
    values, clipped = [], []
    for number in range(len(SRGB)):
        pixels = image[_mask(number, to_image, image)]
        if len(pixels) < _FEWEST_PX:
            raise CalibrationError("the card is too small in the picture; bring it nearer")
        if float(pixels.std(axis=0).max()) > _MOST_UNEVEN * 255:
            raise CalibrationError(
                f"patch {number + 1} of the card is uneven: glare, a shadow or something on it?"
            )
        values.append(pixels.mean(axis=0)[::-1])
        clipped.append(bool((pixels >= 254).mean() > 0.02))
    return CardView(values=np.array(values), clipped=np.array(clipped))


def read_values(path: Path) -> Points:
    """Measured sRGB values of a card, (24, 3), from a CSV with the columns patch,r,g,b (0-255).

    Raises:
        SettingsError: it cannot be read, or is no such table.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        found = {int(row["patch"]): [float(row[name]) for name in "rgb"] for row in rows}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"{path}: {error}; it needs the columns patch,r,g,b") from error
    if set(found) != set(range(1, len(SRGB) + 1)):
        raise SettingsError(f"{path} must have each patch from 1 to {len(SRGB)} once")
    values = np.array([found[number] for number in sorted(found)])
    if not ((values >= 0) & (values <= 255)).all():
        raise SettingsError(f"{path}: r, g and b are 0 to 255")
    return values


def _place(image: Image) -> Points | None:
    """The homography from mm on the card to pixel indices."""
    corners, ids, _ = _detector().detectMarkers(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    if ids is None:
        return None
    numbers = np.asarray(ids).ravel().tolist()
    if sorted(number for number in numbers if number < 4) != [0, 1, 2, 3]:
        return None
    seen, known = [], []
    for number, quad in zip(numbers, corners, strict=True):
        if number < 4:
            corner = np.array(marker_corner_mm(int(number)))
            known.append(_SQUARE * MARKER_MM + corner)
            seen.append(np.asarray(quad, np.float64).reshape(4, 2))
    homography, _ = cv2.findHomography(np.concatenate(known), np.concatenate(seen), 0)
    return np.asarray(homography, np.float64)


def _mask(number: int, to_image: Points, image: Image) -> NDArray[np.bool_]:
    corner = np.array(patch_corner_mm(number)) + PATCH_MM * (1 - _USED_SHARE) / 2
    inner = _SQUARE * PATCH_MM * _USED_SHARE + corner
    quad = cv2.perspectiveTransform(inner[np.newaxis], to_image)
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(quad[0]).astype(np.int32), 1)
    return mask.astype(bool)


@cache
def _detector() -> cv2.aruco.ArucoDetector:
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY))
    return cv2.aruco.ArucoDetector(dictionary)
