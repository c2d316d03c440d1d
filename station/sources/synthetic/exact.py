"""Arithmetic that gives the same bits on every machine: noise, angles and smooth fields.

Only operations that IEEE 754 rounds exactly (+ - * / sqrt) and OpenCV functions that work in fixed
point touch whole arrays; everything else is rounded before use.
"""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

# atan(t) = t * polynomial(t * t) on 0 <= t <= 1, error below 1e-5 rad (Abramowitz & Stegun 4.4.49).
_ATAN = (0.9998660, -0.3302995, 0.1801410, -0.0851330, 0.0208351)


def stream(seed: int, *path: int) -> Generator:
    """A random stream of its own for each (seed, path), independent of all others."""
    return Generator(PCG64(SeedSequence(seed, spawn_key=path)))


def spread(rng: Generator, low: float, high: float) -> float:
    """A number drawn evenly between `low` and `high`."""
    return low + (high - low) * float(rng.random())


def cos_sin(turns: float) -> tuple[float, float]:
    """Cosine and sine of an angle in turns, rounded so that no math library shows through."""
    angle = math.tau * turns
    return round(math.cos(angle), 9), round(math.sin(angle), 9)


def turns_of(x: Floats, y: Floats) -> Floats:
    """The angle of each point in turns, 0 <= t < 1, float32, same shape."""
    wide, tall = np.abs(x), np.abs(y)
    small = np.minimum(wide, tall) / (np.maximum(wide, tall) + np.float32(1e-6))
    square = small * small
    poly = np.full_like(square, _ATAN[-1])
    for factor in reversed(_ATAN[:-1]):
        poly *= square
        poly += np.float32(factor)
    turns = np.asarray(small * poly * np.float32(1 / math.tau), np.float32)
    np.subtract(np.float32(0.25), turns, out=turns, where=tall > wide)
    np.subtract(np.float32(0.5), turns, out=turns, where=x < 0)
    np.subtract(np.float32(1.0), turns, out=turns, where=y < 0)
    turns[turns >= 1.0] = 0.0
    return turns


@lru_cache(maxsize=1)
def _normal_quantiles() -> tuple[float, ...]:
    """256 equally likely values of the standard normal distribution."""
    normal = NormalDist()
    return tuple(round(normal.inv_cdf((i + 0.5) / 256), 6) for i in range(256))


def normal_table(sigma: float) -> NDArray[np.int16]:
    """Table, int16 [256], that makes random bytes normally distributed with `sigma`."""
    return np.array([round(sigma * q) for q in _normal_quantiles()], np.int16)


def random_bytes(rng: Generator, shape: tuple[int, ...]) -> Bytes:
    """uint8 of `shape`, evenly distributed."""
    return np.frombuffer(rng.bytes(math.prod(shape)), np.uint8).reshape(shape)


def rough_line(rng: Generator, count: int, cell: float, *, closed: bool = False) -> Floats:
    """A smooth random line: float32 [count] in about -1..1 that changes over `cell` samples."""
    knots = max(3, round(count / cell)) + (0 if closed else 4)
    values = rng.random(knots) * 2.0 - 1.0
    if closed:
        values = np.concatenate([values, values[:4]])
    at = np.arange(count) * ((knots if closed else knots - 4) / count)
    first = at.astype(np.int64)
    t = at - first
    p0, p1, p2, p3 = (values[first + k] for k in range(4))
    # Uniform cubic B-spline: smooth, and no overshoot.
    a = (1 - t) * (1 - t) * (1 - t) / 6
    b = (t * t * (3 * t - 6) + 4) / 6
    d = t * t * t / 6
    return np.asarray(1.5 * (a * p0 + b * p1 + (1 - a - b - d) * p2 + d * p3)).astype(np.float32)


def smooth_field(rng: Generator, shape: tuple[int, int], cell: float) -> Floats:
    """A smooth random field: float32 of `shape` in -1..1 that changes over `cell` px."""
    height, width = shape
    rows, columns = max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)
    coarse = (rng.integers(0, 1 << 16, (rows, columns))).astype(np.uint16)
    middle = cv2.resize(coarse, (columns * 3, rows * 3), interpolation=cv2.INTER_LINEAR_EXACT)
    middle = cv2.GaussianBlur(middle, (5, 5), 1.2)
    fine = cv2.resize(middle, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    return fine.astype(np.float32) * np.float32(1 / 32768) - np.float32(1.0)


def speckle(rng: Generator, shape: tuple[int, int], blur: tuple[int, int] = (1, 1)) -> Floats:
    """Grain: float32 of `shape` in -1..1, averaged over `blur` (columns, rows) pixels."""
    grains = cv2.blur(random_bytes(rng, shape), blur)
    return grains.astype(np.float32) * np.float32(1 / 127.5) - np.float32(1.0)
