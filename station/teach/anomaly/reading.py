"""From distances and log-odds to a heat map, and from a heat map to one score."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.teach.anomaly.way import Summary

Numbers = NDArray[np.float32]

WORST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Scales:
    """What normal patches say when they are held out: mean and spread of distance and log-odds."""

    distance: tuple[float, float]
    odds: tuple[float, float]


def find_scales(distances: Sequence[Numbers], odds: Sequence[Numbers]) -> Scales:
    """Scales of held-out normal patches."""
    return Scales(_mean_and_spread(distances), _mean_and_spread(odds))


def read(distances: Numbers, odds: Numbers, scales: Scales, head_weight: float) -> Numbers:
    """Heat of each patch, (patches,): how many spreads above normal, both views added up."""
    heat = (distances - scales.distance[0]) / scales.distance[1]
    if head_weight:
        heat = heat + head_weight * (odds - scales.odds[0]) / scales.odds[1]
    return np.asarray(heat, np.float32)


def sum_up(heat: Numbers, rows: int, columns: int, summary: Summary) -> float:
    """The score of one heat map, (rows * columns,)."""
    if summary == "max":
        return float(heat.max())
    if summary == "smoothed_max":
        field = heat.reshape(rows, columns)
        ones = np.ones_like(field)
        # a mean over the places there are, as the graph's AveragePool takes it
        total, count = (
            cv2.boxFilter(x, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
            for x in (field, ones)
        )
        return float((total / count).max())
    worst = worst_count(len(heat))
    return float(np.partition(heat, -worst)[-worst:].mean())


def worst_count(patches: int) -> int:
    """How many patches are the worst 1 %."""
    return max(1, int(patches * WORST_SHARE))


def _mean_and_spread(values: Sequence[Numbers]) -> tuple[float, float]:
    joined = np.concatenate(values)
    return float(joined.mean()), float(joined.std()) + 1e-6
