"""What a picture shows of its own making: light, focus, noise, whole or torn; never of the part.

Light is measured on an even grid of single pixels; everything else on strips: columns of pixels at
full resolution and full height, spread evenly over the width, because focus and noise are gone
from any smaller copy of a picture, and a torn or half-filled one shows over its rows.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image

SAMPLES_ACROSS = 64
"""About so many pixels of the shorter side are looked at for light: enough for shares of 1 %."""
STRIPS, STRIP_PX = 12, 16
LAG_PX = 4
"""An edge that takes longer than this to change is not in focus."""
DARK_GREY, SATURATED_GREY = 5, 250
_EDGE_GREY, _EDGE_NOISES = 12, 8
"""A change over `LAG_PX` is an edge from so many grey levels and times the noise."""
_EDGES_AT_LEAST = 60
"""Edge pixels of a direction below which its sharpness is chance."""
_STEP_GREY, _STEP_NOISES, _STEP_ALONE = 8, 6, 3
_TEARS_TRIED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Grey values of 0 to 255: mean, standard deviation, shares of black and white pixels."""

    mean: float
    contrast: float
    dark_share: float
    saturated_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """The longest run of equal rows.

    `share` of the height; `live_share` of the pixels in all other rows that differ from the pixel
    below them; `grey` of the run's first row, its darkest pixel.
    """

    share: float
    live_share: float
    grey: int


