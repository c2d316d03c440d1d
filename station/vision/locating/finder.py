"""A shape made ready to be looked for: where the search begins, and how hard it tries."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from station.vision.locating.coarse import Templates, templates_of
from station.vision.locating.shape import Floats, LevelPoints, Shape

COARSE_POINTS = 36
MIDDLE_POINTS = 72
TURN_STEP_PX, SIZE_STEP_PX = 2.2, 2.4
"""Points at the root mean square distance move by so much between neighbouring templates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRange:
    """The poses that are looked for."""

    angle_deg: tuple[float, float] = (-180.0, 180.0)
    scale: tuple[float, float] = (0.8, 1.2)
    parts: int = 1
    """Parts that may be in one image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many poses are followed up, for one part in the image."""

    candidates: int
    promising: float
    """The share of the best candidate's score that another one needs."""
    keep: tuple[int, int, int]
    """Poses that go on after the first level, the second, each later one."""
    hopeful: float
    """The share of the best pose's found edges that another one needs to go on."""
    budget: float = 0.0
    """Additions that the first look may cost; with more to spend it is taken less coarsely."""
    with_rough: bool = False


QUICK = Effort(candidates=48, promising=0.75, keep=(24, 10, 6), hopeful=0.6, budget=25e6)
THOROUGH = Effort(
    candidates=160, promising=0.5, keep=(60, 24, 12), hopeful=0.45, budget=250e6, with_rough=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A level the search can begin on."""

    halvings: int
    points: LevelPoints
    count: int
    """Templates: turns times sizes."""
    templates: Callable[[int, int], Templates]

    def cost(self, width: int, height: int) -> float:
        """Additions for a picture of this size, after the halvings."""
        return self.count * len(self.points) * width * height / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """A shape with all that can be worked out before the first image."""

    shape: Shape
    search: SearchRange
    starts: tuple[Start, ...]
    """The finest one last."""
    middle: tuple[LevelPoints, ...]
    """Fewer points of each level, for the way from the first look to the last."""

    @property
    def halvings(self) -> int:
        """Of the coarsest level."""
        return self.starts[0].halvings

    def start(self, size: tuple[int, int], effort: Effort) -> Start:
        """The finest level that the effort pays for in a picture of (width, height)."""
        paid = [
            start
            for start in self.starts
            if start.cost(size[0] >> start.halvings, size[1] >> start.halvings) <= effort.budget
        ]
        return paid[-1] if paid else self.starts[0]


def finder_of(shape: Shape, search: SearchRange) -> Finder:
    """Make a shape ready to be looked for."""
    coarsest = len(shape.levels) - 1
    starts = tuple(
        _start(shape, search, halvings) for halvings in range(coarsest, max(-1, coarsest - 3), -1)
    )
    # which side is bright counts at the end; on the way reflections must not lead astray
    middle = tuple(thinned(level, MIDDLE_POINTS).opened() for level in shape.levels)
    return Finder(shape=shape, search=search, starts=starts, middle=middle)


def _start(shape: Shape, search: SearchRange, halvings: int) -> Start:
    points = thinned(shape.levels[halvings], COARSE_POINTS)
    angles, scales = _steps(search, shape.radius_px / 2**halvings)

    @lru_cache(maxsize=4)
    def templates(width: int, height: int) -> Templates:
        return templates_of(points, halvings, angles, scales, (width, height))

    count = len(angles) * len(scales)
    return Start(halvings=halvings, points=points, count=count, templates=templates)


def thinned(level: LevelPoints, at_most: int) -> LevelPoints:
    """Evenly fewer points, each far from the others (farthest-point order)."""
    points = level.points
    if len(points) <= at_most:
        return level
    chosen = [int(np.hypot(*(points - points.mean(axis=0)).T).argmax())]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < at_most:
        nearest = np.minimum(nearest, np.hypot(*(points - points[chosen[-1]]).T))
        chosen.append(int(nearest.argmax()))
    chosen.sort()
    return level.part(np.array(chosen, np.int64))


def _steps(search: SearchRange, radius_px: float) -> tuple[Floats, Floats]:
    """Turns and sizes so near that the points move by little between two."""
    step_deg = math.degrees(TURN_STEP_PX / radius_px)
    low, high = search.angle_deg
    count = max(1, math.ceil((high - low) / step_deg))
    if high == low:
        angles = np.array((low,))
    elif high - low >= 360:
        angles = low + np.arange(count) * (360 / count)
    else:
        angles = np.linspace(low, high, count + 1)
    ratio = search.scale[1] / search.scale[0]
    steps = math.ceil(math.log(ratio) / (SIZE_STEP_PX / radius_px)) if ratio > 1 else 0
    scales = search.scale[0] * ratio ** ((np.arange(max(1, steps)) + 0.5) / max(1, steps))
    return angles.astype(np.float64), scales.astype(np.float64)
