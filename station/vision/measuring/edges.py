"""Edges along profiles, to a fraction of a pixel: the peaks of the smoothed gradient."""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from station.vision.measuring.calipers import STEP_PX

Floats = NDArray[np.float64]

MATCHED = 1.5
"""Smoothing in units of the edge's blur b. The variance of the place goes with (b² + s²)³ / s⁵
(white noise through the second derivative of a Gaussian): least at 2.2, and at 1.5 only a fifth
more, with less reach for what lies beside the edge."""
WIDEST = 4.0
"""At most so many times the smoothing of the settings."""
OWN_SHARE = 0.2
"""A peak with less of the contrast around it belongs to another edge; so an edge may be blurred to
five times the smoothing."""
WIDENINGS = 3
PULL_PX = 0.05
"""Edges that move by less than this do not count as pulled."""

BLOCKS = 4
"""A caliper's width is taken apart into so many blocks to see how sure its edge is."""


class Edge(BaseModel):
    """Which edge along a caliper is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    polarity: Literal["dark_to_light", "light_to_dark", "any"] = Field(
        "any", description="along the direction in which the caliper is scanned"
    )
    which: Literal["first", "last", "strongest"] = Field(
        "strongest", description="of the edges with enough contrast"
    )
    contrast_at_least: float = Field(
        20.0,
        gt=0,
        le=255,
        description="grey levels across the edge, up to four times smoothing_px to both sides",
    )
    smoothing_px: float = Field(
        1.0, ge=0.3, le=20, description="sigma of the Gaussian along the caliper"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The edge of each profile, NaN where there is none."""

    at_px: Floats
    """(n,) from the profile's start."""
    blur_px2: Floats
    """(n,) variance of the edge's own blur, without the smoothing; below 0 only by noise."""

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(n,) where there is an edge."""
        return np.isfinite(self.at_px)


def find_edges(profiles: NDArray[np.float32], edge: Edge) -> Edges:
    """The wanted edge of each profile (n, along), sampled every `STEP_PX`.

    Which one is decided with the smoothing of the settings. Its place is then the peak of the
    gradient smoothed by `MATCHED` times the edges' own blur, if that is more: smoothed less, a
    blurred edge follows the noise. Where that moves the edges all one way, something beside them
    is pulling, and the narrower smoothing stays.
    """
    chosen, seen = _select(_slopes(profiles, edge.smoothing_px), edge)
    chosen, found = _locate(profiles, edge, chosen, edge.smoothing_px)
    found = Edges(at_px=np.where(seen, found.at_px, np.nan), blur_px2=found.blur_px2)
    for _ in range(WIDENINGS):
        if not found.seen.any():
            break
        blur_px = math.sqrt(max(0.0, float(np.median(found.blur_px2[found.seen]))))
        smoothing_px = min(MATCHED * blur_px, WIDEST * edge.smoothing_px)
        if smoothing_px <= edge.smoothing_px:
            break
        chosen, wider = _locate(profiles, edge, chosen, smoothing_px)
        if _is_pulled((wider.at_px - found.at_px)[found.seen]):
            break
        found = Edges(at_px=np.where(seen, wider.at_px, np.nan), blur_px2=wider.blur_px2)
    return found


def edge_of_rows(rows: NDArray[np.float32], edge: Edge) -> tuple[float, float]:
    """The edge of one caliper (across, along) and its variance in pixels²; NaN without one.

    The variance is the jackknife's over blocks of the width, so that noise and a ragged edge count,
    whatever their cause: with each block left out in turn, (b - 1) / b times the sum of squares.
    Source: B. Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", SIAM 1982, ch. 3.
    """
    at = float(find_edges(rows.mean(axis=0, keepdims=True), edge).at_px[0])
    blocks = np.array_split(rows, min(BLOCKS, len(rows)))
    if len(blocks) < 2 or not math.isfinite(at):
        return at, math.nan
    means = [
        np.concatenate([other for k, other in enumerate(blocks) if k != left_out]).mean(axis=0)
        for left_out in range(len(blocks))
    ]
    parts = find_edges(np.stack(means), edge).at_px
    spread = float(((parts - parts.mean()) ** 2).sum() * (len(blocks) - 1) / len(blocks))
    return at, spread


def _locate(
    profiles: NDArray[np.float32], edge: Edge, chosen: NDArray[np.intp], smoothing_px: float
) -> tuple[NDArray[np.intp], Edges]:
    """The peaks nearest to the chosen samples with another smoothing."""
    slope = _wanted(_slopes(profiles, smoothing_px), edge)
    chosen = _climb(slope, chosen, math.ceil(smoothing_px / STEP_PX))
    at, variance = _peaks(slope, chosen, max(1, round(smoothing_px / STEP_PX)))
    return chosen, Edges(at_px=at, blur_px2=variance - smoothing_px**2)


def _is_pulled(moved: Floats) -> bool:
    """Whether edges moved together by more than noise explains, or some were lost."""
    if not np.isfinite(moved).all():
        return True
    middle = float(np.median(moved))
    spread = 1.4826 * float(np.median(np.abs(moved - middle)))
    # the standard error of a median is 1.2533 times that of a mean
    return abs(middle) > max(PULL_PX, 3 * 1.2533 * spread / math.sqrt(len(moved)))


def _slopes(profiles: NDArray[np.float32], smoothing_px: float) -> Floats:
    """Grey levels per pixel, smoothed; positive from dark to light."""
    sigma = smoothing_px / STEP_PX
    reach = math.ceil(4 * sigma)
    x = np.arange(-reach, reach + 1)
    bell = np.exp(-0.5 * (x / sigma) ** 2)
    # normalised so that a slope of one grey level a pixel gives exactly 1
    kernel = (x * bell / (x * x * bell).sum() / STEP_PX)[None]
    slope = cv2.filter2D(
        profiles.astype(np.float64), cv2.CV_64F, kernel, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(slope, np.float64)


def _wanted(slope: Floats, edge: Edge) -> Floats:
    """Slopes, positive where the edge has the wanted polarity."""
    if edge.polarity == "any":
        return np.abs(slope)
    return -slope if edge.polarity == "light_to_dark" else slope


def _contrast(slope: Floats, smoothing_px: float) -> Floats:
    """Grey levels from one side of each sample to the other, over the distance that shows most.

    A blurred edge needs a long one, a thin line a short one; slow shading shows little over either.
    """
    level = np.cumsum(slope, axis=1) * STEP_PX
    at, last = np.arange(slope.shape[1]), slope.shape[1] - 1
    found = np.zeros(slope.shape)
    for reach in (1, 2, 4):
        apart = max(1, round(reach * smoothing_px / STEP_PX))
        across = level[:, np.minimum(at + apart, last)] - level[:, np.maximum(at - apart, 0)]
        np.maximum(found, np.abs(across), out=found)
    return found


def _select(slope: Floats, edge: Edge) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The index of the wanted peak of each profile, and whether there is one."""
    contrast = _contrast(slope, edge.smoothing_px)
    slope = _wanted(slope, edge)
    peak: NDArray[np.bool_] = np.zeros(slope.shape, np.bool_)
    inner = slope[:, 1:-1]
    peak[:, 1:-1] = (inner >= slope[:, :-2]) & (inner > slope[:, 2:])
    # what a sharp step with this slope would have: noise beside an edge shares its contrast
    own = slope * (math.sqrt(2 * math.pi) * edge.smoothing_px)
    peak &= (contrast >= edge.contrast_at_least) & (own >= OWN_SHARE * contrast)
    chosen: NDArray[np.intp]
    if edge.which == "first":
        chosen = peak.argmax(axis=1)
    elif edge.which == "last":
        chosen = peak.shape[1] - 1 - peak[:, ::-1].argmax(axis=1)
    else:
        chosen = np.where(peak, slope, -np.inf).argmax(axis=1)
    return np.asarray(chosen, np.intp), np.asarray(peak.any(axis=1))