def light_of(image: Image) -> Light:
    """Mean and contrast (of the channel that has most) on an even grid of single pixels."""
    step = max(1, min(image.shape[:2]) // SAMPLES_ACROSS)
    size = (-(-image.shape[1] // step), -(-image.shape[0] // step))
    sample = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    means, deviations = cv2.meanStdDev(sample)
    channels: list[float] = means.ravel().tolist()
    brightest = (
        sample if sample.ndim == 2 else cv2.max(cv2.max(*cv2.split(sample)[:2]), sample[:, :, 2])
    )
    return Light(
        mean=sum(channels) / len(channels),
        contrast=max(deviations.ravel().tolist()),
        dark_share=float(np.mean(brightest <= DARK_GREY)),
        saturated_share=float(np.mean(brightest >= SATURATED_GREY)),
    )


def strips_of(image: Image) -> Image:
    """Grey (height, n * STRIP_PX): columns of full resolution side by side, spread evenly.

    A picture narrower than all strips together is taken whole.
    """
    width = image.shape[1]
    if width > STRIPS * STRIP_PX:
        lefts = [round(at * (width - STRIP_PX) / (STRIPS - 1)) for at in range(STRIPS)]
        image = np.concatenate([image[:, left : left + STRIP_PX] for left in lefts], axis=1)
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def noise_of(strips: Image) -> float:
    """Standard deviation of the noise in grey levels, from the strips.

    The mask of Immerkaer, Fast Noise Variance Estimation (1996), which no plane and no straight
    edge along an axis answers to; here with the median, so that texture in less than half of the
    picture does not count. On denoised or compressed pictures it is only a comparison.
    """
    ridge = np.array((1, -2, 1), np.float32)
    answer = cv2.convertScaleAbs(cv2.sepFilter2D(strips, cv2.CV_16S, ridge, ridge))
    counts = cv2.calcHist([answer], [0], None, [256], [0, 256]).ravel().cumsum()
    half = counts[-1] / 2
    at = int(np.searchsorted(counts, half))
    below = counts[at - 1] if at else 0.0
    within = (half - below) / (counts[at] - below)
    # the mask makes noise 6 times as large; 0.6745 is the median of |x| for a standard normal x
    return float(max(0.0, at - 0.5 + within) / (6 * 0.6745))


def sharpness_of(strips: Image, noise: float) -> float:
    """How much of an edge's change happens between two neighbouring pixels: about 0.06 to 1.

    Energy of the steepest single step within `LAG_PX` over that of the whole change, summed over
    all edges: a gradient energy (Tenengrad) normalised by the contrast and the number of edges.
    1 / LAG_PX**2 is an even ramp. The less sharp of across and down counts, so that motion in one
    direction shows; 0 where there are no edges to see focus by.
    """
    seen = [_steepness(strips, noise, axis=axis) for axis in (0, 1)]
    return min((ratio for ratio in seen if ratio is not None), default=0.0)


def repeats_of(strips: Image) -> Repeats:
    """The longest run of rows that are equal in every strip."""
    if len(strips) < 2:
        return Repeats(share=0.0, live_share=0.0, grey=0)
    is_same = strips[1:] == strips[:-1]
    equal = is_same.all(axis=1)
    first, length = _longest_run(equal)
    others = (len(equal) - length) * strips.shape[1]
    live = int(is_same.size - np.count_nonzero(is_same)) / others if others else 0.0
    return Repeats(share=length / len(strips), live_share=live, grey=int(strips[first].min()))


def tear_of(image: Image, strips: Image, noise: float) -> float:
    """The largest share of columns that jump between the same two rows, and only there: 0 to 1.

    Where two frames meet, nothing leads from one to the other; an edge of the part, which went
    through a lens, takes several rows. Rows are picked by the strips and judged at full width.
    """
    if len(strips) < 2 * _TEARS_TRIED:
        return 0.0
    jumps = np.asarray(
        cv2.reduce(cv2.absdiff(strips[1:], strips[:-1]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    ).ravel()
    alone = jumps[1:-1] - np.maximum(jumps[:-2], jumps[2:])
    rows = np.argpartition(alone, -_TEARS_TRIED)[-_TEARS_TRIED:]
    return max(_jump_share(image[row : row + 4], noise) for row in rows.tolist())


def _steepness(strips: Image, noise: float, *, axis: int) -> float | None:
    """Energy of the steepest step over that of the whole change along an axis; None: no edges."""
    many = strips.shape[axis] - LAG_PX
    if many <= 0:
        return None
    shifted = [
        strips[at : at + many] if axis == 0 else strips[:, at : at + many]
        for at in range(LAG_PX + 1)
    ]
    change = cv2.absdiff(shifted[-1], shifted[0])
    steepest = cv2.absdiff(shifted[1], shifted[0])
    for before, after in pairwise(shifted[1:]):
        steepest = cv2.max(steepest, cv2.absdiff(after, before))
    least = max(_EDGE_GREY, _EDGE_NOISES * noise)
    edges = cv2.threshold(change, least, 255, cv2.THRESH_BINARY)[1]
    if axis == 1:
        edges = cv2.bitwise_and(edges, _within_strips(*edges.shape[:2]))
    if cv2.countNonZero(edges) < _EDGES_AT_LEAST:
        return None
    whole = cv2.norm(change, cv2.NORM_L2SQR, edges)
    return cv2.norm(steepest, cv2.NORM_L2SQR, edges) / whole


@lru_cache(maxsize=8)
def _within_strips(height: int, width: int) -> Image:
    """255 where a change over `LAG_PX` stays within one strip."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, np.arange(width) % STRIP_PX < STRIP_PX - LAG_PX] = 255
    return mask


def _longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """First place and length of the longest run of true ones."""
    bounds = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    if not len(bounds):
        return 0, 0
    lengths = bounds[1::2] - bounds[::2]
    longest = int(lengths.argmax())
    return int(bounds[2 * longest]), int(lengths[longest])


def _jump_share(rows: Image, noise: float) -> float:
    """Of four rows, the share of columns whose middle step stands out from the steps beside it."""
    grey = rows if rows.ndim == 2 else rows[:, :, 1]
    above, middle, below = np.abs(np.diff(grey.astype(np.int16), axis=0))
    least = max(_STEP_GREY, _STEP_NOISES * noise)
    stands_out = middle > np.maximum(_STEP_ALONE * np.maximum(above, below), least)
    return float(np.mean(stands_out))
