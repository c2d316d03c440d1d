"""Curves over all limits: what is found against what is falsely found, and how pure it is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from station.quality.pixels import FPR_LIMIT, PixelFigures
from station.quality.qualification import Part

Points = tuple[tuple[float, float], ...]
MOST_POINTS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line in a unit square, and what its axes are; the template only draws it."""

    title: str
    note: str
    across: str
    up: str
    points: Points
    """(x, y), both 0 to 1."""
    across_to: float = 1.0
    """What the right edge stands for."""
    marks: tuple[tuple[float, float, str], ...] = ()
    """(x, y, label): where the limits of the recipe are."""
    has_diagonal: bool = False
    """A dashed line for a score that knows nothing."""


def acceptance_curves(
    parts: Sequence[Part], area: float, pixels: PixelFigures | None
) -> Iterator[Curve]:
    """ROC with the limits marked, precision over recall, and overlap where masks were.

    Args:
        parts: every part of the test.
        area: its AUROC.
        pixels: its figures over pixels.
    """
    good, bad = (_scores(parts, is_good=is_good) for is_good in (True, False))
    if good and bad:
        yield Curve(
            title="ROC",
            note=f"AUROC {area:.4f}; dashed: a score that knows nothing.",
            across="good parts rejected",
            up="bad parts rejected",
            points=roc_points(good, bad),
            marks=tuple(_marks(parts)),
            has_diagonal=True,
        )
        yield Curve(
            title="Precision and recall",
            note=f"Average precision {average_precision(good, bad):.4f}.",
            across="bad parts rejected",
            up="bad ones among the rejected",
            points=precision_recall_points(good, bad),
        )
    if pixels is not None:
        yield Curve(
            title="Overlap of marked regions",
            note=f"AUPRO {pixels.aupro:.4f} up to 30 % false pixels.",
            across="good pixels called bad",
            up="mean overlap of a region",
            points=tuple((x / FPR_LIMIT, y) for x, y in pixels.overlap_curve),
            across_to=FPR_LIMIT,
        )


def roc_points(good: ArrayLike, bad: ArrayLike) -> Points:
    """(share of good parts rejected, share of bad parts rejected), from no limit to any.

    A part is rejected from the limit on. Empty where there are no good or no bad scores.
    """
    rejected_good, rejected_bad = _rejected(good, bad)
    if not rejected_good.size:
        return ()
    return thinned(rejected_good / rejected_good[-1], rejected_bad / rejected_bad[-1])


def precision_recall_points(good: ArrayLike, bad: ArrayLike) -> Points:
    """(share of bad parts rejected, share of bad parts among the rejected), from high limits on."""
    rejected_good, rejected_bad = _rejected(good, bad)
    if not rejected_good.size:
        return ()
    rejected_good, rejected_bad = rejected_good[1:], rejected_bad[1:]
    purity = rejected_bad / (rejected_good + rejected_bad)
    recall = rejected_bad / rejected_bad[-1]
    return thinned(np.append(0.0, recall), np.append(purity[0], purity))


def average_precision(good: ArrayLike, bad: ArrayLike) -> float:
    """The mean purity over recall: the sum of (R_n - R_n-1) P_n; NaN without good or bad scores.

    Not interpolated, the same as scikit-learn's `average_precision_score`.
    """
    rejected_good, rejected_bad = _rejected(good, bad)
    if not rejected_good.size:
        return float("nan")
    gained = np.diff(rejected_bad) / rejected_bad[-1]
    purity = rejected_bad[1:] / (rejected_good + rejected_bad)[1:]
    return float((gained * purity).sum())


def thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """The corners of a line, at most some hundred of them."""
    bends = np.ones(len(x), np.bool_)
    if len(x) > 2:
        before, after = np.diff(x)[:-1] * np.diff(y)[1:], np.diff(x)[1:] * np.diff(y)[:-1]
        bends[1:-1] = ~np.isclose(before, after, atol=1e-12)
    places = np.flatnonzero(bends)
    if len(places) > MOST_POINTS:
        places = places[np.linspace(0, len(places) - 1, MOST_POINTS).round().astype(np.intp)]
    return tuple((round(float(x[i]), 6), round(float(y[i]), 6)) for i in places)


def _rejected(good: ArrayLike, bad: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many good and bad parts are rejected with ever lower limits, beginning with none."""
    low, high = np.asarray(good, np.float64), np.asarray(bad, np.float64)
    if not low.size or not high.size:
        return np.empty(0), np.empty(0)
    limits = np.unique(np.concatenate([low, high]))[::-1]

    def above(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        counts = len(scores) - np.searchsorted(np.sort(scores), limits, "left")
        return np.append(0.0, counts.astype(np.float64))

    return above(low), above(high)


def _scores(parts: Iterable[Part], *, is_good: bool) -> list[float]:
    return [
        part.score
        for part in parts
        if part.is_decided and part.is_good is is_good and part.score is not None
    ]


def _marks(parts: Sequence[Part]) -> Iterator[tuple[float, float, str]]:
    """Where the recipe's limits are: not passed at the accept limit, rejected at the other."""

    def share(is_good: bool, decisions: Sequence[str]) -> float:
        those = [part for part in parts if part.is_decided and part.is_good is is_good]
        return sum(part.decision in decisions for part in those) / max(1, len(those))

    held, rejected = ("not_ok", "not_decidable"), ("not_ok",)
    if any(part.decision == "not_decidable" for part in parts):
        yield share(True, held), share(False, held), "accept limit"
        yield share(True, rejected), share(False, rejected), "reject limit"
    else:
        yield share(True, rejected), share(False, rejected), "this recipe"
