"""Temperature and limits of a model, chosen on pictures it did not learn from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

_OVERKILL_WANTED = 0.012


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Limits on 1 - P(ok), and what they gave on the held-out pictures."""

    accept_limit: float
    reject_limit: float
    highest_good_score: float
    lowest_bad_score: float
    escapes: int
    overkills: int
    wrong_reasons: int


def temperature_of(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature with the smallest negative log-likelihood (Guo et al. 2017), 1 to 5.

    Never below 1: where the pictures are told apart without a fault, nothing proves more certainty.
    """

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scaled).sum(axis=1))
        return float((log_sum - scaled[np.arange(len(labels)), labels]).mean())

    best = minimize_scalar(loss, bounds=(0.0, np.log(5.0)), method="bounded")
    return float(np.exp(best.x))


def choose(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, accept_at_most: float = 1.0
) -> Chosen:
    """Limits with room to both sides.

    The accept limit is the score that all but 1.2 % of the good parts stay below, at least 0.05,
    and never more than a third of the way, in log-odds, from there to the lowest score of a bad
    part: an escape is worse than a second look.
    The reject limit is even odds, or the accept limit where that is higher.
    """
    score = 1.0 - probabilities[:, 0].astype(np.float64)
    good, bad = score[labels == 0], score[labels != 0]
    low, high = np.quantile(good, 1 - _OVERKILL_WANTED), bad.min()
    accept = float(np.round(_odds_to_score((2 * _log_odds(low) + _log_odds(high)) / 3), 3))
    accept = min(max(accept, 0.005), 0.5, max(float(np.round(low, 3)), 0.05), accept_at_most)
    likely = 1 + probabilities[:, 1:].argmax(axis=1)
    return Chosen(
        accept_limit=accept,
        reject_limit=max(0.5, accept),
        highest_good_score=float(good.max()),
        lowest_bad_score=float(bad.min()),
        escapes=int((bad <= accept).sum()),
        overkills=int((good > accept).sum()),
        wrong_reasons=int((likely != labels)[labels != 0].sum()),
    )


def _log_odds(score: float) -> float:
    safe = min(max(float(score), 1e-6), 1 - 1e-6)
    return float(np.log(safe / (1 - safe)))


def _odds_to_score(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))
