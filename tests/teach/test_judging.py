"""Folds, calibration, limits and figures, on numbers made for it."""

import numpy as np
import pytest

from station.teach.figures import Rate, judge, percent
from station.teach.folds import find_twins, make_folds, possible_folds
from station.teach.head import HeldOut, calibrate, calibrated
from station.teach.limits import choose_limits


def test_limits_stand_in_the_gap_of_what_is_told_apart() -> None:
    scores = np.array([0.02, 0.05, 0.1, 0.8, 0.9, 0.95])
    limits = choose_limits(scores, scores > 0.5)
    assert 0.1 < limits.accept_limit < limits.reject_limit < 0.8


def test_a_bad_part_among_the_good_lowers_the_accept_limit_if_that_is_cheaper() -> None:
    good = np.linspace(0.01, 0.3, 30)
    scores = np.concatenate([good, [0.275], np.linspace(0.7, 0.99, 30)])
    is_bad = np.arange(len(scores)) >= 30
    limits = choose_limits(scores, is_bad)
    assert limits.accept_limit < 0.275
    assert 0.3 < limits.reject_limit < 0.7
    assert limits.accept_limit > 0.25
    one_deep = np.concatenate([good, [0.011], np.linspace(0.7, 0.99, 30)])
    assert choose_limits(one_deep, is_bad).accept_limit > 0.3


def test_few_parts_are_left_to_a_person() -> None:
    """One bad part deep among 25 good ones must not send all of them to a person."""
    scores = np.concatenate([np.linspace(0.1, 0.4, 25), [0.2], np.linspace(0.6, 0.95, 24)])
    is_bad = np.arange(50) >= 25
    limits = choose_limits(scores, is_bad)
    between = (scores > limits.accept_limit) & (scores < limits.reject_limit)
    assert between.mean() <= 0.1
    assert 0.4 < limits.accept_limit <= limits.reject_limit < 0.6


def test_calibration_finds_the_true_probabilities() -> None:
    random = np.random.default_rng(0)
    true = random.uniform(0.01, 0.99, 4000)
    labels = (random.uniform(size=4000) < true).astype(np.intp)
    odds = np.log(true / (1 - true))
    logits = np.stack([np.zeros(4000), 5 * odds + 3], axis=1)  # five times too sure, and askew
    found = calibrated(logits, *calibrate(logits, labels))[:, 1]
    assert np.abs(found - true).max() < 0.05


def test_few_pictures_never_make_sure() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    logits = np.where(labels[:, None] == [0, 1], 50.0, -50.0)
    found = calibrated(logits, *calibrate(logits, labels))
    assert 0.7 < found[labels == 0, 0].min() < 0.95


def test_folds_keep_twins_together_and_classes_everywhere() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(3), (40, 25, 10)).astype(np.intp)
    groups = np.concatenate([np.repeat(np.arange(20), 2), np.arange(20, 55)]).astype(np.intp)
    assert possible_folds(labels, groups, 5) == 5
    fold = make_folds(labels, groups, 5, seed=0)
    for group in np.unique(groups):
        assert len(set(fold[groups == group])) == 1
    for number in range(5):
        assert np.bincount(labels[fold == number], minlength=3).tolist() == [8, 5, 2]
    assert not np.array_equal(fold, make_folds(labels, groups, 5, seed=int(random.integers(1, 9))))


def test_copies_are_found_by_content_and_by_features() -> None:
    features = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    features[7] = features[3] + 1e-3
    digests = [str(number) for number in range(40)]
    digests[20] = digests[10]
    groups = find_twins(features, digests)
    assert groups[7] == groups[3]
    assert groups[20] == groups[10]
    assert len(set(groups.tolist())) == 38


def test_figures_count_escapes_overkill_and_what_a_person_looks_at() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 60).astype(np.intp)
    logits = 6.0 * np.eye(3)[labels] + random.normal(0, 1, (180, 3))
    logits[0], logits[60] = 6.0 * np.eye(3)[1], 6.0 * np.eye(3)[0]  # one good rejected, one escape
    fold = np.arange(180) % 5
    figures = judge(("ok", "dent", "chip"), labels, HeldOut(fold, logits), has_good=True)
    assert figures.escapes is not None
    assert figures.overkill is not None
    assert figures.escapes.total == 120
    assert figures.escapes.count >= 1
    assert figures.overkill.count >= 1
    assert figures.confusion.sum() == 180
    assert figures.right.share > 0.9
    facts = figures.as_facts()
    assert facts["escape"] == figures.escapes.as_facts()


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(3, 200, 0.0031, 0.0432), (0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (0, 0, 0.0, 1.0)],
)
def test_intervals_are_exact(count: int, total: int, low: float, high: float) -> None:
    assert Rate(count, total).interval == pytest.approx((low, high), abs=2e-4)


def test_rates_read_as_words() -> None:
    assert Rate(3, 200).in_words == "1.5 %, 95 % interval 0.3 % to 4.3 %"
    assert percent(0.0002) == "0.02 %"
    assert percent(0) == "0 %"
