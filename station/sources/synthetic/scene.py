"""One simulated look at a part: where it lies, how it is lit and what the camera does to it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from station.sources.synthetic.exact import (
    Bytes,
    Floats,
    cos_sin,
    normal_table,
    random_bytes,
    spread,
    stream,
)

NOMINAL_SIZE = (640, 480)
POSE, TONE, NOISE = 1, 2, 3
_FINE = np.float32(4096)
_BAND_ROWS = 64


class Window(NamedTuple):
    """A rectangle of the picture in pixels, right and bottom excluded."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns of the window in a whole picture."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def within(self, outer: "Window") -> tuple[slice, slice]:
        """The rows and columns of this window in an array that covers `outer`."""
        return (
            slice(self.y0 - outer.y0, self.y1 - outer.y0),
            slice(self.x0 - outer.x0, self.x1 - outer.x0),
        )

    def cut(self, other: "Window") -> "Window":
        """What both windows share; may be empty."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Window(x0, y0, max(x0, min(self.x1, other.x1)), max(y0, min(self.y1, other.y1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A light: `hx`, `hy` is the lean of a surface that mirrors it into the camera."""

    hx: float
    hy: float
    power: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The facts of one picture; `unit` is how many pixels a nominal pixel of the part measures."""

    seed: int
    size: tuple[int, int]
    frame_unit: float
    unit: float
    centre_x: float
    centre_y: float
    turns: float
    squash: float
    lamps: tuple[Lamp, ...]
    ambient: float
    exposure: float
    slant_x: float
    slant_y: float
    vignette: float
    blur_px: float
    noise_grey: float
    warmth: float

    @property
    def whole(self) -> Window:
        """The whole picture."""
        return Window(0, 0, *self.size)

    def around(self, u: float, v: float, radius: float) -> Window:
        """The window, within the picture, around a place of the part; all in nominal pixels."""
        reach = radius * self.unit + 2 * self.frame_unit
        x, y = self.centre_x + u * self.unit, self.centre_y + v * self.unit
        asked = Window(int(x - reach), int(y - reach), int(x + reach) + 1, int(y + reach) + 1)
        return self.whole.cut(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Each pixel of a window seen from the part's centre: float32 [h, w] in nominal pixels.

    `u`, `v` is the place, `r` the distance, `nx`, `ny` the outward direction of unit length.
    """

    u: Floats
    v: Floats
    r: Floats
    nx: Floats
    ny: Floats


def look(seed: int, size: tuple[int, int], product: int, lamps: tuple[Lamp, ...]) -> Scene:
    """Draw pose, light and camera of the part number `seed`; `lamps` at their nominal place."""
    width, height = size
    frame_unit = min(width / NOMINAL_SIZE[0], height / NOMINAL_SIZE[1])
    pose, tone = stream(seed, product, POSE), stream(seed, product, TONE)
    turn = spread(tone, -0.025, 0.025)
    return Scene(
        seed=seed,
        size=size,
        frame_unit=frame_unit,
        unit=frame_unit * spread(pose, 0.965, 1.035),
        centre_x=width / 2 + frame_unit * spread(pose, -22, 22),
        centre_y=height / 2 + frame_unit * spread(pose, -13, 13),
        turns=spread(pose, 0, 1),
        squash=spread(pose, -0.012, 0.012),
        lamps=tuple(_swing(lamp, turn, spread(tone, 0.85, 1.15)) for lamp in lamps),
        ambient=spread(tone, 0.85, 1.2),
        exposure=spread(tone, 0.84, 1.16),
        slant_x=spread(tone, -0.10, 0.10),
        slant_y=spread(tone, -0.10, 0.10),
        vignette=spread(tone, 0.12, 0.30),
        blur_px=frame_unit * spread(tone, 0.55, 0.95),
        noise_grey=spread(tone, 1.3, 2.8),
        warmth=spread(tone, -0.02, 0.02),
    )


def _swing(lamp: Lamp, turn: float, gain: float) -> Lamp:
    cos, sin = cos_sin(turn)
    return Lamp(
        hx=lamp.hx * cos - lamp.hy * sin,
        hy=lamp.hx * sin + lamp.hy * cos,
        power=lamp.power * gain,
    )


def grid(scene: Scene, window: Window) -> Grid:
    """The window's pixels in the part's frame."""
    x, y = _axes(window)
    u = (x - np.float32(scene.centre_x)) * np.float32((1 + scene.squash) / scene.unit)
    v = (y - np.float32(scene.centre_y)) * np.float32((1 - scene.squash) / scene.unit)
    u, v = np.broadcast_to(u, window.shape), np.broadcast_to(v, window.shape)
    r = np.sqrt(u * u + v * v)
    inverse = np.float32(1.0) / np.maximum(r, np.float32(0.25))
    return Grid(u=u, v=v, r=r, nx=u * inverse, ny=v * inverse)


def develop(linear: Floats, scene: Scene, window: Window) -> Bytes:
    """Linear light [h, w, 3] to a BGR picture: uneven light, tone curve, lens; no noise yet."""
    x, y = _axes(window)
    width, height = scene.size
    x = x * np.float32(2 / width) - np.float32(1)
    y = y * np.float32(2 / height) - np.float32(1)
    column = np.float32(scene.slant_x) * x - np.float32(scene.vignette / 2) * x * x
    row = np.float32(scene.slant_y) * y - np.float32(scene.vignette / 2) * y * y
    gain = (np.float32(1.0) + column + row) * np.float32(scene.exposure)
    white = np.array([1 - scene.warmth, 1.0, 1 + scene.warmth], np.float32) * _FINE
    shown = np.empty(linear.shape, np.uint8)
    for top in range(0, linear.shape[0], _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS)
        bright = linear[band] * gain[band, :, None]
        bright *= white
        index = np.minimum(bright, _FINE * np.float32(4), out=bright).astype(np.uint16)
        np.take(_tone_curve(), index, out=shown[band], mode="clip")
    return np.asarray(cv2.GaussianBlur(shown, (0, 0), scene.blur_px), np.uint8)


@lru_cache(maxsize=1)
def _tone_curve() -> Bytes:
    """Linear light in steps of 1/_FINE to grey, uint8: a shoulder, then a square root as gamma."""
    light = np.arange(int(_FINE) * 4 + 1) / float(_FINE)
    # Extended Reinhard shoulder with white at 1.8.
    shown = light * (1 + light / (1.8 * 1.8)) / (1 + 0.62 * light)
    return np.asarray(np.sqrt(np.minimum(shown, 1.0)) * 255.0 + 0.5).astype(np.uint8)


def add_noise(picture: Bytes, scene: Scene, product: int) -> Bytes:
    """The picture with sensor noise: uint8 [H, W, 3], a new array."""
    table = normal_table(scene.noise_grey)
    grains = random_bytes(stream(scene.seed, product, NOISE), picture.shape)
    return np.asarray(cv2.add(picture, cv2.LUT(grains, table), dtype=cv2.CV_8U), np.uint8)


def _axes(window: Window) -> tuple[Floats, Floats]:
    """Pixel centres: x [1, w] and y [h, 1], float32."""
    x = np.arange(window.x0, window.x1, dtype=np.float32) + np.float32(0.5)
    y = np.arange(window.y0, window.y1, dtype=np.float32) + np.float32(0.5)
    return x[None, :], y[:, None]
