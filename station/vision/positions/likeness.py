"""How like a taught state a place looks: near its examples, far from everything else."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.vision.positions.descriptor import Features, directions_of, weighed

SHRINK = 1.0
"""How much of the mean variance is added to every direction before the template is found."""
RATIO_WEIGHT = 0.5
TURNS_DEG = (-24.0, -16.0, -8.0, 0.0, 8.0, 16.0, 24.0)
"""How far a thing was turned to learn what that looks like, clockwise."""
TRIED = 4
"""So many of the best offsets are compared with every example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where held-out examples lay, and where they end: brought to 0 and 1."""

    mean: float
    limit: float

    def of(self, value: float) -> float:
        """0 at the mean and below, 1 at the limit; NaN stays NaN."""
        score = (value - self.mean) / (self.limit - self.mean)
        return 0.0 if score < 0 else score


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What one state of like places looks like, and what else there is."""

    examples: Features
    """(examples, length)."""
    rivals: Features
    """(rivals, length): other states, other things, the background; may be empty."""
    are_things: NDArray[np.bool_]
    """(rivals,): another thing rather than nothing."""
    turned: Features
    """(len(TURNS_DEG), length): the examples' mean, turned so far."""
    template: Features
    """(length,): falls by 1 from the examples' mean to the rivals'."""
    middle: float
    """What the template gives for the rivals' mean."""
    is_sought: bool
    """False where nothing is expected: an empty place must be empty where it is."""
    unlikeness: Scale
    strangeness: Scale
    turn_spread_deg: float
    """How far measured turns of held-out examples lay off the true ones; round things': far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a place looks beside one state; raw values, before they are put on a scale."""

    unlikeness: float
    """About 0 for the state itself, 1.5 for what it is not; 0 without rivals."""
    strangeness: float
    """Distance to the nearest example."""
    is_thing: bool
    """The nearest rival is another thing, and nearer than any example."""
    shift: tuple[float, float]
    """(x, y) in samples of the grid, from its middle."""
    turn_deg: float
    """How far the thing is turned, as far as that can be told; see `turn_spread_deg`."""


def fit_template(examples: Features, rivals: Features) -> tuple[Features, float]:
    """The linear discriminant between two sets (Hariharan, Malik and Ramanan 2012), see Likeness.

    With fewer examples than numbers in each, so the inverse is taken over the examples.
    """
    own, other = examples.mean(axis=0), rivals.mean(axis=0)
    spread = np.concatenate((examples - own, rivals - other)).astype(np.float64)
    between = (own - other).astype(np.float64)
    count, length = spread.shape
    ridge = max(float((spread**2).sum()) / length * SHRINK, 1e-9)
    inner = spread @ spread.T + ridge * np.eye(count)
    template = between - spread.T @ np.linalg.solve(inner, spread @ between)
    template /= max(float(template @ between), 1e-12)
    return template.astype(np.float32), float(template @ other)


def look(features: Features, likeness: Likeness) -> Look:
    """Compare a place, described at every offset (rows, columns, length), with one state."""
    down, across, length = features.shape
    if not likeness.is_sought:
        features = features[down // 2, across // 2][None, None]
    flat = weighed(features.reshape(-1, length), is_thing=likeness.is_sought)
    apart = 1 + likeness.middle - flat @ likeness.template
    tried = np.argsort(apart, kind="stable")[:TRIED]
    own = distances(flat[tried], likeness.examples).min(axis=1)
    unlike, nearest, other = _beside_rivals(flat[tried], apart[tried], own, likeness)
    best = int(unlike.argmin()) if len(likeness.rivals) else int(own.argmin())
    is_thing = bool(len(likeness.rivals)) and bool(likeness.are_things[nearest[best]])
    shift = _lowest(apart.reshape(features.shape[:2])) if likeness.is_sought else (0.0, 0.0)
    return Look(
        unlikeness=float(unlike[best]),
        strangeness=float(own[best]),
        is_thing=is_thing and float(other[best]) < float(own[best]),
        shift=shift,
        turn_deg=turn_of(flat, likeness.turned) if likeness.is_sought else 0.0,
    )


def score_of(seen: Look, likeness: Likeness) -> float:
    """0 for what held-out examples looked like on average, 1 at the limit."""
    unlike = likeness.unlikeness.of(seen.unlikeness) if len(likeness.rivals) else 0.0
    # np.maximum keeps NaN; max() might lose it
    return float(np.maximum(likeness.strangeness.of(seen.strangeness), unlike))


def turn_of(flat: Features, turned: Features) -> float:
    """By how many degrees a thing, described at some places (n, length), is turned clockwise.

    By its edges' directions alone: the turn whose mean is nearest anywhere, by a parabola between
    neighbours; NaN stays NaN.
    """
    squares = distances(directions_of(flat), directions_of(turned)) ** 2
    place, turn = divmod(int(squares.argmin()), len(TURNS_DEG))
    step = TURNS_DEG[1] - TURNS_DEG[0]
    return TURNS_DEG[turn] + step * _between(squares[place], turn)


def distances(some: Features, others: Features) -> Features:
    """Euclidean distances (len(some), len(others))."""
    squares = (some * some).sum(axis=1)[:, None] + (others * others).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares - 2 * some @ others.T, 0)), np.float32)


def _beside_rivals(
    flat: Features, apart: Features, own: Features, likeness: Likeness
) -> tuple[Features, NDArray[np.intp], Features]:
    """Unlikeness, the nearest rival and its distance, for each description."""
    if not len(likeness.rivals):
        nothing = np.zeros(len(flat), np.float32)
        return nothing, np.zeros(len(flat), np.intp), nothing
    between = distances(flat, likeness.rivals)
    nearest = between.argmin(axis=1)
    other = between[np.arange(len(flat)), nearest]
    unlike = apart + RATIO_WEIGHT * own / np.maximum(other, 1e-6)
    return np.asarray(unlike, np.float32), nearest, other


def _lowest(surface: Features) -> tuple[float, float]:
    """Where a surface is lowest, (x, y) from its middle, by parabolas between the samples."""
    row, column = divmod(int(surface.argmin()), surface.shape[1])
    x = column + _between(surface[row], column)
    y = row + _between(surface[:, column], row)
    return x - surface.shape[1] // 2, y - surface.shape[0] // 2


def _between(line: Features, lowest: int) -> float:
    if not 0 < lowest < len(line) - 1:
        return 0.0
    before, here, after = (float(line[lowest + step]) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    return 0.0 if bend <= 0 else (before - after) / (2 * bend)
