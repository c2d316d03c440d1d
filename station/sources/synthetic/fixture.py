"""What lies under the parts: the dark fixture plate of the ring and the belt of the cap."""

from functools import lru_cache

import cv2
import numpy as np

from station.sources.synthetic.exact import (
    Floats,
    smooth_field,
    speckle,
    spread,
    stream,
)
from station.sources.synthetic.scene import Scene, Window

_PLATE, _BELT, _PLACE = 31, 32, 33
_SCREWS = ((66.0, 58.0), (574.0, 58.0), (66.0, 422.0), (574.0, 422.0))


def plate(scene: Scene, window: Window) -> Floats:
    """The dark plate with its screws in linear light, float32 [h, w]; its place varies a little."""
    rng = stream(scene.seed, _PLACE)
    dx, dy = (
        int(scene.frame_unit * spread(rng, 0, 40)),
        int(scene.frame_unit * spread(rng, 0, 40)),
    )
    bright = spread(rng, 0.75, 1.3)
    whole = _plate(scene.size, scene.frame_unit)
    return whole[window.y0 + dy : window.y1 + dy, window.x0 + dx : window.x1 + dx] * np.float32(
        bright
    )


def belt(scene: Scene, window: Window) -> Floats:
    """The woven belt in linear light, float32 [h, w]; every part lies somewhere else on it."""
    rng = stream(scene.seed, _PLACE)
    dx, dy = (
        int(scene.frame_unit * spread(rng, 0, 160)),
        int(scene.frame_unit * spread(rng, 0, 40)),
    )
    bright = spread(rng, 0.8, 1.2)
    whole = _belt(scene.size, scene.frame_unit)
    return whole[window.y0 + dy : window.y1 + dy, window.x0 + dx : window.x1 + dx] * np.float32(
        bright
    )


@lru_cache(maxsize=4)
def _plate(size: tuple[int, int], unit: float) -> Floats:
    margin = int(np.ceil(40 * unit))
    shape = (size[1] + margin, size[0] + margin)
    rng = stream(0, _PLATE)
    light = np.full(shape, 0.045, np.float32)
    brushed = speckle(rng, shape, (int(21 * unit), 1))
    light *= np.float32(1.0) + np.float32(1.0) * brushed + np.float32(0.14) * speckle(rng, shape)
    light *= np.float32(1.0) + np.float32(0.25) * smooth_field(rng, shape, 90 * unit)
    for x, y in _SCREWS:
        _screw(light, (x + 20) * unit, (y + 20) * unit, unit)
    light.flags.writeable = False
    return light


def _screw(light: Floats, cx: float, cy: float, unit: float) -> None:
    """Draw a socket-head screw in its counterbore into `light`."""
    y, x = np.ogrid[: light.shape[0], : light.shape[1]]
    u, v = ((x - cx) / unit).astype(np.float32), ((y - cy) / unit).astype(np.float32)
    r = np.sqrt(u * u + v * v)
    rim = np.clip(-(0.6 * u + 0.8 * v) / np.maximum(r, np.float32(1)), 0, 1)
    hexagon = np.maximum(np.abs(v), np.abs(u) * np.float32(0.866) + np.abs(v) * np.float32(0.5))
    for mask, value in (
        (r < 25, np.float32(0.012)),
        (r < 21, np.float32(0.05) + np.float32(0.25) * rim * (r > 18.5)),
        (
            hexagon < 10,
            np.float32(0.008) + np.float32(0.05) * (hexagon > 8.8) * (v > 0),
        ),
    ):
        soft = cv2.GaussianBlur(np.asarray(mask * 255, np.uint8), (0, 0), 0.9 * unit)
        light += (value - light) * (soft.astype(np.float32) * np.float32(1 / 255))


@lru_cache(maxsize=4)
def _belt(size: tuple[int, int], unit: float) -> Floats:
    shape = (size[1] + int(np.ceil(40 * unit)), size[0] + int(np.ceil(160 * unit)))
    rng = stream(0, _BELT)
    y, x = np.ogrid[: shape[0], : shape[1]]
    pitch = 5.0 * unit
    a, b = (x / pitch) % 1.0, (y / pitch) % 1.0
    over = ((np.floor(x / pitch) + np.floor(y / pitch)) % 2) > 0
    weave = np.where(over, 4 * a * (1 - a), 4 * b * (1 - b)).astype(np.float32)
    light = np.float32(0.10) + np.float32(0.05) * weave
    light *= np.float32(1.0) + np.float32(0.16) * speckle(rng, shape)
    light *= np.float32(1.0) + np.float32(0.22) * smooth_field(rng, shape, 70 * unit)
    light.flags.writeable = False
    return light
