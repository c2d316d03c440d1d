"""Every turn, size and place at once, on a small picture: candidates for the finer search."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.vision.locating.pyramid import Grey
from station.vision.locating.shape import Floats, LevelPoints

BINS = 8
"""Directions of an edge, over half a turn: which side is brighter depends on the background."""
LEVELS = 7
"""Steps of a response; so many times the points of a template fit into 8 bits."""
NOISE_FLOOR = 3.0
"""Grey levels a pixel (of Sobel, over 8) below which a rise is taken for noise."""
SECTORS = 4
"""Turns of one size are so many groups, each with candidates of its own: none hides others."""
STRIDE = 2

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Templates:
    """The points of a shape in every turn and size, as places in the planes of responses."""

    points: Floats
    """(N, 2) from their centre, at the level's size, and `normals` (N, 2)."""
    normals: Floats
    angles_deg: Floats
    scales: Floats
    starts: tuple[tuple[int, ...], ...]
    """For each turn and size, where in the flattened planes each of the points begins."""
    pad: int
    width: int
    count: int
    """Places tried: rows of `width` one after another."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Likely places, best first: (M, 2) of the centre, turns and sizes (M,), scores from 0 to 1."""

    centres: Floats
    angles_deg: Floats
    scales: Floats
    scores: Floats


