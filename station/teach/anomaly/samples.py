"""What is learnt from: whole pictures, or tiles of them, and defects drawn into them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.region import Rectangle
from station.teach.drawn import KINDS, Drawn, Places, draw_defect
from station.teach.pictures import Picture
from station.vision.card import Tiling
from station.vision.geometry import Fit, cut, fit, tiles
from station.vision.images import read_image

KEPT_BYTES = 300_000_000
SMALLEST_PX, LARGEST_SHARE = 4.0, 0.35
"""Drawn defects: from a few pixels to a third of the picture's shorter side."""

KIND_SETS = (tuple(sorted(KINDS))[::2], tuple(sorted(KINDS))[1::2])
"""Half of the kinds each: what is learnt from one half is tried on the other."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture, or one tile of it."""

    picture: Picture
    tile: Rectangle | None = None


@dataclass(slots=True)
class Crops:
    """The samples' pixels, read when asked for, kept while they are few."""

    samples: Sequence[Sample]
    _kept: dict[int, Image] = field(default_factory=dict)
    _bytes: int = 0

    def __getitem__(self, index: int) -> Image:
        if index in self._kept:
            return self._kept[index]
        sample = self.samples[index]
        image = np.ascontiguousarray(cut(read_image(sample.picture.path), sample.tile))
        if self._bytes + image.nbytes <= KEPT_BYTES:
            self._kept[index] = image
            self._bytes += image.nbytes
        return image

    def __len__(self) -> int:
        return len(self.samples)


def part(
    pictures: Sequence[Picture],
    sizes: Sequence[tuple[int, int]],
    tiling: Tiling | None,
    most: int,
    rng: np.random.Generator,
) -> list[Sample]:
    """At most so many samples, evenly from the pictures; with `tiling`, tiles of them.

    Args:
        pictures: what there is.
        sizes: (width, height) of each.
        tiling: how a picture is parted, or None for whole pictures.
        most: the bound.
        rng: chooses where there are more.
    """
    if tiling is None:
        rows = np.sort(rng.permutation(len(pictures))[:most])
        return [Sample(pictures[row]) for row in rows]
    every = [
        Sample(picture, tile)
        for picture, (width, height) in zip(pictures, sizes, strict=True)
        for tile in tiles(width, height, tiling.size_px, tiling.overlap)
    ]
    rows = np.sort(rng.permutation(len(every))[:most])
    return [every[row] for row in rows]


def draw_into(
    image: Image, source: int, donor: Image, places: Places, each: int, seed: int
) -> Iterator[Drawn]:
    """Pictures with a drawn defect made from one sample, of the kinds its half is given.

    Sample 0, 2, 4 … get one half of the kinds, 1, 3, 5 … the other; see `KIND_SETS`.
    """
    for turn in range(each):
        rng = np.random.default_rng((seed, source, turn))
        shorter = min(image.shape[:2])
        largest = max(2 * SMALLEST_PX, LARGEST_SHARE * shorter)
        size_px = float(np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(largest))))
        fitting = [
            kind
            for kind in KIND_SETS[source % 2]
            if KINDS[kind].smallest_px <= size_px <= KINDS[kind].largest_px
        ] or list(KIND_SETS[source % 2])
        kind = fitting[int(rng.integers(len(fitting)))]
        yield draw_defect(image, rng, size=size_px, donor=donor, places=places, kind=kind)


def share_of_patches(
    mask: NDArray[np.uint8], width: int, height: int, how: Fit, rows: int, columns: int
) -> NDArray[np.float32]:
    """What share of each patch a mask covers, (rows * columns,); it goes the way of its picture.

    Args:
        mask: (height, width) of the picture, 255 where it is defective, else 0.
        width: of the model's input, pixels.
        height: of the model's input, pixels.
        how: the picture's way into the input.
        rows: of patches.
        columns: of patches.
    """
    fitted = fit(mask, width, height, how, pad=0)
    small = cv2.resize(fitted, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).ravel() / np.float32(255)
