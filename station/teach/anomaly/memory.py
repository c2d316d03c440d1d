"""The memory of normal patches: a bounded choice of them, and how far a patch is from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.teach.anomaly.space import Patches

MOST_PATCHES = 1000
CHOOSE_FROM = 20_000
SKETCH = 64
"""Axes of the random projection the choice is made in."""
RESERVED_SHARE, RESERVED_EACH = 0.3, 30
"""Places kept for samples the memory must know: of all places, and for each such sample."""
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Memory:
    """Normal patches, (patches, axes [+ 2 for the place]), and the sample each came from."""

    patches: Patches
    sources: NDArray[np.intp]
    places: NDArray[np.float32] | None
    """(patches of a picture, 2), scaled: added to each patch, so that a part's place counts."""

    def distances(self, z: Patches, without: int = NOBODY) -> NDArray[np.float32]:
        """The distance of each patch to the nearest remembered one, (patches,).

        `without` leaves out what came from one sample: what the memory would say of that sample
        if it had never seen it.
        """
        patches = self.patches if without == NOBODY else self.patches[self.sources != without]
        full = self.with_places(z)
        return nearest(full, patches)

    def with_places(self, z: Patches) -> Patches:
        """Patches of one whole picture with their places beside them, where places count."""
        return z if self.places is None else np.concatenate((z, self.places), axis=1)

    def forget(self, sources: Sequence[int]) -> "Memory":
        """The same without some samples."""
        kept = ~np.isin(self.sources, sources)
        return Memory(self.patches[kept], self.sources[kept], self.places)


def remember(
    samples: Sequence[NDArray[np.floating]],
    rng: np.random.Generator,
    *,
    places: NDArray[np.float32] | None = None,
    count: int = MOST_PATCHES,
    certain: Sequence[int] = (),
) -> Memory:
    """Choose patches that cover all of the samples': greedily, always the one farthest away.

    Of the `certain` samples every patch is looked at, and up to 30 each are taken besides.
    (Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach",
    2018.)
    """
    sources = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
    total = len(sources)
    rows = np.arange(total)
    if total > CHOOSE_FROM:
        rows = np.sort(rng.choice(total, CHOOSE_FROM, replace=False))
    full = _rows_of(samples, rows, places)
    reserved = min(int(RESERVED_SHARE * count), RESERVED_EACH * len(certain))
    chosen = spread_out(full, count - reserved, rng)
    memory = Memory(full[chosen], sources[rows][chosen], places)
    if not reserved:
        return memory
    own = np.flatnonzero(np.isin(sources, certain))
    return _with_farthest(memory, _rows_of(samples, own, places), sources[own], reserved)


def _with_farthest(
    memory: Memory, patches: Patches, sources: NDArray[np.intp], count: int
) -> Memory:
    """The same with `count` more: always the patch the memory is farthest from by then."""
    gap = nearest(patches, memory.patches)
    chosen = []
    for _ in range(min(count, len(patches))):
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, nearest(patches, patches[chosen[-1:]]))
    return Memory(
        np.concatenate((memory.patches, patches[chosen])),
        np.concatenate((memory.sources, sources[chosen])),
        memory.places,
    )


def spread_out(patches: Patches, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices of `count` patches chosen greedily, each the farthest from those before it."""
    if len(patches) <= count:
        return np.arange(len(patches))
    axes = patches.shape[1]
    sketch = patches
    if axes > SKETCH:
        sketch = patches @ (rng.standard_normal((axes, SKETCH)).astype(np.float32) / SKETCH**0.5)
    sketch = np.ascontiguousarray(sketch)
    lengths = np.square(sketch).sum(axis=1)
    last = int(rng.integers(len(sketch)))
    chosen, gap = [last], np.full(len(sketch), np.inf, np.float32)
    for _ in range(count - 1):
        away = lengths + (lengths[last] - 2 * (sketch @ sketch[last]))
        np.minimum(gap, away, out=gap)
        last = int(gap.argmax())
        chosen.append(last)
    return np.array(chosen, np.intp)


def nearest(patches: Patches, remembered: Patches) -> NDArray[np.float32]:
    """Euclidean distance to the nearest remembered patch, (patches,)."""
    squares = patches @ (-2 * remembered.T)
    squares += np.square(remembered).sum(axis=1)
    closest = squares.min(axis=1) + np.square(patches).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(closest, 0)), np.float32)


def _rows_of(
    samples: Sequence[NDArray[np.floating]],
    rows: NDArray[np.intp],
    places: NDArray[np.float32] | None,
) -> Patches:
    starts = np.cumsum([0, *(len(sample) for sample in samples)])
    parts = []
    for index, sample in enumerate(samples):
        own = rows[(rows >= starts[index]) & (rows < starts[index + 1])] - starts[index]
        part = np.asarray(sample[own], np.float32)
        parts.append(part if places is None else np.concatenate((part, places[own]), axis=1))
    return np.concatenate(parts)
