"""Masks of defects, float32 (height, width), 1 where they are: blobs, haze, lines, rectangles."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.features.render.fields import Plane, octaves

_FINE, _SHIFT = 16, 4


def blob(
    rng: Generator, height: int, width: int, radii: tuple[float, float] = (0.02, 0.25)
) -> Plane:
    """An ellipse, a polygon or a ragged spot; its radius in shares of the shorter side."""
    radius = rng.uniform(*radii) * min(height, width)
    x, y = rng.uniform(0.3 * radius, [width - 0.3 * radius, height - 0.3 * radius])
    mask, kind = np.zeros((height, width), np.float32), int(rng.integers(3))
    if kind == 0:
        axes = (max(1, int(radius)), max(1, int(radius * rng.uniform(0.3, 1))))
        turn = rng.uniform(0, 180)
        cv2.ellipse(mask, (int(x), int(y)), axes, turn, 0, 360, 1.0, -1, cv2.LINE_AA)
    elif kind == 1:
        count = int(rng.integers(5, 12))
        turns = np.sort(rng.uniform(0, 2 * np.pi, count))
        reach = radius * rng.uniform(0.4, 1, count)
        corners = np.stack([x + reach * np.cos(turns), y + reach * np.sin(turns)], 1)
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0, cv2.LINE_AA)
    else:
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        away = np.sqrt((columns - x) ** 2 + (rows - y) ** 2) / radius
        ragged = 1.2 * (octaves(rng, height, width, max(3.0, radius * 0.8), 3) - 0.5)
        mask = (away + ragged < 0.8).astype(np.float32)
    return mask


def hazy_blob(rng: Generator, height: int, width: int) -> Plane:
    """A large spot without an edge, often long, sometimes uneven."""
    size = min(height, width)
    long, short = rng.uniform(0.08, 0.4) * size, rng.uniform(0.04, 0.2) * size
    turn, (x0, y0) = rng.uniform(0, np.pi), rng.uniform(0, [width, height])
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = columns - x0, rows - y0
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    power = float(rng.choice([2.0, 2.0, 4.0]))
    mask = np.exp(-((np.abs(u) / long) ** power + (np.abs(v) / short) ** power))
    if rng.random() < 0.4:
        mask = mask * octaves(rng, height, width, rng.uniform(4, 30), 3)
    return np.asarray(mask, np.float32)


def lines(rng: Generator, height: int, width: int) -> Plane:
    """A line 1 to 3 pixels wide: straight, wavy or branching, sometimes broken."""
    mask, size = np.zeros((height, width), np.float32), min(height, width)
    steps, length, bend = 12, rng.uniform(0.08, 0.9) * size, rng.choice([0.0, 0.05, 0.35, 0.8])
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, bend, steps))
    moves = np.stack([np.cos(turns), np.sin(turns)], 1) * length / steps
    path = np.vstack([np.zeros(2), np.cumsum(moves, 0)]) + rng.uniform(0, [width, height])
    _stroke(mask, path, int(rng.choice([1, 1, 1, 2, 3])))
    for knee, turn in zip(path[1:], turns, strict=True):
        if bend > 0.3 and rng.random() < 0.15:
            branch = turn + rng.choice([-0.8, 0.8])
            end = knee + 0.25 * length * np.array([np.cos(branch), np.sin(branch)])
            _stroke(mask, np.stack([knee, end]), 1)
    if rng.random() < 0.3:
        mask = mask * (octaves(rng, height, width, 8, 1) > 0.45)
    return np.asarray(mask, np.float32)


def rectangle(rng: Generator, height: int, width: int, radii: tuple[float, float]) -> Plane:
    """An upright rectangle; half its sides in shares of the shorter side."""
    mask = np.zeros((height, width), np.float32)
    wide, tall = (2 * rng.uniform(*radii, 2) * min(height, width)).astype(int).clip(3)
    x, y = int(rng.integers(0, width - wide + 1)), int(rng.integers(0, height - tall + 1))
    mask[y : y + tall, x : x + wide] = 1
    return mask


def _stroke(mask: Plane, path: NDArray[np.float64], thickness: int) -> None:
    points = (path * _FINE).astype(np.int32)
    cv2.polylines(mask, [points], False, 1.0, thickness, cv2.LINE_AA, _SHIFT)
