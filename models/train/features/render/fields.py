"""Random patterns, float32 (height, width) from 0 to 1, that surfaces are coloured from."""

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]
Field: TypeAlias = Callable[[Generator, int, int], Plane]


def cloud(rng: Generator, height: int, width: int) -> Plane:
    """Noise of several octaves."""
    cell, count = rng.uniform(4, 80), int(rng.integers(1, 6))
    return octaves(rng, height, width, cell, count, rng.uniform(0.35, 0.9))


def brushed(rng: Generator, height: int, width: int) -> Plane:
    """Streaks in one direction, as brushing or rolling leaves them."""
    fine, long = rng.uniform(1, 4), rng.uniform(8, 80)
    plane = octaves(rng, height, width, fine, int(rng.integers(1, 3)), 0.6, long)
    if rng.random() < 0.3:
        plane = 0.7 * plane + 0.3 * octaves(rng, height, width, rng.uniform(10, 40), 2)
    return unit(plane.T.copy() if rng.random() < 0.5 and height == width else plane)


def spectral(rng: Generator, height: int, width: int) -> Plane:
    """Noise with a power law, or of one grain size, often with a direction."""
    fy = np.fft.fftfreq(height)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(width)[None].astype(np.float32)
    radius = np.sqrt(fx * fx + fy * fy) + 1e-4
    if rng.random() < 0.5:
        gain = radius ** np.float32(-rng.uniform(0.3, 2.2))
    else:
        middle, spread = rng.uniform(0.02, 0.25), rng.uniform(0.05, 0.5)
        gain = np.exp(-(np.log(radius / middle) ** 2) / (2 * spread * spread))
        if rng.random() < 0.6:
            turn, wide = rng.uniform(0, np.pi), rng.uniform(0.05, 0.4)
            gain = gain * np.exp(-(np.sin(np.arctan2(fy, fx) - turn) ** 2) / (2 * wide * wide))
    noise = np.fft.rfft2(rng.standard_normal((height, width), dtype=np.float32))
    return unit(np.fft.irfft2(noise * gain, s=(height, width)).astype(np.float32))


def cells(rng: Generator, height: int, width: int) -> Plane:
    """Grains: distances to scattered points, flat patches, or the joints between them."""
    seeds = _points(rng, height, width)
    kind = int(rng.integers(3))
    if kind == 0:
        return unit(np.asarray(cv2.distanceTransform(seeds, cv2.DIST_L2, 3), np.float32))
    _, label = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat = rng.random(int(label.max()) + 1, dtype=np.float32)[label]
    if kind == 1:
        return np.asarray(flat, np.float32)
    edge = cv2.morphologyEx(flat, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0.01
    joints = cv2.GaussianBlur(1 - edge.astype(np.float32), (0, 0), rng.uniform(0.6, 1.5))
    return unit(joints + 0.3 * flat)


def weave(rng: Generator, height: int, width: int) -> Plane:
    """Cloth, grids, grooves: products and sums of two waves."""
    u, v = _axes(rng, height, width)
    pitch = rng.uniform(5, 26)
    other = pitch * (rng.uniform(0.5, 2) if rng.random() < 1 / 3 else 1.0)
    a, b = np.sin(u * np.float32(2 * np.pi / pitch)), np.sin(v * np.float32(2 * np.pi / other))
    kind = int(rng.integers(6))
    if kind == 0:
        return unit(a * b)
    if kind == 1:
        return unit(np.maximum(a, b))
    if kind == 2:
        over = ((u // np.float32(pitch)) + (v // np.float32(other))) % 2 > 0.5
        return unit(np.where(over, np.abs(a), np.abs(b)))
    if kind == 3:
        return unit(a + b)
    if kind == 4:
        return unit(np.tanh(np.float32(rng.uniform(1, 6)) * a))
    level = np.maximum(np.abs(a), np.abs(b)) - np.float32(rng.uniform(0.3, 0.95))
    return unit(np.tanh(np.float32(rng.uniform(2, 8)) * level))


def turned(rng: Generator, height: int, width: int) -> Plane:
    """Rings or rays about a point that may lie outside: the marks of a lathe or a face mill."""
    y, x = _grid(height, width)
    x, y = (
        x - np.float32(rng.uniform(-0.5, 1.5) * width),
        y - np.float32(rng.uniform(-0.5, 1.5) * height),
    )
    radius, angle = np.sqrt(x * x + y * y), np.arctan2(y, x)
    if rng.random() < 0.7:
        profile = octaves(rng, 4, int(radius.max()) + 8, rng.uniform(1, 8), 3, 0.6)[0]
        plane = np.interp(radius, np.arange(len(profile)), profile).astype(np.float32)
        return unit(plane + np.float32(0.3) * octaves(rng, height, width, 6, 2))
    return unit(np.sin(radius * np.float32(2 * np.pi / rng.uniform(4, 14)) + angle))


def leaves(rng: Generator, height: int, width: int) -> Plane:
    """Flakes that cover each other: discs, ellipses or polygons."""
    count, largest = int(rng.uniform(80, 420)), rng.uniform(4, 36)
    plane = np.full((height, width), rng.random(), np.float32)
    places = rng.integers(0, [width, height], (count, 2))
    radii, greys = np.maximum(1.2, largest * rng.power(0.6, count)), rng.random(count)
    kind = int(rng.integers(3))
    for (x, y), radius, grey in zip(places.tolist(), radii.tolist(), greys.tolist(), strict=True):
        if kind == 0:
            cv2.circle(plane, (x, y), int(radius), grey, -1)
        elif kind == 1:
            axes = (int(radius) + 1, int(radius * 0.45) + 1)
            cv2.ellipse(plane, (x, y), axes, grey * 360, 0, 360, grey, -1)
        else:
            turn = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 6))))
            corners = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1)
            cv2.fillPoly(plane, [corners.astype(np.int32)], grey)
    return unit(np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.5, 1.2)), np.float32))


