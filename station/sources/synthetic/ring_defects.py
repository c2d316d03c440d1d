"""What can be wrong with a ring: scratch, dent, stain, chip."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from station.sources.synthetic.exact import (
    Floats,
    cos_sin,
    rough_line,
    smooth_field,
    spread,
    turns_of,
)
from station.sources.synthetic.marking import NUMBER_TURNS
from station.sources.synthetic.ring import CHAMFER, INNER, OUTER, Damage, Ring, paint
from station.sources.synthetic.scene import Grid, Scene, Window, grid
from station.sources.synthetic.surface import TURN_BINS, along_turn, inside

Maker: TypeAlias = Callable[[Scene, Generator, float], tuple[Window, Damage]]

_NONE = np.float32(0)
_OFF_TURNS = 0.045
"""On the struck number, and this near it, even a careful eye would not find a small defect."""
_STAINS = ((0.34, 0.52, 0.78), (0.42, 0.48, 0.52), (0.62, 0.50, 0.44), (0.30, 0.33, 0.36))


def spoil(part: Ring, code: str, rng: Generator, strength: float) -> tuple[Window, Floats]:
    """The window of the defect `code` and its linear light, float32 [h, w, 3]."""
    window, damage = DEFECTS[code](part.scene, rng, strength)
    return window, paint(part, window, damage)


def scratch(scene: Scene, rng: Generator, strength: float) -> tuple[Window, Damage]:
    """A line 2 to 5 px wide and 40 to 140 px long, across the turning marks, bright or dark."""
    half = min(spread(rng, 20, 65) * round(strength**0.5, 6), 70.0)
    u, v, turn = _place(scene, rng, INNER + 14, OUTER - 14)
    cos, sin = cos_sin(turn + 0.25 + _signed(rng, spread(rng, 0.07, 0.25)))
    bend, width = spread(rng, -0.0035, 0.0035), spread(rng, 2.0, 4.0) * round(strength**0.2, 6)
    window, g = _around(scene, u, v, half + 4)
    x, y = (g.u - np.float32(u)), (g.v - np.float32(v))
    t, d = x * np.float32(cos) + y * np.float32(sin), y * np.float32(cos) - x * np.float32(sin)
    d -= np.float32(bend) * (t * t - np.float32(half * half * 0.3))
    place = np.clip((t + np.float32(half)) * np.float32(128 / half), 0, 255).astype(np.int32)
    pressure = np.float32(0.85) + np.float32(0.3) * rough_line(rng, 256, 30)
    wide = np.float32(width / 2) * pressure[place]
    wide *= np.clip((np.float32(half) - np.abs(t)) * np.float32(0.2), 0, 1)
    line = np.clip((wide - np.abs(d)) * np.float32(scene.unit) + np.float32(0.5), 0, 1)
    line *= wide > np.float32(0.3)
    line *= _on_face(scene, g)
    slope = line * np.clip(d / np.maximum(wide, np.float32(0.5)), -1, 1) * np.float32(0.35)
    shade = np.float32(0.55 if rng.random() < 0.6 else -0.40) * np.float32(strength)
    tint = np.maximum(np.float32(1) + shade * line * pressure[place], np.float32(0.15))
    return window, _damage(
        tint=_grey(tint), lean_x=slope * np.float32(-sin), lean_y=slope * np.float32(cos)
    )


def dent(scene: Scene, rng: Generator, strength: float) -> tuple[Window, Damage]:
    """A round or oval blow, 12 to 32 px across, with a raised lip."""
    long = spread(rng, 6.5, 16)
    short = long * spread(rng, 0.65, 1.0)
    u, v, turn = _place(scene, rng, INNER + 14, OUTER - 13)
    cos, sin = cos_sin(turn + spread(rng, 0, 1))
    window, g = _around(scene, u, v, long * 1.7)
    x, y = g.u - np.float32(u), g.v - np.float32(v)
    a = (x * np.float32(cos) + y * np.float32(sin)) * np.float32(1 / long)
    b = (y * np.float32(cos) - x * np.float32(sin)) * np.float32(1 / short)
    wobble = np.float32(1) + np.float32(0.25) * smooth_field(rng, window.shape, 9 * scene.unit)
    q = (a * a + b * b) * wobble
    bowl = np.maximum(np.float32(1) - q, _NONE)
    lip = np.maximum(np.float32(1) - np.abs(q - np.float32(1.35)) * np.float32(2.2), _NONE)
    steep = (np.float32(-2.6) * bowl + np.float32(0.5) * lip) * np.float32(0.5 * strength)
    steep *= _on_face(scene, g)
    shade = np.float32(1) - np.float32(min(0.22 * strength, 0.6)) * bowl
    return window, _damage(
        tint=_grey(shade),
        lean_x=steep * (a * np.float32(cos) - b * np.float32(sin)),
        lean_y=steep * (a * np.float32(sin) + b * np.float32(cos)),
    )


def stain(scene: Scene, rng: Generator, strength: float) -> tuple[Window, Damage]:
    """A blot of rust, oil or dried coolant, 20 to 60 px across, with a darker rim."""
    radius = spread(rng, 10, 27) * round(min(strength, 2.0) ** 0.4, 6)
    u, v, turn = _place(scene, rng, INNER + 16, OUTER - 16)
    cos, sin = cos_sin(turn + spread(rng, 0, 1))
    window, g = _around(scene, u, v, radius * 1.8)
    x, y = g.u - np.float32(u), g.v - np.float32(v)
    a = (x * np.float32(cos) + y * np.float32(sin)) * np.float32(1 / radius)
    b = (y * np.float32(cos) - x * np.float32(sin)) * np.float32(spread(rng, 1.0, 1.7) / radius)
    outline = np.float32(1) + np.float32(0.3) * rough_line(
        rng, TURN_BINS, TURN_BINS / 9, closed=True
    )
    q = np.sqrt(a * a + b * b) / along_turn(outline, turns_of(a, b))
    body = np.clip((np.float32(1) - q) * np.float32(spread(rng, 3, 7)), 0, 1)
    rim = np.maximum(np.float32(1) - np.abs(q - np.float32(0.9)) * np.float32(7), _NONE)
    mottle = np.float32(0.8) + np.float32(0.2) * smooth_field(rng, window.shape, 7 * scene.unit)
    cover = np.minimum(
        body * mottle * np.float32(spread(rng, 0.55, 0.85)) + np.float32(0.3) * rim, 1
    )
    cover *= np.float32(strength)
    colour = np.array(_STAINS[int(rng.integers(len(_STAINS)))], np.float32)
    tint = np.float32(1) + np.minimum(cover, 1.4)[:, :, None] * (colour - np.float32(1))
    return window, _damage(tint=np.maximum(tint, np.float32(0.15)))


def chip(scene: Scene, rng: Generator, strength: float) -> tuple[Window, Damage]:
    """A piece broken off an edge, 20 to 56 px long and 8 to 20 px deep."""
    outer = bool(rng.random() < 0.72)
    edge = OUTER if outer else INNER
    turn, half = spread(rng, 0, 1), spread(rng, 10, 28)
    depth = (7.5 + 0.25 * half + spread(rng, 0, 6)) * min(strength, 2.0)
    cos, sin = cos_sin(turn)
    window, g = _around(scene, cos * edge, sin * edge, half + 8)
    along = g.v * np.float32(cos) - g.u * np.float32(sin)
    inward = (np.float32(edge) - g.r) if outer else (g.r - np.float32(edge))
    place = np.clip((along + np.float32(half)) * np.float32(128 / half), 0, 255).astype(np.int32)
    ragged = np.float32(1) + np.float32(0.3) * rough_line(rng, 256, 44)
    s = along * np.float32(1 / half)
    bite = np.sqrt(np.maximum(np.float32(1) - s * s, _NONE)) * ragged[place] * np.float32(depth)
    bite -= np.float32(3) * (np.abs(s) >= 1)
    deep = np.float32(spread(rng, 0.2, 0.5)) + np.float32(0.16) * rough_line(rng, 256, 38)
    torn = inside(inward, bite, scene.unit, 1.4)
    gone = inside(inward, bite * deep[place] - np.float32(0.5), scene.unit, 1.2)
    facet = np.float32(6 * scene.unit)
    return window, _damage(
        tint=np.ones((*window.shape, 3), np.float32),
        lean_x=smooth_field(rng, window.shape, float(facet)) * torn,
        lean_y=smooth_field(rng, window.shape, float(facet)) * torn,
        gone=gone,
        torn=torn,
    )


DEFECTS: Mapping[str, Maker] = MappingProxyType(
    {"scratch": scratch, "dent": dent, "stain": stain, "chip": chip}
)


def _place(scene: Scene, rng: Generator, low: float, high: float) -> tuple[float, float, float]:
    """A place on the face between two radii, off the struck number, and the angle in turns."""
    turn = (scene.turns + spread(rng, NUMBER_TURNS + _OFF_TURNS, 1 - _OFF_TURNS)) % 1.0
    radius = spread(rng, low, high)
    cos, sin = cos_sin(turn)
    return radius * cos, radius * sin, turn


def _signed(rng: Generator, value: float) -> float:
    return value if rng.random() < 0.5 else -value


def _around(scene: Scene, u: float, v: float, radius: float) -> tuple[Window, Grid]:
    window = scene.around(u, v, radius)
    return window, grid(scene, window)


def _on_face(scene: Scene, g: Grid) -> Floats:
    """1 on the ring's upper side, 0 beyond its edges, float32 [h, w]."""
    outer = inside(g.r, OUTER - CHAMFER / 2, scene.unit, 2.0)
    return outer * (np.float32(1) - inside(g.r, INNER + CHAMFER / 2, scene.unit, 2.0))


def _grey(tint: Floats) -> Floats:
    return np.repeat(tint[:, :, None], 3, axis=2)


def _damage(
    *,
    tint: Floats,
    lean_x: Floats | None = None,
    lean_y: Floats | None = None,
    gone: Floats | None = None,
    torn: Floats | None = None,
) -> Damage:
    level = np.zeros(tint.shape[:2], np.float32)
    return Damage(
        tint=tint,
        lean_x=level if lean_x is None else lean_x,
        lean_y=level if lean_y is None else lean_y,
        gone=level if gone is None else gone,
        torn=level if torn is None else torn,
    )
