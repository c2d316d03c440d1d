"""Defects that add or take light: scratches, cracks, fibres, pits, stains, discoloration."""

import numpy as np

from station.teach.drawn.shapes import blob, mottle, path, stroke
from station.teach.drawn.spot import Mask, Pixels, Spot, blur, mix

SCRATCH_PX = 2.0


def scratch(spot: Spot, rng: np.random.Generator) -> Pixels:
    """One to three thin strokes side by side, fading at the ends, some with a lit edge."""
    width = float(np.exp(rng.uniform(np.log(SCRATCH_PX), np.log(max(2.5, spot.size_px / 16)))))
    angle, bend = rng.uniform(0, 2 * np.pi), rng.choice([0.05, 0.4])
    amount = np.zeros(spot.shape, np.float32)
    for number in range(int(rng.choice([1, 1, 1, 2, 3]))):
        length = spot.size_px * (1.0 if number == 0 else rng.uniform(0.3, 0.9))
        points = path(spot, rng, length, bend=bend, angle=angle + rng.normal(0, 0.04))
        points += number * rng.normal(0, 0.07 * spot.size_px, 2)
        amount = np.maximum(amount, stroke(spot, points, width, fade=_tapered(rng, len(points))))
    return _lit(spot, amount, rng, lighter=0.6)


def crack(spot: Spot, rng: np.random.Generator) -> Pixels:
    """A jagged dark way with one to three branches, thinner towards the ends."""
    width = max(1.5, spot.size_px / 60) * rng.uniform(1.0, 1.7)
    trunk = path(spot, rng, spot.size_px, bend=0.6, jitter=0.35, pieces=22)
    ends = np.clip(1.3 - np.linspace(0, 1, 22), 0.3, 1)
    amount = stroke(spot, trunk, width, fade=ends)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(4, 18))
        heading = np.arctan2(*(trunk[at + 1] - trunk[at])[::-1]) + rng.choice([-1, 1]) * 0.7
        branch = path(
            spot, rng, spot.size_px * rng.uniform(0.15, 0.4), bend=0.5, jitter=0.35, pieces=9,
            start=trunk[at], angle=heading,
        )  # fmt: skip
        amount = np.maximum(amount, 0.8 * stroke(spot, branch, 0.7 * width, fade=ends[-9:]))
    return _added(spot, amount, rng, lighter=0.1)


def fibre(spot: Spot, rng: np.random.Generator) -> Pixels:
    """A hair or an extra stroke: curled, of one tone, casting a faint shadow."""
    width = rng.uniform(1.5, max(2.5, spot.size_px / 22))
    points = path(spot, rng, 1.6 * spot.size_px, bend=4.0, jitter=0.08, pieces=24)
    reach = np.abs(points - points.mean(axis=0)).max()
    middle = points.mean(axis=0)
    points = middle + (points - middle) * min(1.0, 0.55 * spot.size_px / reach)
    alpha = stroke(spot, points, width)
    shadow = 0.25 * blur(stroke(spot, points + width, width), 1.2)
    return _added_to(spot, spot.window - 25 * shadow[:, :, None], alpha, rng, lighter=0.5)


def pit(spot: Spot, rng: np.random.Generator) -> Pixels:
    """A hole or a cluster of them: dark, with a lit edge on the side away from the light."""
    count = int(rng.choice([1, 1, 1, 2, 4])) if spot.size_px >= 8 else 1
    amount = np.zeros(spot.shape, np.float32)
    for number in range(count):
        share = 1.0 if count == 1 else rng.uniform(0.2, 0.45)
        hole = blob(spot, rng, size_px=max(2.5, share * spot.size_px))
        if number:
            dx, dy = np.round(rng.uniform(-0.5, 0.5, 2) * spot.size_px).astype(int)
            hole = np.roll(hole, (dy, dx), (0, 1))
        amount = np.maximum(amount, hole)
    return _lit(spot, amount, rng, lighter=0.2)


def stain(spot: Spot, rng: np.random.Generator) -> Pixels:
    """A blob with a soft and mottled body, some with a darker rim as drops leave when they dry."""
    soft = rng.uniform(0.08, 0.3) * spot.size_px
    body = blob(spot, rng, size_px=0.8 * spot.size_px, soft_px=max(0.6, soft / 2))
    if rng.random() < 0.3:
        body = np.asarray(np.maximum(0.35 * body, 4 * body * (1 - body) * (body > 0.05)))
    amount = body * mottle(spot.shape, rng, spot.size_px / 4, least=0.45)
    return _added(spot, amount, rng, lighter=0.35)


def discoloration(spot: Spot, rng: np.random.Generator) -> Pixels:
    """A wide area whose tone or colour drifts; the texture stays as it is."""
    area = blob(spot, rng, soft_px=max(1.0, 0.1 * spot.size_px))
    way = spot.lighter_or_darker(rng, 0.2 if spot.level() > 150 else 0.5)
    drift = 1 + way * min(0.5, spot.strength / 170) * spot.tint(rng, 0.8)
    return mix(spot.window, np.asarray(spot.window * drift, np.float32), area)


def contrast_spot(spot: Spot, rng: np.random.Generator) -> Pixels:
    """The last resort on a wild texture: a patch of black or white, whichever is farther."""
    tone = np.full_like(spot.window, 0.0 if spot.level() > 127 else 255.0)
    return mix(spot.window, tone, blob(spot, rng, size_px=max(spot.size_px, 4.0)))


def _added(spot: Spot, amount: Mask, rng: np.random.Generator, lighter: float) -> Pixels:
    return _added_to(spot, spot.window, amount, rng, lighter)


def _added_to(
    spot: Spot, below: Pixels, amount: Mask, rng: np.random.Generator, lighter: float
) -> Pixels:
    sign = spot.lighter_or_darker(rng, lighter)
    change = amount[:, :, None] * spot.tint(rng) * np.float32(sign * spot.strength)
    return np.asarray(below + change, np.float32)


def _lit(spot: Spot, amount: Mask, rng: np.random.Generator, lighter: float) -> Pixels:
    """The amount added; in half of the cases the rim that faces the light answers the other way."""
    sign = spot.lighter_or_darker(rng, lighter)
    change = sign * amount
    if rng.random() < 0.5:
        dy, dx = (int(step) for step in rng.choice([-1, 1], 2))
        change = change - 0.6 * sign * np.maximum(0, np.roll(amount, (dy, dx), (0, 1)) - amount)
    tinted = change[:, :, None] * spot.tint(rng, 0.2) * np.float32(spot.strength)
    return np.asarray(spot.window + tinted, np.float32)


def _tapered(rng: np.random.Generator, points: int) -> np.ndarray:
    along = np.linspace(0, 1, points - 1)
    ends = np.minimum(1, 5 * np.minimum(along + 0.05, 1.05 - along))
    return np.asarray(ends * rng.uniform(0.6, 1.0, points - 1))
