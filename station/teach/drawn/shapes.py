"""Soft masks: blobs with ragged edges, strokes that taper, cracks that branch, mottled fields."""

import cv2
import numpy as np
from numpy.typing import NDArray

from station.teach.drawn.spot import Mask, Spot, blur

Points = NDArray[np.float64]
"""(n, 2), x and y in pixels of a window."""

SHIFT = 4
SOFT_PX = 0.6
"""No camera shows an edge sharper than this."""


def blob(
    spot: Spot, rng: np.random.Generator, *, size_px: float | None = None, soft_px: float = SOFT_PX
) -> Mask:
    """One patch of about `size_px`, round to long, ragged or smooth."""
    longest = (spot.size_px if size_px is None else size_px) / 2
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones_like(turns)
    raggedness = rng.uniform(0.05, 0.5)
    for wave in range(2, 8):
        radius += raggedness / wave * rng.normal() * np.cos(wave * turns + rng.uniform(0, 6.3))
    radius *= longest / radius.max()
    flat = rng.uniform(0.35, 1.0)
    angle = rng.uniform(0, np.pi)
    along, across = radius * np.cos(turns), flat * radius * np.sin(turns)
    points = np.stack(
        (
            along * np.cos(angle) - across * np.sin(angle),
            along * np.sin(angle) + across * np.cos(angle),
        ),
        axis=1,
    )
    return filled(spot, points + spot.centre, soft_px)


def shard(spot: Spot, rng: np.random.Generator, soft_px: float = SOFT_PX) -> Mask:
    """A patch with three to six straight edges, as chips and cut pieces have."""
    turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
    radius = spot.size_px / 2 * rng.uniform(0.55, 1.0, len(turns))
    points = radius[:, None] * np.stack((np.cos(turns), np.sin(turns)), axis=1)
    return filled(spot, points + spot.centre, soft_px)


def filled(spot: Spot, points: Points, soft_px: float) -> Mask:
    """The area within a polygon, its edge softened."""
    canvas = np.zeros(spot.shape, np.uint8)
    cv2.fillPoly(canvas, [_fixed(points)], 255, cv2.LINE_AA, SHIFT)
    return blur(np.asarray(canvas / 255, np.float32), soft_px)


def stroke(
    spot: Spot, points: Points, width_px: float, *, fade: Points | None = None,
    soft_px: float = SOFT_PX,
) -> Mask:  # fmt: skip
    """A line through the points; `fade` (n - 1,) is how much of it shows at each piece."""
    canvas = np.zeros(spot.shape, np.uint8)
    # OpenCV 5 draws a thickness of 2, 4, 6 about 1.4 pixels wider than it is called, 1 as it is
    thick = max(1, 2 * round((width_px - 1.4) / 2))
    drawn_px = thick + 1.4 if thick > 1 else 1.35
    fixed = _fixed(points)
    shown = np.ones(len(points) - 1) if fade is None else fade
    for number in range(len(points) - 1):
        level = float(255 * np.clip(shown[number], 0, 1))
        cv2.polylines(canvas, [fixed[number : number + 2]], False, level, thick, cv2.LINE_AA, SHIFT)
    # what is left of the width is given by softening
    extra_px = 0.4 * max(0.0, width_px - drawn_px)
    soft = blur(np.asarray(canvas / 255, np.float32), soft_px + extra_px)
    return np.asarray(np.minimum(1, 1.25 * soft), np.float32)


def path(
    spot: Spot, rng: np.random.Generator, length_px: float, *, bend: float, jitter: float = 0.0,
    pieces: int = 16, start: Points | None = None, angle: float | None = None,
) -> Points:  # fmt: skip
    """A way of `length_px` through the middle (or from `start`): bent, and jagged by `jitter`."""
    heading = rng.uniform(0, 2 * np.pi) if angle is None else angle
    turn = rng.normal(0, bend) / pieces
    headings = heading + turn * np.arange(pieces) + jitter * rng.normal(size=pieces)
    steps = length_px / pieces * np.stack((np.cos(headings), np.sin(headings)), axis=1)
    points = np.concatenate((np.zeros((1, 2)), np.cumsum(steps, axis=0)))
    return points + start if start is not None else points - points.mean(axis=0) + spot.centre


def mottle(
    shape: tuple[int, int], rng: np.random.Generator, cell_px: float, least: float = 0.0
) -> Mask:
    """An uneven field between `least` and 1, with grains of about `cell_px`."""
    rows, columns = (max(2, round(side / max(cell_px, 1)) + 1) for side in shape)
    coarse = rng.random((rows, columns), dtype=np.float32)
    field = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(least + (1 - least) * np.clip(field, 0, 1), np.float32)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.asarray(np.round(points * 2**SHIFT), np.int32)
