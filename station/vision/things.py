"""What a detector or segmenter finds in a picture: things, each with class, score and place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.errors import ModelOutputError, RecipeError
from station.core.frame import Image
from station.core.region import Point, Rectangle
from station.vision.boxes import Boxes, Floats, areas, decode_boxes, each_once
from station.vision.card import ModelCard, ModelOutput
from station.vision.heat import unfit
from station.vision.layout import CountRule
from station.vision.model import Model
from station.vision.placement import Placement, box_in, placement
from station.vision.segments import blobs, box_mask, decode_planes, outline, strongest

OVERLAP = 0.45
MASKED_FROM = 0.05
"""Fainter boxes keep the area of the box: nobody works out a mask for what is hardly there."""
MOST_MASKS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something found; places are in pixels of the picture."""

    name: str
    """Its class."""
    score: float
    box: Rectangle
    area_px: float
    points: tuple[Point, ...] = ()
    """Its outline, where the model gives masks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How things are looked for."""

    overlap: float = OVERLAP
    """Two boxes of a class that overlap more than this are one thing."""
    minimum_area_px: float = 0.0
    level: float = 0.5
    """Where a mask without boxes is cut into things; has no part in the strongest one's score."""


def find_things(
    model: Model, image: Image, names: Iterable[str], looking: Looking
) -> dict[str, list[Thing]]:
    """Class -> its things in a picture of any size, the strongest first.

    Things smaller than the minimum are left out before anything else, so that a small one cannot
    hide a large one. Each class is looked at by itself: none outvotes another.

    Raises:
        ModelOutputError: the model answers something that cannot be read.
        RecipeError: nothing in the picture could be as large as asked for.
    """
    if looking.minimum_area_px > image.shape[0] * image.shape[1]:
        raise RecipeError(
            f"minimum_area_px {looking.minimum_area_px:g} is more than the whole picture of "
            f"{image.shape[1]} x {image.shape[0]}, so that nothing could ever be found"
        )
    answers = model.run_all(image)
    held = {output.holds: output for output in model.card.outputs}
    where = placement(image.shape[1], image.shape[0], model.card.input)
    if "boxes" in held:
        boxes = decode_boxes(answers[held["boxes"].name], model.card)
        plates = held.get("prototypes")
        prototypes = answers[plates.name][0] if plates else None
        find = _Boxed(model.card, boxes, prototypes, where, looking).things
    else:
        find = _Masked(model.card, _planes(model.card, answers), where, looking).things
    return {name: sorted(find(name), key=lambda thing: -thing.score) for name in names}


def evidence(model: Model, image: Image, names: Iterable[str]) -> Floats:
    """How probable any of some classes is in every pixel, (height, width); for masks without boxes.

    Raises:
        ModelOutputError: the model answers something that cannot be read.
    """
    planes = _planes(model.card, model.run_all(image))
    rows = [model.card.classes.index(name) for name in names]
    height, width = image.shape[:2]
    return unfit(planes[rows].max(axis=0), width, height, model.card.input)


def missing_score(things: list[Thing], rule: CountRule) -> float:
    """How much speaks for too few things: 1 - the score of the last one that must be there."""
    if not rule.at_least:
        return 0.0
    return 1.0 - (things[rule.at_least - 1].score if len(things) >= rule.at_least else 0.0)


def surplus_score(things: list[Thing], rule: CountRule) -> float:
    """How much speaks for too many: the score of the first one that must not be there."""
    if rule.at_most is None or len(things) <= rule.at_most:
        return 0.0
    return things[rule.at_most].score


