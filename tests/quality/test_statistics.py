"""Statistics against values from the literature and from other programs."""

import math

import numpy as np
import pytest
from scipy import stats

from station.quality.statistics import (
    auroc,
    clopper_pearson,
    confusion,
    histogram,
    misses_allowed,
    parts_needed,
    percent,
    percent_up,
    percentile,
    rate,
    upper_bound,
)


@pytest.mark.parametrize(
    ("k", "n", "lower", "upper"),
    [
        (0, 10, 0.0, 0.3084971),
        (10, 10, 0.6915029, 1.0),
        (1, 10, 0.0025286, 0.4450161),
        (5, 10, 0.1870860, 0.8129140),
        (0, 300, 0.0, 0.0122211),
        (2, 300, 0.0008086, 0.0238734),
    ],
)
def test_clopper_pearson_gives_the_known_intervals(
    k: int, n: int, lower: float, upper: float
) -> None:
    assert clopper_pearson(k, n) == pytest.approx((lower, upper), abs=2e-6)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (3, 17), (1, 2000), (1999, 2000), (50, 100)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_clopper_pearson_agrees_with_an_exact_binomial_test(
    k: int, n: int, confidence: float
) -> None:
    interval = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
    assert clopper_pearson(k, n, confidence) == pytest.approx(tuple(interval), abs=1e-9)


def test_nothing_counted_proves_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert math.isnan(rate(0, 0).share)


@pytest.mark.parametrize(("k", "n", "confidence"), [(-1, 3, 0.9), (4, 3, 0.9), (1, 3, 1.0)])
def test_impossible_shares_are_refused(k: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"share|confidence"):
        clopper_pearson(k, n, confidence)


@pytest.mark.parametrize(
    ("k", "n", "words"),
    [
        (2, 300, "2 of 300 = 0.67 %; with 95 % confidence between 0.08 % and 2.39 %"),
        (0, 300, "0 of 300 = 0 %; with 95 % confidence at most 1.22 %"),
        (300, 300, "300 of 300 = 100 %; with 95 % confidence at least 98.8 %"),
        (0, 0, "nothing to count"),
    ],
)
def test_rates_in_words(k: int, n: int, words: str) -> None:
    assert rate(k, n).in_words == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.99999, "99.99 %"),
        (0.123, "12.3 %"),
        (0.00671, "0.67 %"),
        (math.nan, "-"),
    ],
)
def test_a_percentage_never_rounds_up_to_all(share: float, words: str) -> None:
    assert percent(share) == words


def test_percentiles_interpolate() -> None:
    assert percentile([1, 2, 3, 4], 0.5) == 2.5
    assert percentile(range(101), 0.99) == 99
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(
    ("good", "bad", "area"),
    [
        ([0.1, 0.2], [0.8, 0.9], 1.0),
        ([0.8, 0.9], [0.1, 0.2], 0.0),
        ([0.5, 0.5], [0.5], 0.5),
        ([0.1, 0.4], [0.35, 0.8], 0.75),
        ([1, 2, 2, 3], [2, 3, 4], (1 + 2 / 2 + 3 + 0.5 + 4) / 12),
    ],
)
def test_auroc_counts_ties_half(good: list[float], bad: list[float], area: float) -> None:
    assert auroc(good, bad) == pytest.approx(area)


def test_auroc_is_the_mann_whitney_statistic() -> None:
    rng = np.random.default_rng(1)
    good, bad = rng.integers(0, 20, 200), rng.integers(5, 25, 90)
    expected = stats.mannwhitneyu(bad, good).statistic / (200 * 90)
    assert auroc(good, bad) == pytest.approx(expected)
    assert math.isnan(auroc([], bad))


def test_confusion_counts_pairs() -> None:
    assert confusion([("ok", "ok"), ("ok", "dent"), ("ok", "ok")]) == {
        ("ok", "ok"): 2,
        ("ok", "dent"): 1,
    }


def test_a_histogram_loses_nothing() -> None:
    counts = histogram([-1.0, 0.0, 0.1, 0.55, 1.0, 7.0], low=0.0, high=1.0, bins=4)
    assert counts == [3, 0, 1, 2]


@pytest.mark.parametrize(("k", "n", "bound"), [(0, 80, 0.036754), (0, 299, 0.009969), (0, 0, 1.0)])
def test_a_promise_is_one_sided(k: int, n: int, bound: float) -> None:
    assert upper_bound(k, n) == pytest.approx(bound, abs=1e-6)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (3, 40), (7, 7), (12, 900)])
def test_the_one_sided_bound_is_where_so_few_would_be_seen_once_in_twenty(k: int, n: int) -> None:
    bound = upper_bound(k, n)
    assert bound == 1 if k == n else stats.binom.cdf(k, n, bound) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("share", "misses", "parts"), [(0.01, 0, 299), (0.05, 0, 59), (0.01, 1, 473), (0.001, 0, 2995)]
)
def test_how_many_parts_a_promise_takes(share: float, misses: int, parts: int) -> None:
    assert parts_needed(share, misses) == parts
    assert upper_bound(misses, parts) <= share < upper_bound(misses, parts - 1)


def test_how_many_misses_a_promise_allows() -> None:
    assert [misses_allowed(0.01, n) for n in (0, 298, 299, 472, 473)] == [-1, -1, 0, 0, 1]


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.036754, "3.7 %"),
        (0.03, "3.0 %"),
        (0.009969, "1.00 %"),
        (0.1391, "14 %"),
        (0.0, "0 %"),
        (0.9941, "99.5 %"),
    ],
)
def test_a_bound_is_rounded_up(share: float, words: str) -> None:
    assert percent_up(share) == words
