"""What is learnt from: each position as it was shown, a little turned and scaled, and what else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.region import Rectangle
from station.teach.presence.shown import Shown
from station.vision.positions import (
    ABSENT,
    TURNS_DEG,
    Bill,
    Features,
    Grid,
    Lighting,
    Position,
    describe,
    describe_turned,
    grid_of,
)

TURN_DEG = 2.0
ZOOM = 1.02
BACKGROUNDS = 12
"""Places a picture that show neither a thing of the group nor another position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One position as it was shown once."""

    position: str
    state: str
    fold: int
    """What is held out together."""
    features: Features
    """At every offset (rows, columns, length)."""
    nearby: Features
    """(n, length): where it is, and there turned and scaled a little."""
    turned: Features
    """(len(TURNS_DEG), length): where it is, as it would look turned."""

    @property
    def home(self) -> Features:
        """(length,): just where the bill says."""
        return np.asarray(self.nearby[0], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """What is not a thing of the group: other things and the background."""

    features: Features
    """(rivals, length)."""
    are_things: NDArray[np.bool_]
    folds: NDArray[np.intp]


def samples_of(
    positions: Sequence[Position], shown: Sequence[Shown], lighting: Lighting
) -> list[Sample]:
    """Every position of a group in every picture that says something of it."""
    found = [
        _sample(position, view, number, lighting)
        for number, view in enumerate(shown)
        for position in positions
        if position.name in view.states
    ]
    return _folded(found)


def rivals_of(
    positions: Sequence[Position], bill: Bill, shown: Sequence[Shown], lighting: Lighting
) -> Rivals:
    """What lies elsewhere on the part, cut as if it lay at a position of the group."""
    grid = _centre_only(grid_of(positions[0].width, positions[0].height, 0))
    features: list[Features] = []
    are_things: list[bool] = []
    folds: list[int] = []
    for number, view in enumerate(shown):
        light = lighting.of(view.image)
        for region, is_thing in _elsewhere(positions, bill, view, number):
            features.append(describe(view.image, region, grid, light).reshape(-1))
            are_things.append(is_thing)
            folds.append(number)
    length = grid.length
    return Rivals(
        features=np.array(features, np.float32).reshape(-1, length),
        are_things=np.array(are_things, np.bool_),
        folds=np.array(folds, np.intp),
    )


def _sample(position: Position, view: Shown, fold: int, lighting: Lighting) -> Sample:
    light = lighting.of(view.image)
    grid = grid_of(position.width, position.height, position.reach_px)
    full = describe(view.image, position.region, grid, light)
    home = full[grid.margin_y, grid.margin_x]
    around = [
        describe(view.image, region, _centre_only(grid), light).reshape(-1)
        for region in _nearby(position.region, view.image)
    ]
    return Sample(
        position=position.name,
        state=view.states[position.name],
        fold=fold,
        features=full,
        nearby=np.array([home, *around], np.float32),
        turned=describe_turned(view.image, position.region, grid, light, TURNS_DEG),
    )


def _folded(samples: list[Sample]) -> list[Sample]:
    """Held out by picture; from one picture alone, by position."""
    if len({sample.fold for sample in samples}) > 1:
        return samples
    names = sorted({sample.position for sample in samples})
    return [replace(sample, fold=names.index(sample.position)) for sample in samples]


def _centre_only(grid: Grid) -> Grid:
    return replace(grid, margin_x=0, margin_y=0)


def _nearby(region: Rectangle, image: Image) -> Iterator[Rectangle]:
    for turn, zoom in ((TURN_DEG, 1.0), (-TURN_DEG, 1.0), (0.0, ZOOM), (0.0, 1 / ZOOM)):
        width, height = region.width * zoom, region.height * zoom
        changed = Rectangle(
            x=region.x - (width - region.width) / 2,
            y=region.y - (height - region.height) / 2,
            width=width,
            height=height,
            angle_deg=region.angle_deg + turn,
        )
        if _is_inside(changed, image):
            yield changed


def _elsewhere(
    positions: Sequence[Position], bill: Bill, view: Shown, number: int
) -> Iterator[tuple[Rectangle, bool]]:
    size = (positions[0].width, positions[0].height)
    own = {position.name for position in positions}
    for other in bill.positions:
        state = view.states.get(other.name, ABSENT)
        if other.name in own or state == ABSENT:
            continue
        region = _centred(_centre(other.region), size, other.angle_deg)
        if _is_inside(region, view.image):
            yield region, True
    for region in _backgrounds(size, bill, view.image, number):
        yield region, False


def _backgrounds(
    size: tuple[float, float], bill: Bill, image: Image, number: int
) -> Iterator[Rectangle]:
    """Places with little of any position in them, evenly drawn; the same ones each time."""
    taken = np.zeros(image.shape[:2], np.uint8)
    for position in bill.positions:
        cv2.fillConvexPoly(taken, np.round(position.region.corners).astype(np.int32), 1)
    draw = np.random.default_rng(number)
    found = 0
    for _ in range(20 * BACKGROUNDS):
        centre = draw.uniform((0, 0), image.shape[1::-1])
        region = _centred((float(centre[0]), float(centre[1])), size, 0.0)
        if not _is_inside(region, image):
            continue
        top, left = int(region.y), int(region.x)
        inside = taken[top : top + int(size[1]) + 1, left : left + int(size[0]) + 1]
        if inside.mean() <= 0.15:
            found += 1
            yield region
        if found == BACKGROUNDS:
            return


def _centre(region: Rectangle) -> tuple[float, float]:
    return region.x + region.width / 2, region.y + region.height / 2


def _centred(centre: tuple[float, float], size: tuple[float, float], angle_deg: float) -> Rectangle:
    return Rectangle(
        x=centre[0] - size[0] / 2,
        y=centre[1] - size[1] / 2,
        width=size[0],
        height=size[1],
        angle_deg=angle_deg,
    )


def _is_inside(region: Rectangle, image: Image) -> bool:
    height, width = image.shape[:2]
    return all(0 <= x <= width and 0 <= y <= height for x, y in region.corners)