@dataclass(frozen=True, slots=True)
class _Boxed:
    card: ModelCard
    boxes: Boxes
    prototypes: Floats | None
    where: Placement
    looking: Looking

    def things(self, name: str) -> Iterator[Thing]:
        """A box whose mask is too small is left out, and what it hid is looked at again."""
        least = self.looking.minimum_area_px
        sizes = areas(self.boxes.corners) * self.where.area_scale
        large = np.flatnonzero(sizes >= least)
        while True:
            found = dict(self._distinct(name, large, sizes))
            small = [index for index, thing in found.items() if thing.area_px < least]
            if not small:
                yield from found.values()
                return
            large = np.setdiff1d(large, small)

    def _distinct(
        self, name: str, large: NDArray[np.intp], sizes: Floats
    ) -> Iterator[tuple[int, Thing]]:
        """Things of a class among some boxes, each once, with the index of its box."""
        boxes = self.boxes
        scores = boxes.scores[large, self.card.classes.index(name)]
        kept = large[each_once(boxes.corners[large], scores, self.looking.overlap)]
        for rank, index in enumerate(kept.tolist()):
            thing = self._thing(name, index, float(sizes[index]))
            if self.prototypes is not None and thing.score >= MASKED_FROM and rank < MOST_MASKS:
                thing = self._outlined(thing, index, self.prototypes)
            yield index, thing

    def _thing(self, name: str, index: int, area_px: float) -> Thing:
        corners = self.where.back(self.boxes.corners[index].reshape(2, 2)).ravel().tolist()
        return Thing(
            name=name,
            score=float(self.boxes.scores[index, self.card.classes.index(name)]),
            box=box_in(corners, self.where.width, self.where.height),
            area_px=area_px,
        )

    def _outlined(self, thing: Thing, index: int, prototypes: Floats) -> Thing:
        entry = self.card.input
        size = (entry.width, entry.height)
        mask, first = box_mask(
            self.boxes.coefficients[index], prototypes, self.boxes.corners[index], size
        )
        if not mask.any():
            return thing  # a box without a mask is still something found
        rows, columns = prototypes.shape[1:]
        step = np.array((entry.width / columns, entry.height / rows), np.float32)
        line = self.where.back((outline(mask) + np.array(first, np.float32)) * step)
        area = float(mask.sum() * step.prod() * self.where.area_scale)
        return Thing(
            name=thing.name, score=thing.score, box=thing.box, area_px=area,
            points=_inside(line, self.where),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Masked:
    card: ModelCard
    planes: Floats
    where: Placement
    looking: Looking

    def things(self, name: str) -> Iterator[Thing]:
        plane, step, first = self._plane(name)
        area_scale = float(step.prod()) * self.where.area_scale
        least = self.looking.minimum_area_px / area_scale
        best = strongest(plane, least)
        found = sorted(blobs(plane, self.looking.level, least), key=lambda blob: -blob[0])
        for rank, (score, size, line) in enumerate(found):
            points = _inside(self.where.back((line + first) * step), self.where)
            box = box_in(_bounds(points), self.where.width, self.where.height)
            area_px = size * area_scale
            score = score if rank else max(score, best)
            yield Thing(name=name, score=score, box=box, area_px=area_px, points=points)
        if not found:  # the score is kept, however low
            whole = Rectangle(x=0, y=0, width=self.where.width, height=self.where.height)
            yield Thing(name=name, score=best, box=whole, area_px=0.0)

    def _plane(self, name: str) -> tuple[Floats, Floats, Floats]:
        """A class's plane less a letterbox's bars, input pixels a place, and the first place."""
        plane = self.planes[self.card.classes.index(name)]
        entry, where = self.card.input, self.where
        rows, columns = plane.shape
        step = np.array((entry.width / columns, entry.height / rows), np.float32)
        right = where.left + where.width * where.scale_x
        bottom = where.top + where.height * where.scale_y
        left, top = int(where.left / step[0]), int(where.top / step[1])
        inner = plane[top : int(np.ceil(bottom / step[1])), left : int(np.ceil(right / step[0]))]
        return np.ascontiguousarray(inner), step, np.array((left, top), np.float32)


def _planes(card: ModelCard, answers: Mapping[str, Floats]) -> Floats:
    for output in card.outputs:
        if _is_mask(output):
            return decode_planes(answers[output.name], output, card)
    raise ModelOutputError(f"model {card.reference} gives neither boxes nor a mask")


def _is_mask(output: ModelOutput) -> bool:
    return output.holds in ("mask_probabilities", "mask_logits", "class_map")


def _inside(line: Floats, where: Placement) -> tuple[Point, ...]:
    low, high = np.zeros(2, np.float32), np.array((where.width, where.height), np.float32)
    clipped: list[list[float]] = np.clip(line, low, high).tolist()
    points = [(x, y) for x, y in clipped]
    while len(points) < 3:
        points.append(points[-1])
    return tuple(points)


def _bounds(points: tuple[Point, ...]) -> tuple[float, float, float, float]:
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across), max(down)
