"""Bars brought upright: ZXing looks along rows and columns, which miss low bars that lie aslant."""

import math

import cv2
import numpy as np

from station.vision.codes.reading import Place

ASLANT_DEG = 8.0
COHERENCE_AT_LEAST = 0.25
"""0: edges of all directions, as modules have; 1: of one direction only, as bars have."""


def upright(place: Place) -> Place | None:
    """The place turned so that its bars stand upright; None where they do, or where none are."""
    angle_deg, coherence = _slant(place)
    if coherence < COHERENCE_AT_LEAST or abs(math.remainder(angle_deg, 90)) < ASLANT_DEG:
        return None
    height, width = place.image.shape
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    size = (
        math.ceil(width * abs(cos) + height * abs(sin)),
        math.ceil(width * abs(sin) + height * abs(cos)),
    )
    turn = np.array(((cos, -sin), (sin, cos)))
    back = np.array((width, height)) / 2 - turn @ (np.array(size) / 2)
    indices = back + turn @ (0.5, 0.5) - 0.5
    image = cv2.warpAffine(
        place.image,
        np.column_stack((turn, indices)),
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    outer = place.matrix[:, :2]
    matrix = np.column_stack((outer @ turn, outer @ back + place.matrix[:, 2]))
    return Place(image=np.asarray(image, np.uint8), matrix=matrix)


def _slant(place: Place) -> tuple[float, float]:
    """Direction across the bars in degrees, clockwise from the x axis, and coherence.

    From the structure tensor, summed over the place: Bigün and Granlund, Optimal orientation
    detection of linear symmetry, 1987.
    """
    soft = cv2.GaussianBlur(place.image, (0, 0), 1.5)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    xx, yy = float(np.vdot(across, across)), float(np.vdot(down, down))
    xy = float(np.vdot(across, down))
    if xx + yy <= 0:
        return 0.0, 0.0
    coherence = math.hypot(xx - yy, 2 * xy) / (xx + yy)
    return math.degrees(math.atan2(2 * xy, xx - yy)) / 2, coherence