def templates_of(
    level: LevelPoints,
    halvings: int,
    angles_deg: Floats,
    scales: Floats,
    size: tuple[int, int],
) -> Templates:
    """Templates for pictures of `size` (width, height) after so many halvings."""
    points = (level.points - level.points.mean(axis=0)) / 2**halvings
    reach = float(np.hypot(*points.T).max()) * float(scales.max()) * 1.1
    pad = 2 * math.ceil((reach + 4) / 2)
    width = -(-(size[0] + 2 * pad) // 2)
    rows = -(-(size[1] + 2 * pad) // 2)
    sizes, turns = (grid.ravel() for grid in np.meshgrid(scales, angles_deg, indexing="ij"))
    across, down, bins = _cells(points, level.normals, turns, sizes, np.zeros((len(turns), 2)))
    across, down = across + pad, down + pad
    begin = bins * 4 + (down & 1) * 2 + (across & 1)
    begin = begin * (rows * width) + (down >> 1) * width + (across >> 1)
    return Templates(
        points, level.normals, turns, sizes, tuple(map(tuple, begin.tolist())), pad, width,
        (rows - pad) * width - pad,
    )  # fmt: skip


def candidates(
    picture: Grey, templates: Templates, at_most: int, promising: float, *, with_rough: bool
) -> Candidates:
    """The likeliest places, in pixels of the small picture, that score `promising` of the best.

    Each is moved to its best neighbour; `with_rough` gives it as it was, too.
    """
    wide = responses(picture, templates.pad)
    scores = _score_all(_in_phases(wide), templates)
    sizes = len(np.unique(templates.scales))
    groups = np.array_split(np.arange(len(scores)), min(SECTORS * sizes, len(scores)))
    rows = templates.count // templates.width
    tops, whichs, places = [], [], []
    for group in groups:
        best = scores[group[0] : group[-1] + 1].max(axis=0)
        place = _peaks(best[: rows * templates.width].reshape(rows, -1), at_most)
        tops.append(best[place])
        places.append(place)
        whichs.append(group[scores[group[0] : group[-1] + 1, place].argmax(axis=0)])
    top, which, place = (np.concatenate(parts) for parts in (tops, whichs, places))
    order = np.argsort(-top.astype(int), kind="stable")[:at_most]
    which, place = which[order], place[order]
    row, column = np.divmod(place, templates.width)
    rough = Candidates(
        np.stack((STRIDE * column, STRIDE * row), axis=1) + 0.5,
        templates.angles_deg[which],
        templates.scales[which],
        top[order] / (LEVELS * len(templates.points)),
    )
    if not len(order):
        return rough
    sharp = _promising(_sharpened(rough, wide, templates), promising)
    return _joined(sharp, rough) if with_rough else sharp


def _promising(likely: Candidates, share: float) -> Candidates:
    order = np.argsort(-likely.scores, kind="stable")
    order = order[likely.scores[order] >= share * likely.scores[order[0]]]
    return Candidates(
        likely.centres[order], likely.angles_deg[order], likely.scales[order], likely.scores[order]
    )


def _joined(one: Candidates, other: Candidates) -> Candidates:
    return Candidates(
        np.concatenate((one.centres, other.centres)),
        np.concatenate((one.angles_deg, other.angles_deg)),
        np.concatenate((one.scales, other.scales)),
        np.concatenate((one.scores, other.scores)),
    )


def responses(picture: Grey, pad: int) -> Bytes:
    """How well each pixel fits each direction: (BINS, rows, columns), 0 to LEVELS, padded.

    Rises are measured against those around them, so that weak light and strong light look alike;
    each spreads by a pixel.
    """
    smooth = cv2.GaussianBlur(picture, (3, 3), 0).astype(np.float32)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    square = gx * gx + gy * gy + np.float32(1e-6)
    rise = np.sqrt(square)
    around = cv2.blur(rise, (15, 15))
    strength = np.minimum(1, rise / (1.5 * around + NOISE_FLOOR)) * (LEVELS / square)
    cos2, sin2 = strength * (gx * gx - gy * gy), strength * 2 * gx * gy
    height, width = picture.shape
    padded = np.zeros(
        (BINS, height + 2 * pad + (height & 1), width + 2 * pad + (width & 1)), np.uint8
    )
    kernel = np.ones((3, 3), np.uint8)
    for number in range(BINS):
        angle = 2 * math.pi * number / BINS
        fit = cos2 * np.float32(math.cos(angle)) + sin2 * np.float32(math.sin(angle))
        rounded = cv2.convertScaleAbs(np.maximum(fit, 0))
        padded[number, pad : pad + height, pad : pad + width] = cv2.dilate(rounded, kernel)
    return padded


def _in_phases(wide: Bytes) -> Bytes:
    """Every second row and column together, flattened: so a place is one step further on."""
    bins, rows, columns = wide.shape
    parted = wide.reshape(bins, rows // 2, 2, columns // 2, 2).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(parted).reshape(-1)


def _score_all(flat: Bytes, templates: Templates) -> Bytes:
    count = templates.count
    scores = np.zeros((len(templates.starts), count), np.uint8)
    add = np.add
    for row, starts in zip(scores, templates.starts, strict=True):
        for start in starts:
            add(row, flat[start : start + count], row)
    return scores


def _peaks(score: Bytes, at_most: int) -> NDArray[np.int64]:
    """Places (flat) of the highest local maxima."""
    highest = cv2.dilate(score, np.ones((3, 3), np.uint8))
    flat = np.where(score == highest, score, 0).reshape(-1)
    at_most = min(at_most, flat.size)
    places = np.argpartition(flat, flat.size - at_most)[-at_most:]
    return np.asarray(places[flat[places] > 0], np.int64)


def _sharpened(rough: Candidates, wide: Bytes, templates: Templates) -> Candidates:
    """Each moved to the best of its neighbours: turns and sizes half a step, places a pixel off."""
    turn, size = _half_steps(templates)
    grid = np.array([(da, ds) for da in (-2, -1, 0, 1, 2) for ds in (-2, -1, 0, 1, 2)], np.float64)
    angles = rough.angles_deg[:, None] + grid[:, 0] * turn
    scales = rough.scales[:, None] * (1 + grid[:, 1] * size)
    count = len(rough.scores)
    at = np.repeat(rough.centres - 0.5 + templates.pad, len(grid), axis=0)
    points, normals = templates.points, templates.normals
    across, down, bins = _cells(points, normals, angles.ravel(), scales.ravel(), at)
    _, rows, columns = wide.shape
    across, down = np.clip(across, 1, columns - 2), np.clip(down, 1, rows - 2)
    index = ((bins * rows + down) * columns + across).astype(np.int32)
    moves = np.array([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    beside = (moves[:, 1] * columns + moves[:, 0]).astype(np.int32)
    fits = wide.reshape(-1).take(index[:, None, :] + beside[:, None])
    scores = fits.sum(axis=2, dtype=np.uint16).reshape(count, -1)
    best = scores.argmax(axis=1)
    pick, move = np.divmod(best, len(moves))
    found = scores[np.arange(count), best] / (LEVELS * len(points))
    every = np.arange(count)
    return Candidates(rough.centres + moves[move], angles[every, pick], scales[every, pick], found)


def _half_steps(templates: Templates) -> tuple[float, float]:
    """Half the step between turns, in degrees, and between sizes, as a share."""
    turns, sizes = np.unique(templates.angles_deg), np.unique(templates.scales)
    turn = float(turns[1] - turns[0]) / 2 if len(turns) > 1 else 0.0
    return turn, float(sizes[1] / sizes[0] - 1) / 2 if len(sizes) > 1 else 0.03


def _cells(
    points: Floats, normals: Floats, angles_deg: Floats, scales: Floats, shifts: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(T, N) column and row of the pixel each point falls into, and the direction of its edge.

    The centre of the points lies in the middle of the pixel that `shifts` (T, 2) names.
    """
    turn = np.radians(angles_deg)
    a, b = (scales * np.cos(turn))[:, None], (scales * np.sin(turn))[:, None]
    x, y = points.T
    across = np.floor(a * x - b * y + shifts[:, :1] + 0.5).astype(np.int64)
    down = np.floor(b * x + a * y + shifts[:, 1:] + 0.5).astype(np.int64)
    direction = np.arctan2(normals[:, 1], normals[:, 0]) + turn[:, None]
    bins = np.round(direction * (BINS / math.pi)).astype(np.int64) % BINS
    return across, down, bins
