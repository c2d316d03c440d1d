"""Cast and machined parts: a height map of rings, ribs, holes and steps, lit by one lamp."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.features.render.fields import Plane, octaves
from models.train.features.render.surface import Picture, palette

Point: TypeAlias = NDArray[np.float64]
_VIEWED_FROM = np.array([0, 0, 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """The part's height map (twice the size of a view), its skin and its lamp."""

    size: int
    heights: Plane
    has_background: bool
    background: float
    roughness: float
    rough_cell_px: float
    albedo: Picture
    steepness: float
    lamp: Plane
    lamp_spread: float
    """How much the lamp moves from view to view."""
    gloss: float
    gloss_power: int
    stain: float
    zoom: float
    pose_px: float
    pose_degrees: float

    def views(self, rng: Generator) -> Iterator[Picture]:
        """The part again and again, in another pose, with a casting skin of its own."""
        size, double = self.size, 2 * self.size
        skin = octaves(rng, double, double, self.rough_cell_px, 3, 0.6) * (4 * self.roughness)
        while True:
            move = rng.integers(0, double, 2)
            heights = self.heights + np.roll(skin, (int(move[0]), int(move[1])), (0, 1))
            posed = cv2.warpAffine(
                np.asarray(heights, np.float32),
                self._pose(rng),
                (size, size),
                borderMode=cv2.BORDER_REFLECT_101,
            )
            yield self._lit(np.asarray(posed, np.float32), rng)

    def _lit(self, heights: Plane, rng: Generator) -> Picture:
        """Phong shading."""
        lamp = self.lamp + rng.normal(0, self.lamp_spread, 3) * [1, 1, 0]
        lamp = lamp / np.linalg.norm(lamp)
        half = (lamp + _VIEWED_FROM) / np.linalg.norm(lamp + _VIEWED_FROM)
        slope = [
            cv2.Sobel(heights, cv2.CV_32F, dx, 1 - dx, scale=0.125) * self.steepness
            for dx in (1, 0)
        ]
        length = np.sqrt(1 + slope[0] ** 2 + slope[1] ** 2)
        diffuse = np.clip((lamp[2] - slope[0] * lamp[0] - slope[1] * lamp[1]) / length, 0, 1.5)
        mirror = np.clip((half[2] - slope[0] * half[0] - slope[1] * half[1]) / length, 0, 1)
        shine = self.gloss * 0.5 * mirror**self.gloss_power
        image = 0.85 * diffuse[..., None] * self.albedo + shine[..., None]
        if self.has_background:
            cover = np.clip(heights / 3, 0, 1)[..., None]
            image = image * cover + self.background * (1 - cover)
        if self.stain:
            image = (
                image
                * (1 + self.stain * (octaves(rng, self.size, self.size, 30, 3) - 0.5))[..., None]
            )
        return np.asarray(image, np.float32)

    def _pose(self, rng: Generator) -> Plane:
        size = self.size
        free = self.pose_degrees >= 180
        turn = rng.uniform(0, 360) if free else rng.normal(0, self.pose_degrees)
        matrix = cv2.getRotationMatrix2D((size, size), turn, self.zoom * (1 + rng.normal(0, 0.006)))
        matrix[:, 2] = matrix[:, 2] + rng.normal(0, self.pose_px, 2) - size / 2
        return np.asarray(matrix, np.float32)


def draw_relief(rng: Generator, size: int) -> Relief:
    """A cast part at random."""
    heights, has_background = _heights(rng, 2 * size)
    lamp = np.array([*rng.normal(0, 0.5, 2), 1.0])
    return Relief(
        size=size,
        heights=np.asarray(cv2.GaussianBlur(heights, (0, 0), rng.uniform(1, 5)), np.float32),
        has_background=has_background,
        background=rng.uniform(0, 0.9),
        roughness=float(rng.choice([0, 0.15, 0.5, 1.2])),
        rough_cell_px=rng.uniform(2, 10),
        albedo=palette(rng, 1)[0] * np.float32(0.6) + np.float32(0.3),
        steepness=rng.uniform(0.1, 0.5),
        lamp=np.asarray(lamp / np.linalg.norm(lamp), np.float32),
        lamp_spread=float(rng.choice([0, 0.03, 0.1])),
        gloss=rng.uniform(0, 0.7),
        gloss_power=int(rng.choice([4, 12, 40])),
        stain=float(rng.choice([0, 0, 0.05, 0.12])),
        zoom=rng.uniform(0.5, 0.95),
        pose_px=float(rng.choice([0.5, 2, 4])),
        pose_degrees=float(rng.choice([0.5, 3, 180])),
    )


def _heights(rng: Generator, size: int) -> tuple[Plane, bool]:
    heights, outer = np.zeros((size, size), np.float32), int(size * rng.uniform(0.33, 0.48))
    centre = size // 2 + rng.normal(0, 4, 2)
    has_background = bool(rng.random() < 0.6)
    if has_background:
        _disc(heights, centre, outer, rng.uniform(6, 20))
    for _ in range(int(rng.integers(1, 6))):
        step = np.zeros_like(heights)
        draw = (_plateau, _groove, _holes, _ribs, _step)[int(rng.integers(5))]
        draw(step, centre, outer, rng)
        heights += np.float32(rng.choice([-1, 1]) * rng.uniform(1.5, 10)) * step
    return heights, has_background


def _plateau(plane: Plane, centre: Point, outer: int, rng: Generator) -> None:
    _disc(plane, centre, int(outer * rng.uniform(0.1, 1)), 1.0)


def _groove(plane: Plane, centre: Point, outer: int, rng: Generator) -> None:
    _disc(plane, centre, int(outer * rng.uniform(0.2, 0.95)), 1.0, int(rng.integers(3, 26)))


def _holes(plane: Plane, centre: Point, outer: int, rng: Generator) -> None:
    count, circle = int(rng.integers(3, 12)), outer * rng.uniform(0.3, 0.85)
    radius = int(outer * rng.uniform(0.05, 0.16)) + 1
    for turn in rng.uniform(0, 2 * np.pi) + np.arange(count) * 2 * np.pi / count:
        _disc(plane, centre + circle * np.array([np.cos(turn), np.sin(turn)]), radius, 1.0)


def _ribs(plane: Plane, centre: Point, outer: int, rng: Generator) -> None:
    count, width, twist = int(rng.integers(3, 12)), int(rng.integers(3, 18)), rng.normal(0, 0.5)
    inner, end = outer * rng.uniform(0.1, 0.4), outer * rng.uniform(0.6, 0.98)
    along = np.linspace(0, 1, 6)
    for turn in rng.uniform(0, 2 * np.pi) + np.arange(count) * 2 * np.pi / count:
        angle, radius = turn + twist * along, inner + (end - inner) * along
        line = centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        cv2.polylines(plane, [line.astype(np.int32)], False, 1.0, width, cv2.LINE_AA)


def _step(plane: Plane, _centre: Point, _outer: int, rng: Generator) -> None:
    (x0, x1), (y0, y1) = np.sort(rng.integers(0, len(plane), (2, 2)), 1).tolist()
    plane[y0 : y1 + 8, x0 : x1 + 8] = 1.0


def _disc(plane: Plane, centre: Point, radius: int, value: float, thickness: int = -1) -> None:
    place = (int(centre[0]), int(centre[1]))
    cv2.circle(plane, place, radius, float(value), thickness, cv2.LINE_AA)
