"""How a surface answers light: mirror lobes, matt reflection, soft edges, tables over a turn."""

import numpy as np
from numpy.typing import NDArray

from station.sources.synthetic.exact import Floats
from station.sources.synthetic.scene import Grid, Lamp

BINS_PER_PX = 8
TURN_BINS = 4096


def glint(
    lamp: Lamp,
    grid: Grid,
    lean_r: Floats,
    lean_t: Floats | float,
    rough_r: float,
    rough_t: float,
) -> Floats:
    """Mirrored light of one lamp, 0..power, float32 [h, w].

    `lean_r`, `lean_t` is the lean of the surface outward and along the turn; the two roughnesses
    make the lobe anisotropic as on a turned face (after the GGX distribution, Walter et al. 2007).
    """
    hx, hy = np.float32(lamp.hx), np.float32(lamp.hy)
    off_r = grid.nx * hx + grid.ny * hy - lean_r
    off_t = grid.nx * hy - grid.ny * hx - lean_t
    lobe = off_r * off_r * np.float32(1 / (rough_r * rough_r))
    lobe += off_t * off_t * np.float32(1 / (rough_t * rough_t))
    lobe += np.float32(1.0)
    return np.asarray(np.float32(lamp.power) / (lobe * lobe), np.float32)


def matt(lamps: tuple[Lamp, ...], grid: Grid, lean_r: Floats) -> Floats:
    """Diffusely reflected light of all lamps, about 1.0 on a level surface, float32 [h, w]."""
    x = np.float32(2 * sum(lamp.hx * lamp.power for lamp in lamps))
    y = np.float32(2 * sum(lamp.hy * lamp.power for lamp in lamps))
    facing = np.float32(1.0) + lean_r * (grid.nx * x + grid.ny * y)
    facing /= np.float32(1.0) + np.float32(0.5) * lean_r * lean_r
    return np.asarray(np.maximum(facing, np.float32(0.0)), np.float32)


def inside(r: Floats, radius: Floats | float, unit: float, soft_px: float = 1.0) -> Floats:
    """How much of each pixel lies within `radius`: 0..1, the edge `soft_px` picture pixels wide."""
    cover = (radius - r) * np.float32(unit / soft_px) + np.float32(0.5)
    return np.asarray(np.clip(cover, 0.0, 1.0), np.float32)


def along_radius(table: Floats, r: Floats) -> Floats:
    """Look up a table over the radius (BINS_PER_PX entries a nominal px) for each pixel."""
    index = (r * np.float32(BINS_PER_PX)).astype(np.int32)
    return np.take(table, index, mode="clip")


def along_turn(table: Floats, turns: Floats) -> Floats:
    """Look up a closed table over the angle (TURN_BINS entries a turn) for each pixel."""
    index = (turns * np.float32(TURN_BINS)).astype(np.int32)
    return np.take(table, index, mode="clip")


def radii(limit_px: float) -> NDArray[np.float64]:
    """The middle of each entry of a table over the radius up to `limit_px`."""
    return (np.arange(int(limit_px * BINS_PER_PX)) + 0.5) / BINS_PER_PX


def ramp(r: NDArray[np.float64], *points: tuple[float, float]) -> Floats:
    """A broken line through (radius, value) points, as a table: float32."""
    places, values = zip(*points, strict=True)
    return np.asarray(np.interp(r, places, values)).astype(np.float32)
