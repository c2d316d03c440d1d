"""The limit from good parts alone, against distributions whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from station.teach.anomaly.limits import GoodLimit, limit_from_good

RATE = 0.005
KNOWN = {"normal": stats.norm(), "exponential": stats.expon(), "gumbel": stats.gumbel_r()}
Found = Callable[[str, int, int], list[GoodLimit]]


def found(name: str, count: int, times: int, rate: float = RATE) -> list[GoodLimit]:
    """Limits of so many samples of so many scores each."""
    rng = np.random.default_rng(1)
    return [
        limit_from_good(KNOWN[name].rvs(count, random_state=rng), rate, rng) for _ in range(times)
    ]


def rates(name: str, limits: list[GoodLimit]) -> NDArray[np.float64]:
    """The true share of good parts above each limit."""
    return np.array([KNOWN[name].sf(limit.limit) for limit in limits])


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("count", "method"), [(2000, "quantile"), (200, "Pareto tail")])
def test_enough_scores_reject_the_share_that_was_asked_for(
    name: str, count: int, method: str
) -> None:
    limits = found(name, count, 30)
    assert {limit.method for limit in limits} == {method}
    mean = rates(name, limits).mean()
    assert 0.6 * RATE < mean < 1.8 * RATE


@pytest.mark.parametrize(("name", "least", "most"), [
    ("gumbel", 0.5, 2.0),
    ("exponential", 1.0, 4.0),  # a heavier tail than twenty scores can show
    ("normal", 0.0, 1.0),
])  # fmt: skip
def test_twenty_scores_come_near_it(name: str, least: float, most: float) -> None:
    limits = found(name, 24, 60)
    assert {limit.method for limit in limits} == {"Gumbel"}
    assert least * RATE <= np.median(rates(name, limits)) <= most * RATE


@pytest.mark.parametrize("count", [10, 24, 49, 50, 120, 400])
def test_the_largest_score_is_not_the_limit(count: int) -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        scores = rng.gumbel(2, 1, count)
        limit = limit_from_good(scores, RATE, rng)
        assert limit.limit != pytest.approx(scores.max(), rel=1e-9)
        assert limit.above == (scores > limit.limit).sum()
        assert limit.scores == count


def test_a_rate_that_is_seen_is_read_off() -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1000.0))
    limit = limit_from_good(scores, 0.05, np.random.default_rng(0))
    assert limit.method == "quantile"
    assert limit.above == 50
    assert limit.low < 950 < limit.high
    assert limit.high - limit.low < 60


@pytest.mark.parametrize(("name", "count", "rate"), [
    ("gumbel", 24, RATE), ("gumbel", 200, RATE), ("exponential", 200, RATE),
    ("normal", 200, 0.05), ("exponential", 2000, RATE),
])  # fmt: skip
def test_the_interval_covers_the_true_limit(name: str, count: int, rate: float) -> None:
    truth = KNOWN[name].isf(rate)
    limits = found(name, count, 40, rate)
    covered = np.mean([limit.low <= truth <= limit.high for limit in limits])
    assert covered >= 0.8
    assert all(limit.low <= limit.limit <= limit.high for limit in limits)


@pytest.mark.parametrize("count", [10, 24, 60, 300, 2000])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_scores_without_any_spread_give_a_finite_limit_they_do_not_exceed(
    count: int, value: float
) -> None:
    limit = limit_from_good(np.full(count, value), RATE, np.random.default_rng(0))
    assert np.isfinite([limit.limit, limit.low, limit.high]).all()
    assert limit.above == 0
    assert limit.limit == pytest.approx(value, abs=1e-6)


def test_a_lower_rate_needs_a_higher_limit() -> None:
    scores = np.random.default_rng(0).gumbel(0, 1, 80)
    limits = [
        limit_from_good(scores, rate, np.random.default_rng(0)).limit
        for rate in (0.1, 0.05, 0.02, 0.005, 0.001, 0.0001)
    ]
    assert limits == sorted(limits)


def test_the_same_seed_finds_the_same_limit_and_interval() -> None:
    scores = np.random.default_rng(0).gumbel(0, 1, 60)
    first, second = (limit_from_good(scores, RATE, np.random.default_rng(7)) for _ in range(2))
    assert first == second
