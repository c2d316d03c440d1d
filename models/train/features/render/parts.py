"""Flat parts: things on a ground that always lie the same way, and bulk goods that never do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from models.train.features.render.fields import Plane
from models.train.features.render.shapes import Shape, draw_shape, paint
from models.train.features.render.surface import Picture, Surface, draw_surface, window

_FAINT = (0.02, 0.05, 0.15, 0.3)
_BOARD = ("chip", "chip", "trace", "trace", "pads", "disc", "plate", "text")
_PRINT = ("text", "text", "bars", "plate", "ring", "polygon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Things on a ground, and how exactly they are placed from part to part."""

    size: int
    shapes: tuple[Shape, ...]
    ground: Surface
    skin: Surface
    skin_strength: float
    place_px: float
    pose_px: float
    pose_degrees: float
    """180: the part lies any way round."""
    sharpness_px: float

    def views(self, rng: Generator) -> Iterator[Picture]:
        """The part again and again."""
        size = self.size
        ground, skin = (x.canvas(2 * size, 2 * size) for x in (self.ground, self.skin))
        skin = skin - skin.mean((0, 1))
        while True:
            bare = window(ground, size, rng)
            image = bare.copy()
            for shape in self.shapes:
                paint(image, self._placed(shape, rng))
            covered = (np.abs(image - bare).max(2) > 0.01).astype(np.float32)[..., None]
            image += np.float32(self.skin_strength) * covered * window(skin, size, rng)
            posed = cv2.warpAffine(
                image, self._pose(rng), (size, size), borderMode=cv2.BORDER_REFLECT_101
            )
            yield np.asarray(cv2.GaussianBlur(posed, (0, 0), self.sharpness_px), np.float32)

    def _placed(self, shape: Shape, rng: Generator) -> Shape:
        dx, dy, turn = rng.normal(0, self.place_px, 3)
        # A screw ends at any angle; half of the kinds of part have such screws.
        is_loose = shape.kind == "screw" and self.shapes[0].seed % 2 == 0
        angle = rng.uniform(0, np.pi) if is_loose else shape.angle + 0.01 * turn
        return replace(shape, x=shape.x + dx, y=shape.y + dy, angle=float(angle))

    def _pose(self, rng: Generator) -> Plane:
        free = self.pose_degrees >= 180
        turn = rng.uniform(0, 360) if free else rng.normal(0, self.pose_degrees)
        middle = (self.size / 2, self.size / 2)
        matrix = cv2.getRotationMatrix2D(middle, turn, 1 + rng.normal(0, 0.005))
        matrix[:, 2] = matrix[:, 2] + rng.normal(0, self.pose_px, 2)
        return np.asarray(matrix, np.float32)


def draw_part(rng: Generator, size: int, *, is_fixed: bool = False) -> Part:
    """A part at random; where `is_fixed` it hardly moves."""
    shapes = [draw_shape(rng, size) for _ in range(int(rng.integers(2, 16)))]
    if rng.random() < 0.5:
        body = draw_shape(rng, size, ("disc", "plate", "polygon"), (0.3, 0.55))
        x, y = size / 2 + rng.normal(0, 0.04 * size, 2)
        shapes.insert(0, replace(body, x=float(x), y=float(y)))
    turn = float(rng.choice([0.2, 1, 3, 180], p=[0.3, 0.35, 0.25, 0.1]))
    return _part(
        rng, size, shapes, 0.2 if is_fixed else turn, 0.2 if is_fixed else None, _FAINT[1:]
    )


def draw_board(rng: Generator, size: int) -> Part:
    """A printed circuit board: pads, traces and chips in rows on an even ground."""
    metal = draw_shape(rng, size).colour
    shapes = []
    for _ in range(int(rng.integers(8, 28))):
        shape = draw_shape(rng, size, _BOARD, (0.04, 0.2))
        quarter = float(int(rng.integers(4)) * np.pi / 2)
        colour = metal if shape.kind in ("trace", "pads", "disc") else shape.colour
        shapes.append(replace(shape, angle=quarter, colour=colour, second=metal))
    return _part(rng, size, shapes, float(rng.choice([0.1, 0.4, 1])), None, _FAINT[:3])


def draw_print(rng: Generator, size: int) -> Part:
    """A label: lines of text, bar codes and frames in one ink or two."""
    inks = [draw_shape(rng, size).colour for _ in range(int(rng.integers(1, 3)))]
    shapes = []
    for line in range(int(rng.integers(3, 10))):
        shape = draw_shape(rng, size, _PRINT, (0.08, 0.4))
        ink = inks[line % len(inks)]
        shapes.append(replace(shape, angle=0.0, colour=ink, second=ink))
    return _part(rng, size, shapes, float(rng.choice([0.1, 0.5, 2])), None, _FAINT[:3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Many equal pieces, thrown: what is normal varies most."""

    size: int
    ground: Surface
    piece: Part
    outline: Plane
    count: int

    def views(self, rng: Generator) -> Iterator[Picture]:
        """Another throw each time."""
        size, half = self.size, self.piece.size // 2
        ground = self.ground.canvas(2 * size, 2 * size)
        source = self.piece.views(rng)
        pieces = [next(source) for _ in range(3)]
        while True:
            image = window(ground, size, rng)
            for _ in range(self.count):
                matrix = cv2.getRotationMatrix2D((half, half), rng.uniform(0, 360), 1.0)
                matrix[:, 2] = matrix[:, 2] + rng.uniform(-half, size - half, 2)
                cover = cv2.warpAffine(self.outline, matrix, (size, size))[..., None]
                piece = pieces[int(rng.integers(3))]
                laid = cv2.warpAffine(
                    piece, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101
                )
                image = image * (1 - cover) + laid * cover
            yield np.asarray(image, np.float32)


def draw_bulk(rng: Generator, size: int) -> Bulk:
    """Bulk goods at random."""
    edge = int(rng.uniform(0.16, 0.5) * size)
    outline, half = np.zeros((edge, edge), np.float32), edge // 2
    long, short = int(edge * 0.48), int(edge * 0.48 * rng.uniform(0.5, 1))
    if rng.random() < 2 / 3:
        cv2.ellipse(outline, (half, half), (long, short), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    else:
        outline[half - short : half + short, half - long : half + long] = 1
    return Bulk(
        size=size,
        ground=draw_surface(rng, _FAINT[:3]),
        piece=draw_part(rng, edge, is_fixed=True),
        outline=outline,
        count=int(rng.integers(3, 22)),
    )


def _part(
    rng: Generator,
    size: int,
    shapes: list[Shape],
    pose_degrees: float,
    pose_px: float | None,
    contrasts: tuple[float, ...],
) -> Part:
    return Part(
        size=size,
        shapes=tuple(shapes),
        ground=draw_surface(rng, contrasts),
        skin=draw_surface(rng, _FAINT[1:]),
        skin_strength=rng.uniform(0.1, 0.6),
        place_px=float(rng.choice([0.2, 0.6, 1.2])),
        pose_px=float(rng.choice([0.3, 1.5, 4])) if pose_px is None else pose_px,
        pose_degrees=pose_degrees,
        sharpness_px=0.6 * rng.uniform(0.5, 1.5),
    )
