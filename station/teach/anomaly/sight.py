"""What one way of looking sees: the patches of good parts, of drawn and of marked defects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from station.core.errors import ModelError
from station.core.frame import Image
from station.teach.anomaly.eye import Eye
from station.teach.anomaly.samples import Crops, draw_into, share_of_patches
from station.teach.anomaly.space import MOST_AXES, Patches, Space, fit_space
from station.teach.drawn import Places
from station.teach.look import in_parallel, mirrored
from station.vision.model import Model

Tick = Callable[[int, int], None]

COVERED = 0.1
"""A patch is defective when a mask covers so much of it: a line one pixel wide does."""
SPACE_FROM = 60
PER_SAMPLE = 400
RAW_BYTES, SEEN_BYTES = 150_000_000, 600_000_000
"""Of features, and of patches in their space, held at a time."""
FEWEST = 20
LARGEST = 65_000.0
"""What a half float holds."""


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


def affordable(eye: Eye, samples: int, each: int) -> int:
    """How many of so many samples, each with so many drawn defects, fit into SEEN_BYTES."""
    sample_bytes = eye.rows * eye.columns * MOST_AXES * 2
    return min(samples, max(FEWEST, SEEN_BYTES // (sample_bytes * (1 + each))))


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

    Raises:
        ModelError: the net's numbers are too large to be kept.
    """
    rng = np.random.default_rng(seed)
    spread = rng.permutation(len(crops))[:SPACE_FROM].tolist()
    starts = np.cumsum([0, len(spread), len(crops), len(crops) * each, len(marks)]).tolist()

    def tick_from(stage: int, step: int = 1) -> Tick:
        return lambda now, _: tick(starts[stage] + now * step, starts[-1])

    def good(index: int) -> NDArray[np.float16]:
        return _as_half(model.run(crops[index]))

    space, raw = _space_of(good, eye, spread, rng, tick_from(0))

    def placed(index: int) -> NDArray[np.float16]:
        # what is known is dropped at once: features are larger than what is kept of them
        patches = raw.pop(index) if index in raw else good(index)
        return _half(space.place(patches.astype(np.float32)))

    seen = in_parallel(placed, range(len(crops)), tick_from(1))
    look = partial(_bad, eye, model, space)
    drawn = _look_at_drawn(look, crops, each, places, seed, tick_from(2, each)) if each else []

    real = _look_at_marked(look, marks, tick_from(3))
    return Sight(eye, space, tuple(seen), tuple(chain(*drawn)), tuple(chain(*real)))


def _look_at_drawn(
    look: Callable[[int, Image, NDArray[np.uint8]], Bad], crops: Crops, each: int, places: Places,
    seed: int, tick: Tick,
) -> list[list[Bad]]:  # fmt: skip
    donors = np.random.default_rng(seed).permutation(len(crops))

    def drawn(index: int) -> list[Bad]:
        donor = crops[int(donors[index])]
        found = draw_into(crops[index], index, donor, places, each, seed)
        return [look(index, x.image, x.mask.astype(np.uint8) * np.uint8(255)) for x in found]

    return in_parallel(drawn, range(len(crops)), tick)


def _look_at_marked(
    look: Callable[[int, Image, NDArray[np.uint8]], Bad], marks: Sequence[Marks], tick: Tick
) -> list[list[Bad]]:
    def marked(index: int) -> list[Bad]:
        pairs = zip(mirrored(marks[index].image), mirrored(marks[index].mask), strict=True)
        return [look(index, image, mask) for image, mask in pairs]

    return in_parallel(marked, range(len(marks)), tick)


def _bad(
    eye: Eye, model: Model, space: Space, source: int, image: Image, mask: NDArray[np.uint8]
) -> Bad:
    contract = eye.contract
    share = share_of_patches(
        mask, contract.width, contract.height, contract.fit, eye.rows, eye.columns
    )
    covered = share >= min(COVERED, float(share.max()))
    return Bad(source, _half(space.place(model.run(image))), covered & (share > 0))


def _space_of(
    look: Callable[[int], NDArray[np.float16]], eye: Eye, chosen: Sequence[int],
    rng: np.random.Generator, tick: Tick,
) -> tuple[Space, dict[int, NDArray[np.float16]]]:  # fmt: skip
    """The space of some samples, and their features as far as they need not be looked at again."""
    most = RAW_BYTES // (eye.rows * eye.columns * eye.length * 2)
    raw: dict[int, NDArray[np.float16]] = {}
    picks = {index: rng.permutation(eye.rows * eye.columns)[:PER_SAMPLE] for index in chosen}

    def rows_of(index: int) -> Patches:
        patches = look(index)
        if len(raw) < most:
            raw[index] = patches
        return patches[picks[index]].astype(np.float32)

    return fit_space(np.concatenate(in_parallel(rows_of, chosen, tick)), rng), raw


def _as_half(features: Patches) -> NDArray[np.float16]:
    most = float(np.abs(features).max())
    if most > LARGEST:
        raise ModelError(
            f"the feature net gives numbers beyond {LARGEST:,.0f} ({most:.3g}); normalise its input"
        )
    return features.astype(np.float16)


def _half(z: Patches) -> NDArray[np.float16]:
    # what is never seen on good parts may count for more than a half holds: it is far all the same
    return np.clip(z, -LARGEST, LARGEST).astype(np.float16)
