"""How good a way of looking is: on held-out good samples, drawn defects, and marked ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from station.teach.anomaly.held_out import HALVES, HeldOut
from station.teach.anomaly.sight import Sight
from station.teach.anomaly.way import SUMMARIES, Summary

HEAD_WEIGHTS = (1.0, 0.5, 2.0, 4.0)
MARKED_WEIGHTS = (3.0, 1.0)
"""Tried in this order, the second with marked defects, whose head can be trusted more; a later one
must be better by MARGIN."""
MARGIN = 0.005
NO_HEAD_MARGIN = 0.03
"""What the memory alone must be better by: half heads of few samples are judged too harshly."""
PATCHES_EACH = 40


@dataclass(frozen=True, slots=True)
class Merit:
    """Areas under the ROC curve, 0.5 is chance and 1 is perfect."""

    pictures: float
    """Good samples against samples with drawn defects."""
    patches: float
    """Good patches against defective ones."""
    marked: float | None
    """Good samples against marked pictures; None without any."""

    @property
    def total(self) -> float:
        """What ways are compared by: the mean of what is known."""
        known = [self.pictures, self.patches, *([] if self.marked is None else [self.marked] * 2)]
        return float(np.mean(known))


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to sum up what was held out, and how good it is."""

    head_weight: float
    summary: Summary
    merit: Merit


def best_reading(sight: Sight, held: HeldOut) -> Reading:
    """The head's weight and the summary that part good from bad best."""
    chosen: Reading | None = None
    weights = (HEAD_WEIGHTS if sight.drawn else ()) if not sight.marked else MARKED_WEIGHTS
    for weight in (*weights, 0.0):
        patches = _patch_merit(sight, held, weight)
        for summary in SUMMARIES:
            found = Reading(weight, summary, _merit(sight, held, weight, summary, patches))
            margin = (
                MARGIN if weight or chosen is None or not chosen.head_weight else NO_HEAD_MARGIN
            )
            if chosen is None or found.merit.total > chosen.merit.total + margin:
                chosen = found
    if chosen is None:
        raise ValueError("there is always a weight to try")
    return chosen


def _merit(sight: Sight, held: HeldOut, weight: float, summary: Summary, patches: float) -> Merit:
    good = held.good_scores(sight, weight, summary)
    drawn = held.drawn_scores(sight, weight, summary)
    sources = np.array([bad.source for bad in sight.drawn], np.intp)
    marked = None
    if sight.marked:
        of_marked = np.array([bad.source for bad in sight.marked], np.intp)
        marked = _area(good, held.marked_scores(sight, weight, summary), of_marked)
    return Merit(_area(good, drawn, sources), patches, marked)


def _area(good: NDArray[np.float64], bad: NDArray[np.float64], sources: NDArray[np.intp]) -> float:
    """The mean of the halves, because each half is judged by a head of its own."""
    areas = []
    for half in range(HALVES):
        own, others = good[half::HALVES], bad[sources % HALVES == half]
        if len(own) and len(others):
            areas.append(_under_roc(own, others))
    return float(np.mean(areas)) if areas else 0.5


def _patch_merit(sight: Sight, held: HeldOut, weight: float) -> float:
    rng = np.random.default_rng(0)
    bad, sources = [], []
    for index, drawn in enumerate(sight.drawn):
        heat = held.heat(held.drawn_distances[index], held.drawn_odds[index], weight)
        rows = rng.permutation(np.flatnonzero(drawn.is_defective))[:PATCHES_EACH]
        bad.append(heat[rows])
        sources.append(np.full(len(rows), drawn.source))
    if not bad:
        return 0.5
    good = []
    for distances, odds in zip(held.good_distances, held.good_odds, strict=True):
        rows = rng.permutation(len(distances))[:PATCHES_EACH]
        good.append(held.heat(distances[rows], odds[rows], weight))
    return float(
        np.mean(
            [
                _area_of(good[half::HALVES], _of_half(bad, sources, half))
                for half in range(HALVES)
                if good[half::HALVES]
            ]
        )
    )


def _of_half(
    bad: list[NDArray[np.float32]], sources: list[NDArray[np.intp]], half: int
) -> list[NDArray[np.float32]]:
    return [
        heat for heat, own in zip(bad, sources, strict=True) if len(own) and own[0] % HALVES == half
    ]


def _area_of(good: list[NDArray[np.float32]], bad: list[NDArray[np.float32]]) -> float:
    if not good or not bad:
        return 0.5
    return _under_roc(np.concatenate(good), np.concatenate(bad))


def _under_roc(good: NDArray[np.floating], bad: NDArray[np.floating]) -> float:
    truth = np.concatenate((np.zeros(len(good)), np.ones(len(bad))))
    return float(roc_auc_score(truth, np.concatenate((good, bad))))
