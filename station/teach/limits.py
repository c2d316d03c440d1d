"""Where to accept and where to reject: the limits that cost least on held-out pictures."""

import math

import numpy as np
from numpy.typing import NDArray

from station.vision.card import Limits

ESCAPE_COST, OVERKILL_COST = 10, 3
REVIEW_COSTS = (1, 2, 4)
"""Tried in turn; above OVERKILL_COST nothing is worth a look any more."""
MOST_REVIEWED = 0.1
RULE = (
    "accept_limit and reject_limit are those that cost least on the held-out pictures, where a bad "
    f"part passed counts {ESCAPE_COST}, a good part rejected {OVERKILL_COST}, and a part between "
    f"the limits, which a person looks at, 1 (or more, until no more than "
    f"{MOST_REVIEWED:.0%} lie between them)"
)
SORTING_RULE = (
    "there was no class of good parts to learn from: the score is always 1, so that nothing passes"
)
SORTING_LIMITS = Limits(accept_limit=0.0, reject_limit=1.0)
TINY = 1e-12


def choose_limits(scores: NDArray[np.float64], is_bad: NDArray[np.bool_]) -> Limits:
    """The limits of least cost that leave few enough to look at; see `RULE`.

    Args:
        scores: held-out 1 - P(good), (pictures,).
        is_bad: the truth of each, (pictures,).
    """
    for review_cost in REVIEW_COSTS:
        limits = _cheapest(scores, is_bad, review_cost)
        between = (scores > limits.accept_limit) & (scores < limits.reject_limit)
        if between.mean() <= MOST_REVIEWED:
            break
    return limits


def _cheapest(scores: NDArray[np.float64], is_bad: NDArray[np.bool_], review_cost: float) -> Limits:
    """The limits of least cost at this cost of a look.

    Where no picture lies between the two, they stand at a third and two thirds of the gap (in
    log-odds): in the middle of it nothing was ever seen, so a person should look.
    """
    order = np.argsort(scores, kind="stable")
    sorted_scores, bad = scores[order], is_bad[order]
    starts = np.flatnonzero(np.concatenate(([True], np.diff(sorted_scores) > 0, [True])))
    bad_below = np.concatenate(([0], np.cumsum(bad)))[starts]
    good_above = (~bad).sum() - np.concatenate(([0], np.cumsum(~bad)))[starts]
    accept_cost = ESCAPE_COST * bad_below - review_cost * starts
    reject_cost = OVERKILL_COST * good_above + review_cost * starts
    best_after = np.minimum.accumulate(reject_cost[::-1])[::-1]
    accept = int(np.argmin(accept_cost + best_after))
    reject = accept + int(np.argmin(reject_cost[accept:]))
    steps = np.concatenate(([0.0], sorted_scores[starts[:-1]], [1.0]))
    same_gap = accept == reject
    return Limits(
        accept_limit=_within(steps[accept], steps[accept + 1], 1 / 3 if same_gap else 1 / 2),
        reject_limit=_within(steps[reject], steps[reject + 1], 2 / 3 if same_gap else 1 / 2),
    )


def _within(low: float, high: float, share: float) -> float:
    """A score between two, by log-odds, with six digits."""
    odds = [math.log(max(x, TINY) / max(1 - x, TINY)) for x in (low, high)]
    between = odds[0] + share * (odds[1] - odds[0])
    return float(f"{1 / (1 + math.exp(-between)):.6g}")
