"""The moulded bottle cap seen into its open side: knurled skirt, rounded rim, thread, liner."""

from dataclasses import dataclass, replace

import numpy as np

from station.sources.synthetic.exact import (
    Floats,
    random_bytes,
    rough_line,
    smooth_field,
    spread,
    stream,
    turns_of,
)
from station.sources.synthetic.fixture import belt
from station.sources.synthetic.scene import Grid, Lamp, Scene, Window, grid, look
from station.sources.synthetic.surface import (
    BINS_PER_PX,
    TURN_BINS,
    along_radius,
    along_turn,
    glint,
    inside,
    matt,
    radii,
    ramp,
)

NUMBER = 2
OUTER, WALL, FLOOR, LINER = 170.0, 153.0, 137.0, 130.0
RIDGES = 90
_FINISH, _GRAIN = 11, 12
_LAMPS = (
    Lamp(hx=-0.17, hy=-0.24, power=0.75),
    Lamp(hx=0.28, hy=0.10, power=0.40),
    Lamp(hx=0.02, hy=0.33, power=0.28),
)
_PLASTIC = np.array([0.66, 0.255, 0.045], np.float32)
_FOAM = np.array([0.60, 0.62, 0.61], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a defect changes: tables over the turn in nominal px, a tint [h, w, 3], the liner.

    `short` is how far the skirt falls short, `fin` how far flash stands out beyond it, `web` how
    far flash reaches inwards from the rim; `tint` multiplies the light of the moulding.
    """

    short: Floats | None = None
    fin: Floats | None = None
    web: Floats | None = None
    tint: Floats | None = None
    liner_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """One cap: its outline and thread over the turn, its liner's place, its batch's colour."""

    scene: Scene
    outline: Floats
    thread: Floats
    floor: Floats
    liner: Floats
    liner_u: float
    liner_v: float
    plastic: Floats
    foam: Floats
    fault: Fault


def draw(seed: int, size: tuple[int, int]) -> Cap:
    """The cap number `seed` and its scene."""
    scene = look(seed, size, NUMBER, _LAMPS)
    rng = stream(seed, NUMBER, _FINISH)
    batch = np.float32(1) + np.array([spread(rng, -0.04, 0.04) for _ in range(3)], np.float32)
    return Cap(
        scene=scene,
        outline=_outline(scene.turns, rng),
        thread=_thread(scene.turns),
        floor=_floor(rng),
        liner=_liner(rng),
        liner_u=spread(rng, -1.6, 1.6),
        liner_v=spread(rng, -1.6, 1.6),
        plastic=_PLASTIC * batch,
        foam=_foam(scene),
        fault=Fault(),
    )


def with_fault(cap: Cap, fault: Fault) -> Cap:
    """The same cap with something wrong."""
    return replace(cap, fault=fault)


def paint(cap: Cap, window: Window) -> Floats:
    """The window in linear light, float32 [h, w, 3]."""
    scene = cap.scene
    under = belt(scene, window)
    part = scene.around(0, 0, OUTER + 44).cut(window)
    g = grid(scene, part)
    under[part.within(window)] *= _shadow(scene, g)
    colour = np.multiply(under[:, :, None], np.array([0.97, 1.0, 0.98], np.float32))
    # A tint covers the whole window of its defect.
    part = window if cap.fault.tint is not None else scene.around(0, 0, OUTER + 22).cut(window)
    g = grid(scene, part)
    turns = turns_of(g.u, g.v)
    edge = along_turn(cap.outline, turns)
    if cap.fault.short is not None:
        edge = edge - along_turn(cap.fault.short, turns)
    body = _moulding(cap, g, turns, edge, part)
    if cap.fault.web is not None:
        _film(cap, body, np.float32(WALL + 1) - g.r, along_turn(cap.fault.web, turns), g)
    below = colour[part.within(window)]
    if cap.fault.fin is not None:
        _film(cap, below, g.r - np.float32(OUTER - 2), along_turn(cap.fault.fin, turns), g)
    below += (body - below) * inside(g.r, edge, scene.unit, 1.3)[:, :, None]
    return colour


def _moulding(cap: Cap, g: Grid, turns: Floats, edge: Floats, window: Window) -> Floats:
    """Light from the cap itself with its liner, float32 [h, w, 3]."""
    scene = cap.scene
    lean_r, shade = (
        along_radius(_LEAN, g.r) + along_radius(cap.floor, g.r),
        along_radius(_SHADE, g.r),
    )
    _cut_thread(cap, g.r, turns, lean_r)
    if cap.fault.short is not None:
        lean_r += np.maximum(np.float32(1) - (edge - g.r) * np.float32(0.14), 0) * (g.r > WALL - 6)
    soft = matt(scene.lamps, g, lean_r) * shade * np.float32(scene.ambient)
    gloss = np.float32(0.75) * glint(scene.lamps[0], g, lean_r, 0.0, 0.10, 0.10)
    for lamp in scene.lamps[1:]:
        gloss += np.float32(0.6) * glint(lamp, g, lean_r, 0.0, 0.13, 0.13)
    gloss *= shade
    light = soft[:, :, None] * cap.plastic
    if not cap.fault.liner_missing:
        _lay_liner(cap, g, light, gloss, window)
    light += gloss[:, :, None]
    if cap.fault.tint is not None:
        light *= cap.fault.tint
    return light


def _lay_liner(cap: Cap, g: Grid, light: Floats, gloss: Floats, window: Window) -> None:
    """Cover the floor with the foam liner: changes `light` and `gloss` in place."""
    scene = cap.scene
    u, v = g.u - np.float32(cap.liner_u), g.v - np.float32(cap.liner_v)
    r = np.sqrt(u * u + v * v)
    cover = inside(r, LINER, scene.unit, 1.2)
    lean = along_radius(cap.liner, r)
    soft = matt(scene.lamps, g, lean) * np.float32(scene.ambient)
    soft *= np.float32(1) + np.float32(0.05) * cap.foam[window.slices]
    soft *= (
        np.float32(1)
        - np.float32(0.42) * np.clip((r - np.float32(96)) * np.float32(1 / 40), 0, 1) ** 2
    )
    light += (soft[:, :, None] * _FOAM - light) * cover[:, :, None]
    gloss *= np.float32(1) - np.float32(0.85) * cover


def _film(cap: Cap, light: Floats, reach: Floats, extent: Floats, g: Grid) -> None:
    """Lay flash over `light` in place where 0 < `reach` < `extent`: thin, with a bright edge."""
    scene = cap.scene
    left = extent - reach
    cover = np.clip(left * np.float32(scene.unit), 0, 1) * np.clip(
        reach * np.float32(scene.unit), 0, 1
    )
    cover *= extent > np.float32(0.8)
    rim = np.clip(np.float32(1) - np.abs(left - np.float32(1.3)) * np.float32(0.8), 0, 1)
    soft = matt(scene.lamps, g, np.float32(0.25) * rim) * np.float32(scene.ambient)
    film = soft[:, :, None] * (cap.plastic * np.float32(0.75) + np.float32(0.10))
    film += (rim * np.float32(0.28))[:, :, None]
    light += (film - light) * (cover * (np.float32(0.72) + np.float32(0.2) * rim))[:, :, None]


def _cut_thread(cap: Cap, r: Floats, turns: Floats, lean_r: Floats) -> None:
    """Add the thread's flanks to the wall's lean in place: a turn that climbs, with vents."""
    band = np.flatnonzero((r > FLOOR) & (r < WALL + 2))
    turn = turns.ravel()[band]
    climb = (turn - np.float32(cap.scene.turns)) % np.float32(1.0)
    depth = along_turn(cap.thread, turn)
    place = r.ravel()[band] - np.float32(WALL - 10.5) - np.float32(6.0) * climb
    second = place + np.float32(6.0)
    flank = np.float32(0)
    for off in (place, second):
        flank = flank + off * np.maximum(np.float32(1) - off * off * np.float32(0.16), 0)
    lean_r.ravel()[band] += np.float32(0.85) * depth * flank


def _outline(start: float, rng: np.random.Generator) -> Floats:
    """The skirt's outer radius over the turn: ridges, and a little out of round."""
    phase = (np.arange(TURN_BINS) / TURN_BINS - start) * RIDGES % 1.0
    ridge = 4.0 * phase * (1.0 - phase)
    wave = 0.6 * rough_line(rng, TURN_BINS, TURN_BINS / 5, closed=True)
    return np.asarray(OUTER - 1.6 + 2.4 * ridge + wave, np.float32)


def _thread(start: float) -> Floats:
    """The thread's height over the turn, 0..1: eight pieces with vents between."""
    phase = (np.arange(TURN_BINS) / TURN_BINS - start) * 8 % 1.0
    return np.asarray(np.clip(np.minimum(phase, 0.82 - phase) * 16, 0, 1)).astype(np.float32)


def _floor(rng: np.random.Generator) -> Floats:
    """Lean of the moulded floor: gate mark, rings, fine ripples; nothing beyond the floor."""
    r = radii(OUTER + 24)
    gate = np.where(r < 6, 0.5 * (r / 3 - 1), 0.0)
    ring = 0.5 * _bump(r, 104, 4.0) + 0.4 * _bump(r, 42, 3.0)
    ripple = 0.04 * rough_line(rng, len(r), 6 * BINS_PER_PX)
    return np.where(r < FLOOR, gate + ring + ripple, 0.0).astype(np.float32)


def _liner(rng: np.random.Generator) -> Floats:
    """Lean of the liner: a pressed ring and a rounded edge."""
    r = radii(OUTER + 24)
    pressed = spread(rng, 0.18, 0.32)
    lean = pressed * _bump(r, 108, 5.0) + pressed * _bump(r, 24, 4.0)
    lean += 0.012 * rough_line(rng, len(r), 10 * BINS_PER_PX)
    return np.asarray(lean + np.clip((r - (LINER - 4)) / 4, 0, 1) * 0.6, np.float32)


def _bump(r: np.ndarray, at: float, half: float) -> np.ndarray:
    """Lean of a rounded ridge at radius `at`, `half` px to each side."""
    x = (r - at) / half
    return np.asarray(2.6 * x * np.clip(1 - x * x, 0, 1))


def _foam(scene: Scene) -> Floats:
    """The liner's fine cells and clouds, float32 [H, W] in about -1..1."""
    rng = stream(scene.seed, NUMBER, _GRAIN)
    width, height = scene.size
    cells = random_bytes(rng, (height, width)).astype(np.float32) * np.float32(
        1 / 255
    ) - np.float32(0.5)
    return cells + np.float32(0.45) * smooth_field(rng, (height, width), 30 * scene.frame_unit)


def _shadow(scene: Scene, g: Grid) -> Floats:
    """How much light reaches the belt beside the cap: 0..1, float32 [h, w]."""
    main = scene.lamps[0]
    x, y = g.u + np.float32(main.hx * 70), g.v + np.float32(main.hy * 70)
    cast = inside(np.sqrt(x * x + y * y), OUTER, scene.unit, 22.0)
    contact = inside(g.r, OUTER + 3, scene.unit, 14.0)
    return np.float32(1) - np.float32(0.5) * cast - np.float32(0.3) * contact


_RADII = radii(OUTER + 24)
_LEAN = ramp(
    _RADII,
    (FLOOR - 1, 0.0),
    (FLOOR, -1.2),
    (WALL - 1, -1.2),
    (WALL + 1, -0.7),
    (WALL + 5, -0.15),
    (OUTER - 5, 0.15),
    (OUTER - 1, 0.9),
    (OUTER + 4, 1.1),
)
_SHADE = ramp(
    _RADII,
    (0, 0.62),
    (90, 0.55),
    (FLOOR - 3, 0.20),
    (FLOOR + 1, 0.30),
    (WALL - 2, 0.62),
    (WALL + 2, 1.0),
    (OUTER - 3, 1.0),
    (OUTER + 2, 0.7),
)
