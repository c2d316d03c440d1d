"""Single things on a part: discs, plates, screws, chips with pins, traces, pads, text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.features.render.surface import Picture, palette

Points: TypeAlias = NDArray[np.float64]
_FINE = 16
_SHIFT = 4
_LETTERS = tuple("ABCDEFHKLMNPRSTUXYZ0123456789-/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One thing: what it is, where, how large (pixels), which way, in which two colours."""

    kind: str
    x: float
    y: float
    radius: float
    angle: float
    aspect: float
    count: int
    thickness: int
    text: str
    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    seed: int

    @property
    def centre(self) -> Points:
        return np.array([self.x, self.y])

    def placed(self, points: Points) -> NDArray[np.int32]:
        """Points about the origin -> fixed-point pixels, turned and moved to the place."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        turned = points @ np.array([[c, s], [-s, c]]) + self.centre
        return np.asarray(turned * _FINE).astype(np.int32)


def draw_shape(
    rng: Generator,
    size: int,
    kinds: tuple[str, ...] = (),
    radii: tuple[float, float] = (0.06, 0.35),
) -> Shape:
    """A thing at random for a picture `size` pixels wide, `radii` as shares of it."""
    names = kinds or tuple(_PAINTERS)
    colour, second = palette(rng, 2).tolist()
    x, y = rng.uniform(0.12, 0.88, 2) * size
    return Shape(
        kind=names[int(rng.integers(len(names)))],
        x=float(x),
        y=float(y),
        radius=float(rng.uniform(*radii) * size),
        angle=float(rng.uniform(0, np.pi)),
        aspect=float(rng.uniform(0.25, 1)),
        count=int(rng.integers(3, 9)),
        thickness=int(rng.integers(1, 6)),
        text="".join(rng.choice(_LETTERS, int(rng.integers(2, 8)))),
        colour=tuple(colour),
        second=tuple(second),
        seed=int(rng.integers(2**31)),
    )


def paint(image: Picture, shape: Shape) -> None:
    """Draw a shape into a picture, in place."""
    _PAINTERS[shape.kind](image, shape)


def _disc(image: Picture, shape: Shape) -> None:
    _circle(image, shape.centre, shape.radius, shape.colour, -1)


def _ring(image: Picture, shape: Shape) -> None:
    _circle(image, shape.centre, shape.radius, shape.colour, shape.thickness)


def _plate(image: Picture, shape: Shape) -> None:
    _fill(image, shape.placed(_box(shape)), shape.colour)


def _polygon(image: Picture, shape: Shape) -> None:
    own = np.random.default_rng(shape.seed)
    turn = np.sort(own.uniform(0, 2 * np.pi, shape.count))
    radius = shape.radius * own.uniform(0.5, 1, shape.count)
    corners = np.stack([np.cos(turn), np.sin(turn)], 1) * radius[:, None]
    _fill(image, shape.placed(corners), shape.colour)


def _text(image: Picture, shape: Shape) -> None:
    # OpenCV 5 writes text into 8-bit pictures only.
    ink = np.zeros(image.shape[:2], np.uint8)
    place = (int(shape.x - shape.radius), int(shape.y))
    scale = 0.3 + 0.6 * (shape.seed % 997) / 997
    weight = 1 + shape.thickness // 3
    cv2.putText(ink, shape.text, place, shape.seed % 4, scale, 255, weight, cv2.LINE_AA)
    cover = ink[..., None].astype(np.float32) / 255
    image *= 1 - cover
    image += cover * np.array(shape.colour, np.float32)


def _screw(image: Picture, shape: Shape) -> None:
    radius = shape.radius * 0.6
    _circle(image, shape.centre, radius, shape.colour, -1)
    _circle(image, shape.centre, radius, shape.second, 2)
    slot = np.array([[-0.75 * radius, 0.0], [0.75 * radius, 0.0]])
    lines = [slot] if shape.count % 2 else [slot, slot[:, ::-1]]
    for line in lines:
        _line(image, shape.placed(line), shape.second, 2)


def _chip(image: Picture, shape: Shape) -> None:
    r, pitch = shape.radius, 2 * shape.radius / shape.count
    _fill(image, shape.placed(_box(shape)), shape.colour)
    for pin in range(shape.count):
        x = -r + (pin + 0.5) * pitch
        for side in (-1.0, 1.0):
            near, far = side * shape.aspect * r, side * (shape.aspect * r + r * 0.25)
            left, right = x - pitch / 4, x + pitch / 4
            foot = np.array([[left, near], [right, near], [right, far], [left, far]])
            _fill(image, shape.placed(foot), shape.second)


def _trace(image: Picture, shape: Shape) -> None:
    own, r = np.random.default_rng(shape.seed), shape.radius
    moves = np.array([[0.5, 0.0], [0.0, 0.5], [0.0, -0.5], [0.35, 0.35]]) * r
    steps = moves[own.integers(0, 4, shape.count)]
    start = np.array([-r, 0.0])
    path = np.vstack([start, start + np.cumsum(steps, 0)])
    for lane in range(1 + shape.thickness % 3):
        _line(
            image,
            shape.placed(path + np.array([0, 6 * lane])),
            shape.colour,
            1 + shape.thickness // 2,
        )


def _pads(image: Picture, shape: Shape) -> None:
    across, down = min(6, shape.count), 1 + shape.thickness % 3
    for column in range(across):
        for row in range(down):
            offset = np.array([column - across / 2, row - down / 2]) * shape.radius * 0.5
            _circle(image, shape.centre + offset, max(1.2, shape.radius * 0.16), shape.colour, -1)


def _bars(image: Picture, shape: Shape) -> None:
    """A bar code, or a scale."""
    own, x = np.random.default_rng(shape.seed), -shape.radius
    while x < shape.radius:
        wide = own.integers(1, 4) * max(1.0, shape.radius / 24)
        edge = np.array([[x, -1.0], [x + wide, -1.0], [x + wide, 1.0], [x, 1.0]])
        edge[:, 1] *= shape.aspect * shape.radius * 0.6
        _fill(image, shape.placed(edge), shape.colour)
        x += wide + own.integers(1, 4) * max(1.0, shape.radius / 24)


_PAINTERS: dict[str, Callable[[Picture, Shape], None]] = {
    "disc": _disc, "ring": _ring, "plate": _plate, "polygon": _polygon, "text": _text,
    "screw": _screw, "chip": _chip, "trace": _trace, "pads": _pads, "bars": _bars,
}  # fmt: skip


def _box(shape: Shape) -> Points:
    a = shape.aspect
    return np.array([[-1, -a], [1, -a], [1, a], [-1, a]]) * shape.radius


def _circle(
    image: Picture, centre: Points, radius: float, colour: tuple[float, ...], thickness: int
) -> None:
    x, y = (int(place * _FINE) for place in centre)
    size = int(radius * _FINE)
    cv2.circle(image, (x, y), size, colour, thickness, cv2.LINE_AA, _SHIFT)


def _fill(image: Picture, corners: NDArray[np.int32], colour: tuple[float, ...]) -> None:
    cv2.fillPoly(image, [corners], colour, cv2.LINE_AA, _SHIFT)


def _line(
    image: Picture, points: NDArray[np.int32], colour: tuple[float, ...], thickness: int
) -> None:
    cv2.polylines(image, [points], False, colour, thickness, cv2.LINE_AA, _SHIFT)
