"""Rates with honest intervals, percentiles, and how well a score tells good from bad."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`count` of `total`, and the interval the true share lies in."""

    count: int
    total: int
    lower: float
    upper: float
    confidence: float = 0.95

    @property
    def share(self) -> float:
        """count / total; NaN where there is nothing to count in."""
        return self.count / self.total if self.total else math.nan

    @property
    def in_words(self) -> str:
        """As in "2 of 300 = 0.67 %; with 95 % confidence between 0.08 % and 2.39 %"."""
        if not self.total:
            return "nothing to count"
        sure = f"{self.confidence * 100:g} % confidence"
        head = f"{self.count} of {self.total} = {percent(self.share)}"
        if self.count == 0:
            return f"{head}; with {sure} at most {percent(self.upper)}"
        if self.count == self.total:
            return f"{head}; with {sure} at least {percent(self.lower)}"
        return f"{head}; with {sure} between {percent(self.lower)} and {percent(self.upper)}"


def rate(count: int, total: int, confidence: float = 0.95) -> Rate:
    """A rate with its exact interval; see `clopper_pearson`."""
    lower, upper = clopper_pearson(count, total, confidence)
    return Rate(count=count, total=total, lower=lower, upper=upper, confidence=confidence)


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of a share, k of n; (0, 1) where n is 0.

    Beta quantiles: lower B(a/2; k, n-k+1), upper B(1-a/2; k+1, n-k), a = 1 - confidence.
    Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in
    the case of the binomial", Biometrika 26 (1934) 404-413.

    Raises:
        ValueError: k is not within 0..n, or the confidence not within 0..1.
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, got {confidence}")
    from scipy.special import betaincinv  # half a second, and only a report needs it

    tail = (1 - confidence) / 2
    lower = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    upper = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return lower, upper


def upper_bound(k: int, n: int, confidence: float = 0.95) -> float:
    """The share the true one stays below with this confidence, k of n seen; 1 where n is 0.

    One-sided Clopper-Pearson, B(confidence; k+1, n-k): all of the doubt is on the one side a
    promise is about. 0 of 80 gives 3.68 %, 0 of 299 less than 1 %.

    Raises:
        ValueError: k is not within 0..n, or the confidence not within 0..1.
    """
    return clopper_pearson(k, n, 2 * confidence - 1)[1] if n else 1.0


def parts_needed(share: float, misses: int = 0, confidence: float = 0.95) -> int:
    """The fewest parts that prove a rate is at most `share`, with so many misses among them.

    Raises:
        ValueError: the share is not within 0..1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a rate to be proven lies between 0 and 1, got {share}")
    low, high = misses, misses + 1
    while upper_bound(misses, high, confidence) > share:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if upper_bound(misses, middle, confidence) <= share else (middle, high)
        )
    return high


def misses_allowed(share: float, n: int, confidence: float = 0.95) -> int:
    """The most misses among n parts that still prove a rate of at most `share`; -1 if none do."""
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if upper_bound(middle, n, confidence) <= share else (low, middle)
    return low


def percentile(values: ArrayLike, share: float) -> float:
    """The value below which `share` (0-1) of the values lie, interpolated; NaN without values.

    Source: R. J. Hyndman, Y. Fan, "Sample quantiles in statistical packages", The American
    Statistician 50 (1996) 361-365, definition 7.
    """
    array = np.asarray(values, np.float64)
    return float(np.quantile(array, share)) if array.size else math.nan


def auroc(good: ArrayLike, bad: ArrayLike) -> float:
    """The chance that a bad part scores above a good one, ties counting half; NaN if one is empty.

    The rank statistic U / (n m): J. A. Hanley, B. J. McNeil, "The meaning and use of the area
    under a receiver operating characteristic (ROC) curve", Radiology 143 (1982) 29-36.
    """
    low, high = np.asarray(good, np.float64), np.asarray(bad, np.float64)
    if not low.size or not high.size:
        return math.nan
    ranks = _mean_ranks(np.concatenate([low, high]))
    u = ranks[low.size :].sum() - high.size * (high.size + 1) / 2
    return float(u / (low.size * high.size))


def confusion(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How often each (truth, decision) came about."""
    return dict(Counter(pairs))


def histogram(
    values: Sequence[float] | NDArray[np.float64], *, low: float, high: float, bins: int
) -> list[int]:
    """Counts in `bins` equal steps from `low` to `high`; what lies outside is in the end ones."""
    clipped = np.clip(np.asarray(values, np.float64), low, high)
    return [int(count) for count in np.histogram(clipped, bins=bins, range=(low, high))[0]]


def percent(share: float) -> str:
    """A share as a percentage with three figures, as in 0.67 %, 12.3 % or 100 %."""
    value = share * 100
    if not math.isfinite(value):
        return "-"
    if value in (0.0, 100.0):
        return f"{value:.0f} %"
    decimals = 2 if value < 10 else 1
    text = f"{value:.{decimals}f}"
    if float(text) == 100:  # a part is missing, however small
        return f"{math.floor(value * 100) / 100:.2f} %"
    return f"{text} %"


def percent_up(share: float) -> str:
    """A bound as a percentage with two figures, rounded up so that it stays true: 3.68 % is 3.7."""
    value = share * 100
    if not 0 < value < 100:
        return percent(share)
    decimals = max(0, 1 - math.floor(math.log10(value)))
    while decimals < 2 and _rounded_up(value, decimals) >= 100:  # less than all must not read 100
        decimals += 1
    return f"{min(100.0, _rounded_up(value, decimals)):.{decimals}f} %"


def _rounded_up(value: float, decimals: int) -> float:
    scale = 10.0**decimals
    return math.ceil(round(value * scale, 6)) / scale


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: NDArray[np.float64] = (last - (counts - 1) / 2)[place]
    return mean
