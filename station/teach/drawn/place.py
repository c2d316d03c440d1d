"""Where on a picture a defect may lie: on the part rather than on an empty background."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.teach.drawn.spot import Pixels

GRID = 24
"""Places along the longer side."""
BACKGROUND_SHARE = 0.12
"""Weight of a place that looks like empty background, against 1 for the part."""
ROUGH = 4.0
"""Grey levels of variation within a cell that a background does not have."""
LEAST_PART = 0.05


@dataclass(frozen=True, slots=True)
class Places:
    """How likely a defect lies in each cell of a coarse grid, (rows, columns), sum 1."""

    weights: NDArray[np.float64]

    def draw(self, rng: np.random.Generator, width: int, height: int) -> tuple[int, int]:
        """A place (x, y) on a picture of this size."""
        rows, columns = self.weights.shape
        cell = int(rng.choice(self.weights.size, p=self.weights.ravel()))
        row, column = divmod(cell, columns)
        x = (column + rng.random()) * width / columns
        y = (row + rng.random()) * height / rows
        return min(width - 1, int(x)), min(height - 1, int(y))


def find_places(*images: Image) -> Places:
    """Places on the part, from one good picture or from several of one product.

    Background is what is connected to the border over smooth cells. A picture that is all surface
    is used everywhere alike.
    """
    likely = np.mean([_resized(_likely(image)) for image in images], axis=0)
    return Places(likely / likely.sum())


def _resized(likely: NDArray[np.float64]) -> NDArray[np.float64]:
    # pictures of one product may differ in size
    return np.asarray(cv2.resize(likely, (GRID, GRID), interpolation=cv2.INTER_AREA))


def _likely(image: Image) -> NDArray[np.float64]:
    height, width = image.shape[:2]
    longer = max(height, width)
    step = max(1, longer // (8 * GRID))
    # every n-th pixel is enough to tell a part from a background, and costs nothing at 5 MP
    grey = image[::step, ::step].astype(np.float32)
    grey = grey.mean(axis=2) if grey.ndim == 3 else grey
    rows, columns = (max(2, round(GRID * side / longer)) for side in (height, width))
    mean = _cells(grey, rows, columns)
    spread = np.sqrt(np.maximum(0, _cells(grey * grey, rows, columns) - mean**2))
    border = np.concatenate((spread[0], spread[-1], spread[:, 0], spread[:, -1]))
    is_smooth = spread < ROUGH + 1.5 * float(np.median(border))
    _, label = cv2.connectedComponents(is_smooth.astype(np.uint8), connectivity=4)
    outer = np.concatenate((label[0], label[-1], label[:, 0], label[:, -1]))
    is_part = ~np.isin(label, outer[outer > 0])
    if float(_without_thin(is_part).mean()) < LEAST_PART:
        return np.ones(mean.shape)
    return np.where(is_part, 1.0, BACKGROUND_SHARE)


def _without_thin(is_part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # an area is a part; thin rows of rough cells are edges on a picture that is all surface
    opened = cv2.morphologyEx(is_part.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(opened > 0)


def is_even(window: Pixels) -> bool:
    """Whether a place is one even texture, so that a piece moved within it cannot be seen."""
    grey = np.ascontiguousarray(window.mean(axis=2))
    mean = _cells(grey, 4, 4)
    spread = np.sqrt(np.maximum(0, _cells(grey * grey, 4, 4) - mean**2))
    typical = float(spread.mean()) + 2.0
    return float(mean.std()) < 0.35 * typical and float(spread.std()) < 0.35 * typical


def _cells(grey: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float64]:
    cells = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float64)