def _climb(slope: Floats, chosen: NDArray[np.intp], steps: int) -> NDArray[np.intp]:
    """The local maximum uphill of each index, at most so many steps away."""
    rows, last = np.arange(len(slope)), slope.shape[1] - 1
    for _ in range(steps):
        below, above = np.maximum(chosen - 1, 0), np.minimum(chosen + 1, last)
        here, left, right = (slope[rows, at] for at in (chosen, below, above))
        left_is_higher = (left > here) & (left >= right)
        chosen = np.where(left_is_higher, below, np.where(right > here, above, chosen))
    return chosen


def _peaks(slope: Floats, chosen: NDArray[np.intp], apart: int) -> tuple[Floats, Floats]:
    """Place in pixels and variance in pixels² of the Gaussian through three gradients.

    Exact for a step blurred by a Gaussian. Source: R. B. Fisher, D. K. Naidu, "A comparison of
    algorithms for subpixel peak detection", Image Technology (Springer 1996) 385-404. NaN where
    the peak lies so near to an end that one of the three would lie outside, or is none.
    """
    rows, last = np.arange(len(slope)), slope.shape[1] - 1
    inside = (chosen >= apart) & (chosen + apart <= last)
    around = [slope[rows, np.clip(chosen + way * apart, 0, last)] for way in (-1, 0, 1)]
    before, top, after = (np.log(np.maximum(value, 1e-6)) for value in around)
    bend = before - 2 * top + after
    bend = np.where(inside & (bend < 0), bend, np.nan)
    at = (chosen + apart * 0.5 * (before - after) / bend) * STEP_PX
    return at, -((apart * STEP_PX) ** 2) / bend
