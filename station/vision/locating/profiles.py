"""Calipers at every edge point of many poses at once: where is the edge really, and is it one."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.vision.locating.pyramid import Grey
from station.vision.locating.shape import Floats, LevelPoints

WEAKEST_PER_PX, WEAKEST_FINE_PER_PX = 2.0, 1.0
"""An edge rises at least so many grey levels a pixel; less where noise is smoothed away."""
MOST_SLANT = 0.6
"""An edge rises at most so much along its taught direction, compared with across it: 30 degrees."""
AGAINST = 0.5
"""An edge from bright to dark where dark to bright was taught is taken for so much lower.

It may be the right one all the same: the background may be brighter than it was.
"""

Poses = Floats
"""(M, 4): a, b, x, y of image = ((a, -b), (b, a)) part + (x, y), at the level's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the calipers saw at (M poses, N points)."""

    offset_px: NDArray[np.float32]
    """How far along its normal the edge lies, in pixels of the level."""
    is_edge: NDArray[np.bool_]
    """An edge of the taught direction lies within reach."""
    is_turned: NDArray[np.bool_]
    """It rises from bright to dark where dark to bright was taught."""
    rows: Floats
    """(M, N, 2) the normals in the image."""


def look_along(
    picture: Grey, level: LevelPoints, poses: Poses, reach_px: int, *, is_fine: bool = False
) -> Seen:
    """Sample `picture` across each point's edge, `reach_px` to both sides.

    With `is_fine` the samples are smoothed before they are compared, so that where an edge lies
    between pixels matters less: for the last fraction of a pixel.
    """
    points = _placed(level.points, poses)
    normals = _turned(level.normals, poses)
    samples, inside = _samples(picture, points, normals, reach_px + (2 if is_fine else 1))
    if is_fine:
        samples = 0.25 * (samples[..., 2:] + samples[..., :-2]) + 0.5 * samples[..., 1:-1]
    across = (samples[..., 2:] - samples[..., :-2]) * 0.5
    rise = across.mean(axis=2)
    away = np.arange(-reach_px, reach_px + 1, dtype=np.float32)
    nearness = 1 - 0.5 * (away / (reach_px + 1)) ** 2
    height = np.abs(rise)
    peak = (np.where(rise > 0, height, height * AGAINST) * nearness).argmax(axis=2)
    # the maximum of the rise itself beside the best place: the window must not bias it
    peak = np.clip(peak, 1, 2 * reach_px - 1)
    before, top, after = (_pick(height, peak + step) for step in (-1, 0, 1))
    shift, is_peak = _vertex(before, top, after)
    along = np.abs(_pick(samples[:, :, 1], peak + 1) - _pick(samples[:, :, 0], peak + 1)) * 0.5
    weakest = WEAKEST_FINE_PER_PX if is_fine else WEAKEST_PER_PX
    is_turned = _pick(rise, peak) < 0
    is_right = ~is_turned | level.either
    is_edge = is_peak & is_right & (top >= weakest) & (along <= MOST_SLANT * top) & inside
    offset = (peak - reach_px + shift).astype(np.float32)
    return Seen(offset_px=offset, is_edge=is_edge, is_turned=is_turned, rows=normals)


def step_towards(
    level: LevelPoints, poses: Poses, seen: Seen, tolerance_px: float, *, pull: float = 1e-3
) -> Poses:
    """The poses that fit the edges seen best: least squares of the distances along normals.

    Distances far above `tolerance_px` count little (weights of Cauchy). `pull` holds back what the
    edges say nothing about, as the turn of a circle.
    """
    centre = level.points.mean(axis=0)
    x, y = (level.points - centre).T
    radius = max(1.0, float(np.sqrt((x**2 + y**2).mean())))
    nx, ny = seen.rows[..., 0], seen.rows[..., 1]
    design = np.stack(
        ((nx * x + ny * y) / radius, (ny * x - nx * y) / radius, nx, ny), axis=-1
    )  # (M, N, 4)
    weights = seen.is_edge / (1 + (seen.offset_px / tolerance_px) ** 2)
    weighted = design * weights[..., None]
    normal = np.einsum("mni,mnj->mij", weighted, design, optimize=True)
    normal += np.eye(4) * (pull * len(level) + 1e-9)
    right = np.einsum("mni,mn->mi", weighted, seen.offset_px, optimize=True)
    da, db, dx, dy = np.linalg.solve(normal, right[..., None])[..., 0].T
    da, db = da / radius, db / radius
    moved = poses.copy()
    moved[:, 0] += da
    moved[:, 1] += db
    moved[:, 2] += dx - (da * centre[0] - db * centre[1])
    moved[:, 3] += dy - (db * centre[0] + da * centre[1])
    return moved


def _vertex(
    before: NDArray[np.float32], top: NDArray[np.float32], after: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where a bell curve through three heights has its top, from -1 to 1, and whether it has one.

    A blurred edge rises as a bell; a parabola would draw its top towards whole pixels.
    """
    floor = np.maximum(0.02 * top, 1e-3)
    low, middle, high = (np.log(np.maximum(height, floor)) for height in (before, top, after))
    bend = low - 2 * middle + high
    is_peak = bend < 0
    shift = np.where(is_peak, 0.5 * (low - high) / np.where(is_peak, bend, 1), 0)
    return shift, is_peak & (np.abs(shift) <= 1)


def _placed(points: Floats, poses: Poses) -> Floats:
    x, y = points.T
    a, b, tx, ty = (column[:, None] for column in poses.T)
    return np.stack((a * x - b * y + tx, b * x + a * y + ty), axis=-1)


def _turned(normals: Floats, poses: Poses) -> Floats:
    x, y = normals.T
    scale = np.hypot(poses[:, 0], poses[:, 1])
    a, b = poses[:, 0, None] / scale[:, None], poses[:, 1, None] / scale[:, None]
    return np.stack((a * x - b * y, b * x + a * y), axis=-1)


def _samples(
    picture: Grey, points: Floats, normals: Floats, reach: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(M, N, 2 along, 2 reach + 1 across) grey values, and which points lie wholly inside."""
    height, width = picture.shape
    across = np.arange(-reach, reach + 1, dtype=np.float32)
    along = np.array(((-1,), (1,)), np.float32)
    at = points.astype(np.float32) - np.float32(0.5)
    normal = normals.astype(np.float32)
    px, py, nx, ny = (v[..., None, None] for v in (*_parts(at), *_parts(normal)))
    xs, ys = px + across * nx - along * ny, py + across * ny + along * nx
    shape = xs.shape
    flat = (shape[0], -1)  # neither side may reach 32768
    grey = cv2.remap(
        picture, xs.reshape(flat), ys.reshape(flat), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    rim = 1.5
    inside = (at[..., 0] >= rim) & (at[..., 0] <= width - 1 - rim)
    inside &= (at[..., 1] >= rim) & (at[..., 1] <= height - 1 - rim)
    return grey.reshape(shape).astype(np.float32), inside


def _parts(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return vectors[..., 0], vectors[..., 1]


def _pick(values: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.take_along_axis(values, places[..., None], axis=-1)[..., 0]
