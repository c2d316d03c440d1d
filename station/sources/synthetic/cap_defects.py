"""What can be wrong with a cap: flash, short shot, discolouration, missing liner."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from station.sources.synthetic.cap import FLOOR, LINER, OUTER, WALL, Cap, Fault, paint, with_fault
from station.sources.synthetic.exact import (
    Floats,
    cos_sin,
    rough_line,
    smooth_field,
    spread,
    turns_of,
)
from station.sources.synthetic.scene import Scene, Window, grid
from station.sources.synthetic.surface import TURN_BINS, along_turn

Maker: TypeAlias = Callable[[Scene, Generator, float], tuple[Window, Fault]]

# What multiplies the light, as BGR: burnt, scorched, pale, greenish, greyed; then soiled liners.
_ON_PLASTIC = (
    (0.30, 0.42, 1.10),
    (0.22, 0.26, 0.40),
    (1.25, 1.9, 5.5),
    (0.50, 1.25, 1.6),
    (0.45, 0.5, 0.7),
)
_ON_LINER = ((0.45, 0.78, 0.95), (0.38, 0.52, 0.68), (0.62, 0.64, 0.62), (0.95, 0.72, 0.55))


def spoil(part: Cap, code: str, rng: Generator, strength: float) -> tuple[Window, Floats]:
    """The window of the defect `code` and its linear light, float32 [h, w, 3]."""
    window, fault = DEFECTS[code](part.scene, rng, strength)
    return window, paint(with_fault(part, fault), window)


def flash(scene: Scene, rng: Generator, strength: float) -> tuple[Window, Fault]:
    """A fin 5 to 16 px wide over 10 to 50 degrees: outside the skirt or, seldom, inside the rim."""
    turn, half = spread(rng, 0, 1), spread(rng, 0.014, 0.07)
    reach = spread(rng, 5, 15) * min(strength, 1.4)
    inner = bool(rng.random() < 0.25)
    ragged = np.float32(1) + np.float32(0.35) * rough_line(rng, TURN_BINS, 55, closed=True)
    table = _arc(turn, half) * ragged * np.float32(reach + (3 if inner else 0))
    window = _arc_window(scene, turn, half, WALL - 8 if inner else OUTER, reach * 1.5)
    return window, Fault(web=table) if inner else Fault(fin=table)


def short_shot(scene: Scene, rng: Generator, strength: float) -> tuple[Window, Fault]:
    """Skirt that never filled: 6 to 20 px deep over 10 to 45 degrees, its edge round and glossy."""
    turn, half = spread(rng, 0, 1), spread(rng, 0.015, 0.06)
    depth = spread(rng, 6, 20) * min(strength, 1.4)
    wavy = np.float32(1) + np.float32(0.25) * rough_line(rng, TURN_BINS, 110, closed=True)
    table = _arc(turn, half) * wavy * np.float32(depth)
    window = _arc_window(scene, turn, half, OUTER - depth / 2, depth)
    return window, Fault(short=np.minimum(table, np.float32(OUTER - FLOOR - 6)))


def discolouration(scene: Scene, rng: Generator, strength: float) -> tuple[Window, Fault]:
    """A cloud or streak of another colour, 20 to 90 px long, on the moulding or the liner."""
    on_liner = bool(rng.random() < 0.5)
    radius = spread(rng, 15, LINER - 26) if on_liner else spread(rng, WALL + 3, OUTER - 6)
    turn, size = spread(rng, 0, 1), spread(rng, 13, 30)
    cos, sin = cos_sin(turn)
    u, v = cos * radius, sin * radius
    window = scene.around(u, v, size * 2.1)
    g = grid(scene, window)
    # On the rim the streak follows the flow along the skirt; on the liner it lies anyhow.
    cos, sin = cos_sin(turn + 0.25 if not on_liner else spread(rng, 0, 1))
    x, y = g.u - np.float32(u), g.v - np.float32(v)
    a = (x * np.float32(cos) + y * np.float32(sin)) * np.float32(1 / (size * 1.5))
    b = (y * np.float32(cos) - x * np.float32(sin)) * np.float32(1 / (size * spread(rng, 0.6, 1.1)))
    outline = np.float32(1) + np.float32(0.28) * rough_line(
        rng, TURN_BINS, TURN_BINS / 7, closed=True
    )
    q = np.sqrt(a * a + b * b) / along_turn(outline, turns_of(a, b))
    cover = np.clip((np.float32(1.1) - q) * np.float32(spread(rng, 1.6, 4)), 0, 1)
    cover *= np.float32(0.8) + np.float32(0.25) * smooth_field(rng, window.shape, 9 * scene.unit)
    cover *= np.float32(spread(rng, 0.6, 0.95) * strength)
    choices = _ON_LINER if on_liner else _ON_PLASTIC
    colour = np.array(choices[int(rng.integers(len(choices)))], np.float32)
    tint = np.float32(1) + np.clip(cover, 0, 1.6)[:, :, None] * (colour - np.float32(1))
    return window, Fault(tint=np.maximum(tint, np.float32(0.1)))


def missing_liner(scene: Scene, rng: Generator, strength: float) -> tuple[Window, Fault]:
    """No liner: the bare moulded floor."""
    del rng, strength
    return scene.around(0, 0, FLOOR + 2), Fault(liner_missing=True)


DEFECTS: Mapping[str, Maker] = MappingProxyType(
    {
        "flash": flash,
        "short_shot": short_shot,
        "discolouration": discolouration,
        "missing_liner": missing_liner,
    }
)


def _arc(turn: float, half: float) -> Floats:
    """A table over the turn: a hump of height 1 around `turn`, `half` turns to each side."""
    away = np.abs((np.arange(TURN_BINS) / TURN_BINS - turn + 0.5) % 1.0 - 0.5) / half
    hump = np.clip(1.0 - away * away, 0, None)
    return np.sqrt(np.sqrt(hump)).astype(np.float32)


def _arc_window(scene: Scene, turn: float, half: float, radius: float, extra: float) -> Window:
    """The window around an arc of the skirt."""
    cos, sin = cos_sin(turn)
    return scene.around(cos * radius, sin * radius, 6.3 * half * OUTER + extra + 12)
