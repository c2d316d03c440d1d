"""The limit from good parts alone: an asked-for share of them may be rejected, no more."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Scores = NDArray[np.float64]

EXPECTED_ABOVE = 5
"""From so many expected above the limit on, it is read off the scores themselves."""
TAIL_FROM = 50
TAIL_SHARE = 0.2
STEEPEST_TAIL = 0.5
ROUNDS = 200
EULER = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class GoodLimit:
    """A limit, how it was found, and between what it may lie with 95 % confidence."""

    limit: float
    low: float
    high: float
    method: str
    scores: int
    above: int
    """How many of the held-out scores lie above it."""


def limit_from_good(scores: Scores, rate: float, rng: np.random.Generator) -> GoodLimit:
    """The score that a share `rate` of good parts exceeds, from held-out scores of good parts.

    Never the largest score seen: that would reject about one good part in as many as were seen.
    With enough scores a quantile; from fifty on a generalised Pareto tail (Pickands 1975, fitted by
    probability-weighted moments, Hosking and Wallis 1987); below that a Gumbel distribution by
    L-moments. The interval is of order statistics for a quantile, else of a parametric bootstrap.
    """
    count = len(scores)
    if rate * count >= EXPECTED_ABOVE:
        return _by_quantile(scores, rate)
    if count >= TAIL_FROM:
        return _by_model(scores, rate, rng, "Pareto tail", _pareto_quantile, _pareto_sample)
    return _by_model(scores, rate, rng, "Gumbel", _gumbel_quantile, _gumbel_sample)


def _by_quantile(scores: Scores, rate: float) -> GoodLimit:
    ordered = np.sort(scores)
    count = len(ordered)
    limit = float(np.quantile(ordered, 1 - rate))
    low, high = stats.binom.interval(0.95, count, 1 - rate)
    return GoodLimit(
        limit,
        float(ordered[max(0, int(low) - 1)]),
        float(ordered[min(count - 1, int(high))]),
        "quantile",
        count,
        int((scores > limit).sum()),
    )


def _by_model(
    scores: Scores,
    rate: float,
    rng: np.random.Generator,
    method: str,
    quantile: Callable[[Scores, float], float],
    sample: Callable[[Scores, np.random.Generator], Scores],
) -> GoodLimit:
    limit = quantile(scores, rate)
    again = [quantile(sample(scores, rng), rate) for _ in range(ROUNDS)]
    low, high = np.quantile(again, [0.025, 0.975])
    above = int((scores > limit).sum())
    return GoodLimit(limit, float(low), float(high), method, len(scores), above)


def fit_gumbel(scores: Scores) -> tuple[float, float]:
    """Location and scale of a Gumbel distribution by L-moments (Hosking 1990)."""
    ordered = np.sort(scores)
    count = len(ordered)
    weights = np.arange(count) / max(1, count - 1)
    second = 2 * float((weights * ordered).mean()) - float(ordered.mean())
    scale = max(second / np.log(2), 1e-9)
    return float(ordered.mean()) - EULER * scale, scale


def _gumbel_quantile(scores: Scores, rate: float) -> float:
    location, scale = fit_gumbel(scores)
    return float(location - scale * np.log(-np.log1p(-rate)))


def _gumbel_sample(scores: Scores, rng: np.random.Generator) -> Scores:
    location, scale = fit_gumbel(scores)
    return rng.gumbel(location, scale, len(scores))


def _tail(scores: Scores) -> tuple[float, float, float, float]:
    """Threshold, shape, scale, and the share of scores above the threshold."""
    ordered = np.sort(scores)
    count = max(10, round(TAIL_SHARE * len(ordered)))
    threshold = float(ordered[-count - 1])
    excess = ordered[-count:] - threshold
    mean = float(excess.mean()) + 1e-12
    ranks = (np.arange(count) + 0.65) / count
    weighted = float(((1 - ranks) * excess).mean())
    shape = 2 - mean / (mean - 2 * weighted) if mean > 2 * weighted else 0.0
    shape = float(np.clip(shape, -STEEPEST_TAIL, STEEPEST_TAIL))
    return threshold, shape, mean * (1 - shape), count / len(ordered)


def _pareto_quantile(scores: Scores, rate: float) -> float:
    threshold, shape, scale, share = _tail(scores)
    ratio = share / rate
    if abs(shape) < 1e-6:
        return float(threshold + scale * np.log(ratio))
    return float(threshold + scale / shape * (ratio**shape - 1))


def _pareto_sample(scores: Scores, rng: np.random.Generator) -> Scores:
    threshold, shape, scale, share = _tail(scores)
    drawn = rng.choice(scores[scores <= threshold], len(scores))
    is_tail = rng.random(len(scores)) < share
    excess = stats.genpareto.rvs(shape, scale=scale, size=int(is_tail.sum()), random_state=rng)
    drawn[is_tail] = threshold + excess
    return drawn
