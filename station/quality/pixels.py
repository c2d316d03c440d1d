"""How well score maps find what masks mark: areas under curves over millions of pixels."""

import threading
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import ModelOutputError

STEP_BITS = 22
STEPS = 1 << STEP_BITS
FPR_LIMIT = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFigures:
    """What score maps are worth against masks."""

    pictures: int
    """Good pictures, all of whose pixels are good, and bad ones with a mask."""
    masks: int
    regions: int
    auroc: float
    """The chance that a marked pixel scores above a good one; NaN without both."""
    aupro: float
    """Mean overlap of regions up to a false-positive rate of 0.3; see `PixelTally`."""
    overlap_curve: tuple[tuple[float, float], ...]
    """(false-positive rate, mean overlap), at most some hundred points up to a rate of 0.3."""


class PixelTally:
    """Counts of pixel scores in fixed steps: memory does not grow with the pictures.

    A step is one value of the upper 22 bits of a float32, which is 1/8192 of the score or finer:
    scores in one step count as equal. Pixel AUROC follows from the counts of good and marked
    pixels; ties count half.

    AUPRO is the area under the curve of the mean per-region overlap (the share of each connected
    marked region, 8-connected, that scores at or above a limit, every region weighing the same)
    over the share of all good pixels that do, integrated by trapezoids from 0 to a false-positive
    rate of 0.3 and divided by 0.3. Source: P. Bergmann, K. Batzner, M. Fauser, D. Sattlegger,
    C. Steger, "The MVTec Anomaly Detection Dataset", International Journal of Computer Vision 129
    (2021) 1038-1059, section 5.2.
    """

    def __init__(self) -> None:
        self._good = np.zeros(STEPS, np.int64)
        self._marked = np.zeros(STEPS, np.int64)
        self._overlap = np.zeros(STEPS, np.float64)
        self._pictures = self._masks = self._regions = 0
        self._lock = threading.Lock()

    def add(self, heat: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> None:
        """Count one picture: its score map, and what is marked in it; no mask means nothing is.

        Args:
            heat: (height, width), higher is worse.
            mask: (height, width), true where the defect is.

        Raises:
            ModelOutputError: a score is NaN or infinite.
            ValueError: map and mask differ in shape.
        """
        steps = _steps(heat)
        if mask is None:
            mask = np.zeros(steps.shape, np.bool_)
        if mask.shape != steps.shape:
            raise ValueError(f"a score map of {steps.shape} for a mask of {mask.shape}")
        count, regions = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        areas = np.bincount(regions.ravel(), minlength=count)
        with self._lock:
            np.add.at(self._good, steps[~mask], 1)
            np.add.at(self._marked, steps[mask], 1)
            np.add.at(self._overlap, steps[mask], 1 / areas[regions[mask]])
            self._pictures += 1
            self._masks += bool(count > 1)
            self._regions += count - 1

    def figures(self) -> PixelFigures | None:
        """What was counted, in figures; None where no pixel was marked or none was good."""
        good, marked = int(self._good.sum()), int(self._marked.sum())
        if not good or not marked:
            return None
        used = np.flatnonzero(self._good + self._marked)
        false_rate, overlap = _curve(self._good[used], self._overlap[used], self._regions)
        return PixelFigures(
            pictures=self._pictures,
            masks=self._masks,
            regions=self._regions,
            auroc=_auroc(self._good[used], self._marked[used]),
            aupro=_area_up_to(false_rate, overlap, FPR_LIMIT),
            overlap_curve=_thinned(false_rate, overlap),
        )


def _steps(heat: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The number of the step each score falls into; a higher score never in a lower step."""
    if not np.isfinite(heat).all():
        raise ModelOutputError("a score map holds NaN or infinity, so it proves nothing")
    bits = (np.asarray(heat, np.float32) + np.float32(0)).view(np.uint32)  # + 0 makes -0 a 0
    sign = np.uint32(1 << 31)
    rising = np.where(bits & sign, ~bits, bits | sign)
    return np.asarray(rising >> np.uint32(32 - STEP_BITS), np.uint32)


def _auroc(good: NDArray[np.int64], marked: NDArray[np.int64]) -> float:
    below = np.cumsum(good) - good
    wins = (marked * (below + good / 2)).sum(dtype=np.float64)
    return float(wins / (float(good.sum()) * float(marked.sum())))


def _curve(
    good: NDArray[np.int64], overlap: NDArray[np.float64], regions: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False-positive rate and mean overlap for falling limits, both beginning at 0."""
    false_rate = np.cumsum(good[::-1]) / good.sum()
    found = np.cumsum(overlap[::-1]) / regions
    return np.concatenate([[0.0], false_rate]), np.concatenate([[0.0], found])


def _area_up_to(x: NDArray[np.float64], y: NDArray[np.float64], limit: float) -> float:
    """The area under straight lines through the points, from 0 to `limit`, divided by `limit`."""
    inside = x < limit
    across = np.append(x[inside], limit)
    height = np.append(y[inside], np.interp(limit, x, y))
    return float(np.trapezoid(height, across) / limit)


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    inside = np.flatnonzero(x <= FPR_LIMIT)
    wanted = np.linspace(0, FPR_LIMIT, 121)
    places = np.union1d(np.searchsorted(x[inside], wanted, "right") - 1, inside[:1])
    return tuple((round(float(x[i]), 6), round(float(y[i]), 6)) for i in inside[places])
