"""The machined steel ring on its fixture: turned faces, a groove, chamfers, a dot-peened number."""

from dataclasses import dataclass

import numpy as np

from station.sources.synthetic.exact import (
    Floats,
    cos_sin,
    rough_line,
    smooth_field,
    speckle,
    spread,
    stream,
    turns_of,
)
from station.sources.synthetic.fixture import plate
from station.sources.synthetic.marking import strike
from station.sources.synthetic.scene import Grid, Lamp, Scene, Window, grid, look
from station.sources.synthetic.surface import (
    BINS_PER_PX,
    along_radius,
    along_turn,
    glint,
    inside,
    matt,
    radii,
    ramp,
)

NUMBER = 1
OUTER, INNER = 176.0, 84.0
GROOVE, CHAMFER = (138.0, 147.0), 5.0
_FINISH, _GRAIN = 11, 12
_LAMPS = (
    Lamp(hx=-0.16, hy=-0.21, power=1.0),
    Lamp(hx=0.24, hy=0.06, power=0.5),
    Lamp(hx=0.02, hy=0.30, power=0.32),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What a defect does to the steel within a window: float32 [h, w] each, `tint` [h, w, 3].

    `lean_x`, `lean_y` lean the surface over, `tint` multiplies its light, `gone` (0..1) is missing
    steel and `torn` (0..1) the rough fracture face.
    """

    lean_x: Floats
    lean_y: Floats
    tint: Floats
    gone: Floats
    torn: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """One ring with its turning marks: tables over the radius, two sides blended over the turn."""

    scene: Scene
    lean_far: Floats
    difference: Floats
    shine: Floats
    drift: Floats
    blend: tuple[float, float]
    digits: str
    grain: Floats


def draw(seed: int, size: tuple[int, int]) -> Ring:
    """The ring number `seed` and its scene."""
    scene = look(seed, size, NUMBER, _LAMPS)
    rng = stream(seed, NUMBER, _FINISH)
    lean, shine = _profile()
    marks, far = _turning_marks(rng), _turning_marks(rng)
    return Ring(
        scene=scene,
        lean_far=lean + far,
        difference=np.float32(0.6) * (marks - far),
        shine=shine * (np.float32(1.0) + np.float32(0.07) * rough_line(rng, len(shine), 40)),
        drift=np.float32(0.05) * rough_line(rng, 4096, 300, closed=True),
        blend=cos_sin(spread(rng, 0, 1)),
        digits="".join(str(d) for d in rng.integers(0, 10, 4)),
        grain=_grain(scene),
    )


def paint(ring: Ring, window: Window, damage: Damage | None = None) -> Floats:
    """The window in linear light, float32 [h, w, 3]."""
    scene = ring.scene
    light = plate(scene, window)
    part = scene.around(0, 0, OUTER + 40).cut(window)
    light[part.within(window)] *= _shadow(scene, grid(scene, part))
    # Damage covers the whole window of its defect.
    part = window if damage is not None else scene.around(0, 0, OUTER + 2).cut(window)
    g = grid(scene, part)
    solid = inside(g.r, OUTER, scene.unit) * (np.float32(1) - inside(g.r, INNER, scene.unit))
    if damage is not None:
        solid *= np.float32(1) - damage.gone
    under = light[part.within(window)]
    under += (_steel(ring, g, part, damage) - under) * solid
    colour = np.multiply(light[:, :, None], np.array([1.02, 1.0, 0.98], np.float32))
    if damage is not None:
        colour *= np.float32(1) + (damage.tint - np.float32(1)) * solid[:, :, None]
    return colour


def _steel(ring: Ring, g: Grid, window: Window, damage: Damage | None) -> Floats:
    """Light from the ring's surface, float32 [h, w]."""
    scene = ring.scene
    turns = turns_of(g.u, g.v)
    near = g.nx * np.float32(0.5 * ring.blend[0]) + g.ny * np.float32(0.5 * ring.blend[1])
    near += np.float32(0.5)
    lean_r = along_radius(ring.lean_far, g.r)
    lean_r += near * along_radius(ring.difference, g.r)
    grain = ring.grain[window.slices]
    lean_t = along_turn(ring.drift, turns) + np.float32(0.02) * grain
    strike(ring.digits, g.r, turns, scene.turns, lean_r, lean_t)
    if damage is not None:
        lean_r += damage.lean_x * g.nx + damage.lean_y * g.ny
        lean_t += damage.lean_y * g.nx - damage.lean_x * g.ny
    light = matt(scene.lamps, g, lean_r) * np.float32(0.12 * scene.ambient)
    for lamp in scene.lamps:
        light += glint(lamp, g, lean_r, lean_t, 0.36, 0.12)
    light *= along_radius(ring.shine, g.r)
    light *= np.float32(1.0) + np.float32(0.04) * grain
    if damage is not None:
        light += damage.torn * (_fracture(scene, g, damage, grain) - light)
    return light


def _fracture(scene: Scene, g: Grid, damage: Damage, grain: Floats) -> Floats:
    """Light from broken steel: crystalline, mostly dark, with bright facets."""
    rough = np.float32(0.35) * grain
    light = np.float32(0.10) + np.float32(0.07) * grain
    for lamp in scene.lamps:
        light += np.float32(0.7) * glint(lamp, g, damage.lean_x * g.nx + rough, 0.0, 0.2, 0.2)
    return light


def _profile() -> tuple[Floats, Floats]:
    """Lean outward and reflectance over the radius, without turning marks."""
    r = radii(OUTER + 12)
    low, high = GROOVE
    lean = ramp(
        r,
        (INNER, -0.8),
        (INNER + CHAMFER - 1, -0.5),
        (INNER + CHAMFER + 0.5, -0.02),
        (low - 1.5, 0.02),
        (low, 0.9),
        (low + 2.2, 0.6),
        (low + 3.2, 0.0),
        (high - 3.2, 0.0),
        (high - 2.2, -0.6),
        (high, -0.9),
        (high + 1.5, -0.02),
        (OUTER - CHAMFER - 0.5, 0.03),
        (OUTER - CHAMFER + 1, 0.45),
        (OUTER, 0.75),
    )
    shine = ramp(
        r,
        (INNER, 0.5),
        (INNER + CHAMFER, 0.9),
        (low - 2, 0.95),
        (low + 1, 0.6),
        (high - 1, 0.6),
        (high + 2, 1.06),
        (OUTER - CHAMFER, 1.06),
        (OUTER, 0.7),
    )
    return lean, shine


def _turning_marks(rng: np.random.Generator) -> Floats:
    """Lean from the tool's feed: a groove that wanders, chatter bands, single stray lines."""
    r = radii(OUTER + 12)
    pitch = spread(rng, 2.3, 3.1)
    phase = (r / pitch + 0.35 * rough_line(rng, len(r), 9 * BINS_PER_PX)) % 1.0
    feed = (2.0 * np.abs(2.0 * phase - 1.0) - 1.0) * spread(rng, 0.03, 0.06)
    chatter = spread(rng, 0.02, 0.05) * rough_line(rng, len(r), 11 * BINS_PER_PX)
    stray = spread(rng, 0.04, 0.08) * rough_line(rng, len(r), 1.1 * BINS_PER_PX)
    fade = np.where(r < GROOVE[0], 1.0, 0.55)
    return np.asarray((feed + chatter + stray) * fade, np.float32)


def _grain(scene: Scene) -> Floats:
    """Fine unevenness of the whole picture's steel, float32 [H, W] in about -1..1."""
    rng = stream(scene.seed, NUMBER, _GRAIN)
    width, height = scene.size
    clouds = smooth_field(rng, (height, width), 38 * scene.frame_unit)
    return speckle(rng, (height, width), (3, 3)) + np.float32(0.6) * clouds


def _shadow(scene: Scene, g: Grid) -> Floats:
    """How much light reaches the plate beside and within the ring: 0..1, float32 [h, w]."""
    main = scene.lamps[0]
    shift = np.float32(45.0)
    x, y = g.u + np.float32(main.hx) * shift, g.v + np.float32(main.hy) * shift
    r = np.sqrt(x * x + y * y)
    cast = inside(r, OUTER, scene.unit, 16.0) * (np.float32(1) - inside(r, INNER, scene.unit, 14.0))
    contact = inside(g.r, OUTER + 2, scene.unit, 12.0)
    return np.float32(1) - np.float32(0.5) * cast - np.float32(0.3) * contact
