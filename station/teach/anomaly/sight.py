"""What one way of looking sees: the patches of good parts, of drawn and of marked defects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.teach.anomaly.eye import Eye
from station.teach.anomaly.samples import Crops, draw_into, share_of_patches
from station.teach.anomaly.space import Patches, Space, fit_space
from station.teach.drawn import Places
from station.teach.look import in_parallel, mirrored
from station.vision.model import Model

Tick = Callable[[int, int], None]

COVERED = 0.1
"""A patch is defective when a mask covers so much of it: a line one pixel wide does."""
SPACE_FROM = 60
PER_SAMPLE = 400


@dataclass(frozen=True, slots=True)
class Bad:
    """The patches of one picture with a defect, and which of them are defective."""

    source: int
    """The sample it was drawn into; for a real defect its own number."""
    z: NDArray[np.float16]
    is_defective: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sight:
    """All that one eye saw, in its space."""

    eye: Eye
    space: Space
    good: tuple[NDArray[np.float16], ...]
    drawn: tuple[Bad, ...]
    marked: tuple[Bad, ...]
    certain: tuple[int, ...] = ()
    """Good samples the memory must know: a station rejected them, and a person put that right."""


@dataclass(frozen=True, slots=True)
class Marks:
    """A picture of a real defect and its mask, already cut as the samples are."""

    image: Image
    mask: NDArray[np.uint8]
    """(height, width), 255 where it is defective, else 0."""


def look_at(
    eye: Eye,
    model: Model,
    crops: Crops,
    marks: Sequence[Marks],
    *,
    each: int,
    places: Places,
    seed: int,
    tick: Tick,
) -> Sight:
    """Look with an opened eye at good samples, `each` defects drawn into each, and marked ones.

    Marked defects are looked at mirrored too, because there are few of them.
    """
    total = len(crops) * (1 + each) + len(marks)
    done = 0

    def count(now: int, _: int) -> None:
        tick(done + now, total)

    def good(index: int) -> NDArray[np.float16]:
        return model.run(crops[index]).astype(np.float16)

    raw = in_parallel(good, range(len(crops)), count)
    space = _space_of(raw, seed)
    seen = tuple(_half(space.place(patches.astype(np.float32))) for patches in raw)
    raw.clear()
    done += len(crops)
    donors = np.random.default_rng(seed).permutation(len(crops))

    def drawn(index: int) -> list[Bad]:
        donor = crops[int(donors[index])]
        found = draw_into(crops[index], index, donor, places, each, seed)
        return [
            _bad(eye, model, space, index, x.image, x.mask.astype(np.uint8) * np.uint8(255))
            for x in found
        ]

    drawings = in_parallel(drawn, range(len(crops)) if each else (), count)
    done += len(crops) * each

    def marked(index: int) -> list[Bad]:
        pairs = zip(mirrored(marks[index].image), mirrored(marks[index].mask), strict=True)
        return [_bad(eye, model, space, index, image, mask) for image, mask in pairs]

    real = in_parallel(marked, range(len(marks)), count)
    return Sight(
        eye,
        space,
        seen,
        tuple(bad for group in drawings for bad in group),
        tuple(bad for group in real for bad in group),
    )


def _bad(
    eye: Eye, model: Model, space: Space, source: int, image: Image, mask: NDArray[np.uint8]
) -> Bad:
    contract = eye.contract
    share = share_of_patches(
        mask, contract.width, contract.height, contract.fit, eye.rows, eye.columns
    )
    covered = share >= min(COVERED, float(share.max()))
    return Bad(source, _half(space.place(model.run(image))), covered & (share > 0))


def _space_of(raw: Sequence[NDArray[np.float16]], seed: int) -> Space:
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(raw))[:SPACE_FROM]
    rows = [
        raw[index][rng.permutation(len(raw[index]))[:PER_SAMPLE]].astype(np.float32)
        for index in chosen
    ]
    return fit_space(np.concatenate(rows), rng)


def _half(z: Patches) -> NDArray[np.float16]:
    return z.astype(np.float16)
