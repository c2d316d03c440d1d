"""What the memory and the patch head say of samples they have not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.teach.anomaly.memory import Memory, remember
from station.teach.anomaly.patch_head import PatchHead, beside, fit_patch_head
from station.teach.anomaly.reading import Numbers, Scales, find_scales, read, sum_up
from station.teach.anomaly.sight import Bad, Sight
from station.teach.anomaly.space import Patches
from station.teach.anomaly.way import Summary

NORMAL_ROWS, ROWS_EACH = 30_000, 60
HALVES = 2
MARKED_SHARE = 2
"""Rows of marked defects for each row of a drawn one."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Distances without the sample's own patches, log-odds by a head that never saw the sample.

    The head that judges samples 0, 2, 4 … learnt from 1, 3, 5 …, whose drawn defects are of other
    kinds: what is tried is whether it knows a defect it was never shown.
    """

    memory: Memory
    good_distances: tuple[Numbers, ...]
    good_odds: tuple[Numbers, ...]
    drawn_distances: tuple[Numbers, ...]
    drawn_odds: tuple[Numbers, ...]
    marked_distances: tuple[Numbers, ...]
    marked_odds: tuple[Numbers, ...]
    scales: Scales

    def good_scores(self, sight: Sight, weight: float, summary: Summary) -> NDArray[np.float64]:
        """The score of each good sample."""
        return self._scores(sight, self.good_distances, self.good_odds, weight, summary)

    def drawn_scores(self, sight: Sight, weight: float, summary: Summary) -> NDArray[np.float64]:
        """The score of each drawn defect's sample."""
        return self._scores(sight, self.drawn_distances, self.drawn_odds, weight, summary)

    def marked_scores(self, sight: Sight, weight: float, summary: Summary) -> NDArray[np.float64]:
        """The score of each marked picture."""
        return self._scores(sight, self.marked_distances, self.marked_odds, weight, summary)

    def heat(self, distances: Numbers, odds: Numbers, weight: float) -> Numbers:
        """The heat of one sample's patches."""
        return read(distances, odds, self.scales, weight)

    def _scores(
        self, sight: Sight, distances: Sequence[Numbers], odds: Sequence[Numbers],
        weight: float, summary: Summary,
    ) -> NDArray[np.float64]:  # fmt: skip
        rows, columns = sight.eye.rows, sight.eye.columns
        heats = (self.heat(d, o, weight) for d, o in zip(distances, odds, strict=True))
        return np.array([sum_up(heat, rows, columns, summary) for heat in heats], np.float64)


def hold_out(sight: Sight, place_weight: float, seed: int) -> HeldOut:
    """Build the memory, fit the two half heads, and let them judge what they have not seen."""
    memory = build_memory(sight, place_weight, seed)
    good = tuple(
        memory.distances(z.astype(np.float32), without=i) for i, z in enumerate(sight.good)
    )
    drawn = tuple(memory.distances(b.z.astype(np.float32), without=b.source) for b in sight.drawn)
    marked = tuple(memory.distances(b.z.astype(np.float32)) for b in sight.marked)
    heads = [
        _fit_half(sight, (good, drawn, marked), half, seed) if sight.drawn or marked else None
        for half in range(HALVES)
    ]

    def odds(z: NDArray[np.float16], distances: Numbers, source: int) -> Numbers:
        head = heads[1 - source % HALVES]
        if head is None:
            return np.zeros_like(distances)
        return head.log_odds(z.astype(np.float32), distances)

    good_odds = tuple(odds(z, d, i) for i, (z, d) in enumerate(zip(sight.good, good, strict=True)))
    return HeldOut(
        memory,
        good,
        good_odds,
        drawn,
        tuple(odds(b.z, d, b.source) for b, d in zip(sight.drawn, drawn, strict=True)),
        marked,
        tuple(odds(b.z, d, b.source) for b, d in zip(sight.marked, marked, strict=True)),
        find_scales(good, good_odds),
    )


def build_memory(sight: Sight, place_weight: float, seed: int) -> Memory:
    """The memory of all good samples; with a weight, a patch's place is two numbers more."""
    places = None
    if place_weight:
        scale = np.float32(place_weight * sight.space.axes**0.5)
        places = sight.eye.places() * scale
    rng = np.random.default_rng(seed)
    return remember(sight.good, rng, places=places, certain=sight.certain)


def fit_whole(sight: Sight, held: HeldOut, seed: int) -> PatchHead:
    """The head of the finished model: from every sample, drawn and marked defect."""
    everything = (held.good_distances, held.drawn_distances, held.marked_distances)
    return _fit(sight, everything, range(HALVES), seed)


Distances = tuple[Sequence[Numbers], Sequence[Numbers], Sequence[Numbers]]
"""Of good, drawn and marked samples."""


def _fit_half(sight: Sight, distances: Distances, half: int, seed: int) -> PatchHead | None:
    if not any(b.source % HALVES == half for b in (*sight.drawn, *sight.marked)):
        return None
    return _fit(sight, distances, [half], seed)


def _fit(sight: Sight, distances: Distances, halves: Sequence[int], seed: int) -> PatchHead:
    rng = np.random.default_rng(seed)
    chosen = [i for i in range(len(sight.good)) if i % HALVES in halves] or [0]
    each = max(1, NORMAL_ROWS // max(1, len(sight.good)))
    normal = [
        _rows(sight.good[i], distances[0][i], np.arange(len(sight.good[i])), each, rng)
        for i in chosen
    ]
    drawn = _bad_rows(sight.drawn, distances[1], halves, rng)
    marked = _bad_rows(sight.marked, distances[2], halves, rng)
    if drawn and marked:
        # few real defects must weigh more than many drawn ones
        times = max(1, round(MARKED_SHARE * sum(map(len, drawn)) / sum(map(len, marked))))
        marked = marked * times
    return fit_patch_head(np.concatenate(normal), np.concatenate([*drawn, *marked]), seed)


def _bad_rows(
    bads: Sequence[Bad], distances: Sequence[Numbers], halves: Sequence[int],
    rng: np.random.Generator,
) -> list[Patches]:  # fmt: skip
    return [
        _rows(bad.z, d, np.flatnonzero(bad.is_defective), ROWS_EACH, rng)
        for bad, d in zip(bads, distances, strict=True)
        if bad.source % HALVES in halves and bad.is_defective.any()
    ]


def _rows(
    z: NDArray[np.float16], distances: Numbers, rows: NDArray[np.intp], most: int,
    rng: np.random.Generator,
) -> Patches:  # fmt: skip
    picked = rng.permutation(rows)[:most]
    return beside(z[picked].astype(np.float32), distances[picked])
