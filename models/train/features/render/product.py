"""One product, several good parts of it: what an episode of the training is made of."""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.features.render.fields import Plane
from models.train.features.render.parts import draw_board, draw_bulk, draw_part, draw_print
from models.train.features.render.relief import draw_relief
from models.train.features.render.shapes import draw_shape, paint
from models.train.features.render.surface import Picture, draw_surface, window

_ZOOMED_CANVAS = 2.1


def views(seed: int, size: int, count: int) -> NDArray[np.uint8]:
    """`count` good parts of the product `seed`, uint8 [count, size, size, 3] BGR.

    The same seed gives the same product and the same parts.
    """
    rng = np.random.default_rng(seed)
    source = _FAMILIES[_family(rng)](rng, size)
    is_grey, lamp = rng.random() < 0.35, _lamp(rng, size)
    grain = rng.choice([0, 0.01, 0.025])
    parts = []
    for image in islice(source, count):
        lit = image * lamp[..., None]
        lit = lit + grain * rng.standard_normal((size, size, 1), dtype=np.float32)
        lit = np.repeat(lit.mean(2, keepdims=True), 3, 2) if is_grey else lit
        parts.append((np.clip(lit, 0, 1) * 255).astype(np.uint8))
    return np.stack(parts)


def family_of(seed: int) -> str:
    """The family of the product `seed`."""
    return _family(np.random.default_rng(seed))


def _surface(rng: Generator, size: int) -> Iterator[Picture]:
    """Windows of one material; sometimes with something on it that is always there."""
    edge = int(size * _ZOOMED_CANVAS)
    canvas = draw_surface(rng).canvas(edge, edge)
    has_mark = rng.random() < 0.3
    mark = draw_shape(rng, size, radii=(0.1, 0.55))
    while True:
        image = window(canvas, size, rng)
        if has_mark:
            paint(image, mark)
        yield image


_FAMILIES: dict[str, Callable[[Generator, int], Iterator[Picture]]] = {
    "surface": _surface,
    "part": lambda rng, size: draw_part(rng, size).views(rng),
    "relief": lambda rng, size: draw_relief(rng, size).views(rng),
    "board": lambda rng, size: draw_board(rng, size).views(rng),
    "print": lambda rng, size: draw_print(rng, size).views(rng),
    "bulk": lambda rng, size: draw_bulk(rng, size).views(rng),
}
_SHARES = (0.36, 0.20, 0.22, 0.08, 0.06, 0.08)


def _family(rng: Generator) -> str:
    return str(rng.choice(list(_FAMILIES), p=_SHARES))


def _lamp(rng: Generator, size: int) -> Plane:
    """Uneven light that stays as it is: a slope and a fall towards the corners."""
    slope, fall = rng.choice([0, 0.05, 0.15, 0.3]), rng.choice([0, 0, 0.1, 0.3])
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 + slope * (np.cos(turn) * x + np.sin(turn) * y) - fall * (x * x + y * y) / 2
    return np.asarray(light, np.float32)
