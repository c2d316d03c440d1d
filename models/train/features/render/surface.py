"""A surface: patterns mixed and coloured; every window of its canvas shows the same material."""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.features.render.fields import FIELDS, Plane, unit

Picture: TypeAlias = NDArray[np.float32]
"""(height, width, 3), BGR, 0 to 1."""

_CONTRASTS = (0.03, 0.1, 0.25, 0.6, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The recipe of a material."""

    patterns: tuple[tuple[int, int], ...]
    """Which field, and the seed it is drawn from."""
    weights: tuple[float, ...]
    colours: Picture
    second_colours: Picture
    inlay_above: float
    """Level of the last pattern from where the second colours show; above 1: nowhere."""
    emboss: float
    light_angle: float

    def canvas(self, height: int, width: int) -> Picture:
        """The material, as large as asked."""
        planes = [
            FIELDS[kind][0](np.random.default_rng(seed), height, width)
            for kind, seed in self.patterns
        ]
        mixed = unit(sum(w * p for w, p in zip(self.weights, planes, strict=True)) + 0 * planes[0])
        image = _coloured(mixed, self.colours)
        if self.inlay_above < 1:
            inlay = (planes[-1] > self.inlay_above).astype(np.float32)
            soft = cv2.GaussianBlur(inlay, (0, 0), 0.8)[..., None]
            image = image * (1 - soft) + _coloured(planes[0], self.second_colours) * soft
        return image * self._relief(mixed)[..., None] if self.emboss else image

    def _relief(self, plane: Plane) -> Plane:
        down = np.float32(np.sin(self.light_angle)) * cv2.Sobel(plane, cv2.CV_32F, 0, 1)
        across = np.float32(np.cos(self.light_angle)) * cv2.Sobel(plane, cv2.CV_32F, 1, 0)
        return np.asarray(1 + self.emboss * np.clip(down + across, -0.6, 0.6), np.float32)


def draw_surface(rng: Generator, contrasts: tuple[float, ...] = _CONTRASTS) -> Surface:
    """A material at random; `contrasts` are the spreads of its colours to choose from."""
    layers = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    kinds = rng.choice(len(FIELDS), layers, p=[share for _, share in FIELDS])
    contrast = float(rng.choice(contrasts))
    return Surface(
        patterns=tuple((int(kind), int(rng.integers(2**31))) for kind in kinds),
        weights=tuple(rng.dirichlet(np.full(layers, 0.7)).tolist()),
        colours=_calmed(palette(rng, int(rng.integers(2, 5))), contrast),
        second_colours=_calmed(palette(rng, 2), contrast),
        inlay_above=rng.uniform(0.35, 0.65) if layers > 1 and rng.random() < 1 / 3 else 2.0,
        emboss=rng.uniform(0, 1.2) if rng.random() < 0.4 else 0.0,
        light_angle=rng.uniform(0, 2 * np.pi),
    )


def palette(rng: Generator, count: int) -> Picture:
    """Colours that go together, (count, 3): greys almost half of the time."""
    if rng.random() < 0.45:
        colours = np.repeat(rng.random((count, 1)), 3, 1) + rng.normal(0, 0.02, 3)
    else:
        spread = rng.uniform(0.05, 0.6)
        colours = rng.random(3) + spread * (rng.random((count, 3)) - 0.5)
        colours = colours + rng.uniform(-0.5, 0.5, (count, 1))
    return np.asarray(np.clip(colours, 0.02, 0.98), np.float32)


def window(canvas: Picture, size: int, rng: Generator) -> Picture:
    """A square window of a canvas, somewhere."""
    y = int(rng.integers(0, canvas.shape[0] - size + 1))
    x = int(rng.integers(0, canvas.shape[1] - size + 1))
    return canvas[y : y + size, x : x + size].copy()


def _calmed(colours: Picture, contrast: float) -> Picture:
    middle = colours.mean(0)
    return np.asarray(np.clip(middle + (colours - middle) * contrast, 0, 1), np.float32)


def _coloured(plane: Plane, colours: Picture) -> Picture:
    """Colours along a ramp, linear in between."""
    steps = len(colours) - 1
    place = np.clip(plane, 0, 1) * steps
    below = np.minimum(place.astype(np.int32), steps - 1)
    share = (place - below)[..., None]
    return np.asarray(colours[below] * (1 - share) + colours[below + 1] * share, np.float32)
