"""Proving a finished model: equal to what was measured, and what it costs."""

import time
from collections.abc import Sequence

import numpy as np

from station.core.errors import ModelError, TeachError
from station.teach.anomaly.graph import Mind
from station.teach.anomaly.reading import read, sum_up
from station.teach.anomaly.samples import Crops
from station.teach.anomaly.sight import Sight
from station.teach.anomaly.way import Way
from station.vision.geometry import tiles
from station.vision.model import Model

PROVED, TIMED_RUNS = 10, 10
MAX_DIFFERENCE = 2e-3
"""Of a score where 1 is the limit; distances in single precision differ in the fourth digit."""


def check_parity(model: Model, sight: Sight, mind: Mind, way: Way, crops: Crops) -> float:
    """The largest difference between the graph's scores and those computed step by step.

    Raises:
        ModelError: it is above 0.002 of the limit (or of the score, where that is larger).
    """
    eye = sight.eye.opened()
    differences = []
    for index in np.unique(np.linspace(0, len(crops) - 1, PROVED).astype(int)).tolist():
        z = mind.space.place(eye.run(crops[index]))
        distances = mind.memory.distances(z)
        odds = mind.head.log_odds(z, distances) if mind.head else np.zeros_like(distances)
        heat = np.maximum(read(distances, odds, mind.scales, way.head_weight) / mind.limit, 0)
        expected = sum_up(heat, sight.eye.rows, sight.eye.columns, way.summary)
        score, _ = model.score(crops[index])
        differences.append(abs(score - expected) / max(1.0, expected))
    worst = float(np.max(differences))  # NaN if one is
    if not worst <= MAX_DIFFERENCE:
        raise ModelError(
            f"the finished graph differs from what was measured by {worst:.2g} of the limit "
            f"(allowed {MAX_DIFFERENCE:g}); use another feature net"
        )
    return worst


def measure(model: Model, way: Way, sizes: Sequence[tuple[int, int]], crops: Crops) -> float:
    """CPU milliseconds a picture takes on one thread: one input, times the tiles."""
    started_s = time.thread_time()
    for _ in range(TIMED_RUNS):
        model.score(crops[0])
    ms = 1e3 * (time.thread_time() - started_s) / TIMED_RUNS
    return ms * tiles_of(way, sizes)


def tiles_of(way: Way, sizes: Sequence[tuple[int, int]]) -> int:
    """How many tiles the median picture has; 1 without tiling."""
    if way.tiling is None:
        return 1
    width, height = (int(np.median(side)) for side in zip(*sizes, strict=True))
    return len(list(tiles(width, height, way.tiling.size_px, way.tiling.overlap)))


def refuse_costly(ms: float, size_bytes: int, *, ms_at_most: float, mb_at_most: float) -> None:
    """Refuse a model that costs more than was allowed.

    Raises:
        TeachError: it takes too long a picture, or is too large.
    """
    if ms > ms_at_most:
        raise TeachError(
            f"the model takes {ms:.0f} ms of CPU a picture, allowed are {ms_at_most:g}; nothing "
            "was written: take a smaller --size, cut the part out, or allow more with --ms-at-most"
        )
    if size_bytes > 1e6 * mb_at_most:
        raise TeachError(
            f"the model has {size_bytes / 1e6:.1f} MB, allowed are {mb_at_most:g}; nothing was "
            "written: take another feature net, or allow more with --mb-at-most"
        )
