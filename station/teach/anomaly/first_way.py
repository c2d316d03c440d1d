"""Where a search begins: the input's size by the pictures' size, and tiles where they are large."""

import math
from collections.abc import Sequence

import numpy as np

from station.teach.anomaly.way import Way
from station.teach.features import FeatureNet
from station.teach.look import GRID_PX
from station.vision.card import Tiling
from station.vision.geometry import Fit

EDGES_PX = (224, 320, 448, 640)
"""Edges of the square whose area the input has."""
STRETCHED_UP_TO = 8.0
"""Pictures whose shapes differ by no more than this are stretched to the input: patches bear a
stretch better than the bars and the smaller scale of a letterbox."""
MOST_REDUCED = 2.5
"""A 2 px scratch keeps most of its contrast when a picture shrinks by no more than this."""
TILE_PX, TILE_REDUCED, OVERLAP = 320, 1.6, 0.15


def first_way(
    features: str,
    net: FeatureNet,
    sizes: Sequence[tuple[int, int]],
    *,
    size_px: int | None = None,
    fit: Fit | None = None,
) -> Way:
    """The way a search starts from, and the one that is used without a search.

    The smallest input that shrinks the pictures by no more than 2.5; where even the largest would
    shrink them more, tiles at 1.6.
    """
    width, height = (float(np.median(side)) for side in zip(*sizes, strict=True))
    way = Way(features=features, strides=(8, 16), width=TILE_PX, height=TILE_PX, place_weight=1.0)
    if not net.is_free_in_size:
        size = {"width": net.card.input.width, "height": net.card.input.height}
        return way.model_copy(update={**size, "fit": fit or _fit_of(sizes)})
    edges = [size_px] if size_px else EDGES_PX
    for edge in edges:
        if size_px or math.sqrt(width * height) / edge <= MOST_REDUCED:
            aspect = math.sqrt(width / height)
            size = {"width": _on_grid(edge * aspect), "height": _on_grid(edge / aspect)}
            return way.model_copy(update={**size, "fit": fit or _fit_of(sizes)})
    tiling = Tiling(size_px=round(TILE_PX * TILE_REDUCED), overlap=OVERLAP)
    return way.model_copy(update={"tiling": tiling, "place_weight": 0.0})


def _fit_of(sizes: Sequence[tuple[int, int]]) -> Fit:
    aspects = [width / height for width, height in sizes]
    return "stretch" if max(aspects) / min(aspects) <= STRETCHED_UP_TO else "letterbox"


def _on_grid(length: float) -> int:
    return max(GRID_PX, round(length / GRID_PX) * GRID_PX)