def fibres(rng: Generator, height: int, width: int) -> Plane:
    """Threads, in one direction or in all."""
    plane = np.zeros((height, width), np.float32)
    main, spread, length = rng.uniform(0, np.pi), rng.choice([0.1, 0.4, 3.2]), rng.uniform(10, 90)
    for _ in range(int(rng.uniform(40, 260))):
        start = rng.uniform(0, [width, height])
        turn = main + rng.normal(0, spread) + np.arange(8) * rng.normal(0, 0.02) * length / 8
        steps = np.stack([np.cos(turn), np.sin(turn)], 1) * length / 8
        line = np.vstack([start, start + np.cumsum(steps, 0)]).astype(np.int32)
        thickness = int(rng.integers(1, 3))
        cv2.polylines(plane, [line], False, rng.uniform(0.3, 1), thickness, cv2.LINE_AA)
    return unit(np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.4, 1.2)), np.float32))


def formula(rng: Generator, height: int, width: int) -> Plane:
    """Smooth shapes without a name: a small random network of the place alone."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    zoom = np.float32(rng.uniform(1, 6))
    inputs = [x * zoom, y * zoom, np.sqrt(x * x + y * y) * zoom, np.ones_like(x)]
    bend: tuple[Callable[[Plane], Plane], ...] = (
        np.sin, np.tanh, lambda t: np.abs(np.sin(t)), lambda t: np.exp(-t * t),
    )  # fmt: skip
    for _ in range(int(rng.integers(2, 4))):
        weights = rng.normal(0, 1.6, (4, 4)).astype(np.float32)
        mixed = np.tensordot(weights.T, np.stack(inputs), 1)
        inputs = [bend[int(rng.integers(4))](plane) for plane in mixed]
    return unit(inputs[0])


FIELDS: tuple[tuple[Field, float], ...] = (
    (cloud, 0.16), (brushed, 0.14), (spectral, 0.14), (cells, 0.14), (weave, 0.13),
    (turned, 0.07), (leaves, 0.10), (fibres, 0.07), (formula, 0.05),
)  # fmt: skip
"""Every pattern and how often it is taken."""


def octaves(
    rng: Generator,
    height: int,
    width: int,
    cell: float,
    count: int = 4,
    fade: float = 0.5,
    stretch: float = 1.0,
) -> Plane:
    """Smooth noise with cells of `cell` pixels (times `stretch` across), then of half of that, …"""
    plane, strength = np.zeros((height, width), np.float32), np.float32(1.0)
    for _ in range(count):
        down, across = (
            max(2, int(height / max(cell, 1))),
            max(2, int(width / max(cell * stretch, 1))),
        )
        if down >= height and across >= width:
            plane += strength * rng.standard_normal((height, width), dtype=np.float32)
            break
        shape = (min(down, height) + 3, min(across, width) + 3)
        coarse = rng.standard_normal(shape, dtype=np.float32)
        plane += strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        cell, strength = cell / 2, strength * np.float32(fade)
    return unit(plane)


def unit(plane: NDArray[np.floating]) -> Plane:
    """Stretched to 0..1."""
    low, high = float(plane.min()), float(plane.max())
    return np.asarray((plane - low) * (1.0 / (high - low + 1e-6)), np.float32)


def _points(rng: Generator, height: int, width: int) -> NDArray[np.uint8]:
    """0 at the seeds, 255 elsewhere; scattered, or on a disturbed lattice."""
    plane = np.full((height, width), 255, np.uint8)
    count = max(4, int(height * width / rng.uniform(60, 1600)))
    if rng.random() >= 0.35:
        plane[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
        return plane
    pitch = np.sqrt(height * width / count)
    rows, columns = np.mgrid[0:height:pitch, 0:width:pitch]
    jitter = rng.uniform(0, 0.5) * pitch
    offset = (np.arange(rows.shape[0])[:, None] % 2) * pitch / 2 * int(rng.integers(2))
    y = rows + rng.uniform(-jitter, jitter, rows.shape)
    x = columns + offset + rng.uniform(-jitter, jitter, rows.shape)
    plane[np.clip(y, 0, height - 1).astype(int), np.clip(x, 0, width - 1).astype(int)] = 0
    return plane


def _axes(rng: Generator, height: int, width: int) -> tuple[Plane, Plane]:
    """Turned, sometimes wavy coordinates in pixels."""
    y, x = _grid(height, width)
    if rng.random() < 0.5:
        bend = np.float32(rng.uniform(0, 6)) * 2
        x = x + bend * (octaves(rng, height, width, rng.uniform(20, 90), 2) - 0.5)
        y = y + bend * (octaves(rng, height, width, rng.uniform(20, 90), 2) - 0.5)
    turn = rng.uniform(0, np.pi) if rng.random() < 0.5 else rng.integers(2) * np.pi / 2
    along, across = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return along * x + across * y, along * y - across * x


def _grid(height: int, width: int) -> tuple[Plane, Plane]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return y, x
