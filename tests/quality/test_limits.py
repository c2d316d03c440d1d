"""Chosen limits keep to what was asked for, and no others would do better."""

import itertools
from collections.abc import Iterable

import numpy as np
import pytest

from station.core.result import Evaluation, decide
from station.quality.limits import Choice, Movable, Shortage, Wish, choose, movable, outcome
from station.quality.qualification import Part, Seen, part_of
from station.quality.statistics import upper_bound

LIMITS = (0.3, 0.7)


def part(score: float | None, truth: str = "ok", *, other: Evaluation | None = None) -> Part:
    """A part decided by one score with `LIMITS`, and by what another tool found."""
    found = (
        Evaluation.OK
        if score is None
        else decide(score, accept_limit=LIMITS[0], reject_limit=LIMITS[1])
    )
    seen = [Seen("surface", found, score, *LIMITS)]
    if other is not None:
        seen.append(Seen("label", other, None, None, None))
    order = (Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE, Evaluation.OK)
    verdict = min((finding.evaluation for finding in seen), key=order.index)
    return Part(
        origin="x.png",
        truth=truth,
        decision=Evaluation(verdict).name.lower(),
        reason_code=None,
        score=score,
        processing_ms=1.0,
        seen=tuple(seen),
    )


def parts(good: Iterable[float], bad: Iterable[float]) -> Movable:
    found = movable([*map(part, good), *(part(score, "dent") for score in bad)], "surface", LIMITS)
    assert found is not None
    return found


def always(accept: float, reject: float) -> bool:
    return 0 <= accept <= reject <= 1


def test_one_limit_in_the_gap_between_good_and_bad() -> None:
    chosen = choose(parts([0.1, 0.2] * 5, [0.8] * 80), Wish(escape_at_most=0.05), always)
    assert isinstance(chosen, Choice)
    assert chosen.accept_limit == chosen.reject_limit == 0.5
    assert (chosen.escapes, chosen.overkills, chosen.not_decidable) == (0, 0, 0)
    assert chosen.escape_upper_95 == upper_bound(0, 80)


def test_too_few_bad_parts_are_told_in_numbers() -> None:
    chosen = choose(parts([0.1], [0.9] * 80), Wish(escape_at_most=0.01), always)
    assert chosen == Shortage(parts_missing=219)


def test_overkill_is_the_price_of_a_low_escape_rate() -> None:
    good, bad = [0.1, 0.2, 0.6, 0.65], [0.5, *[0.9] * 99]
    strict = choose(parts(good, bad), Wish(escape_at_most=0.03), always)
    assert isinstance(strict, Choice)
    assert (strict.escapes, strict.overkills) == (0, 2)
    lax = choose(parts(good, bad), Wish(escape_at_most=0.05), always)
    assert isinstance(lax, Choice)
    assert (lax.escapes, lax.overkills) == (1, 0)


def test_a_review_budget_turns_errors_into_reviews() -> None:
    good, bad = [*[0.1] * 96, 0.6, 0.65], [0.5, *[0.9] * 99]
    chosen = choose(parts(good, bad), Wish(escape_at_most=0.03, review_at_most=0.025), always)
    assert isinstance(chosen, Choice)
    assert (chosen.escapes, chosen.overkills, chosen.not_decidable) == (0, 0, 3)
    assert 0.1 < chosen.accept_limit < 0.5
    assert 0.65 < chosen.reject_limit < 0.9


def test_a_budget_alone_balances_both_errors() -> None:
    chosen = choose(
        parts([*[0.1] * 49, 0.6], [0.5, *[0.9] * 49]), Wish(review_at_most=0.03), always
    )
    assert isinstance(chosen, Choice)
    assert (chosen.escapes, chosen.overkills, chosen.not_decidable) == (0, 0, 2)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("budget", [None, 0.05, 0.2])
def test_no_other_limits_would_do_better(seed: int, budget: float | None) -> None:
    rng = np.random.default_rng(seed)
    good = np.round(rng.beta(2, 5, 30), 2).tolist()
    bad = np.round(rng.beta(4, 3, 40), 2).tolist()
    found, wish = parts(good, bad), Wish(escape_at_most=0.15, review_at_most=budget)
    chosen = choose(found, wish, always)
    assert isinstance(chosen, Choice)
    assert chosen.escape_upper_95 <= 0.15
    assert chosen == outcome(found, chosen.accept_limit, chosen.reject_limit)
    edges = np.unique([*good, *bad])
    rungs = [*(edges[1:] + edges[:-1]) / 2, edges[-1] / 2 + 0.5]
    for accept, reject in itertools.combinations_with_replacement(rungs, 2):
        other = outcome(found, float(accept), float(reject))
        if other.escape_upper_95 <= 0.15 and other.not_decidable <= (budget or 0) * 70:
            reviewed_good = sum(accept < score < reject for score in good)
            assert reviewed_good > (budget or 0) * 30 or other.overkills >= chosen.overkills


def test_what_another_tool_found_stays_as_it_is() -> None:
    found = movable(
        [
            part(0.1),
            part(0.1, other=Evaluation.NOT_OK),
            part(None, "dent", other=Evaluation.NOT_OK),
            part(0.2, "dent", other=Evaluation.NOT_DECIDABLE),
            part(0.9, "dent"),
        ],
        "surface",
        LIMITS,
    )
    assert found is not None
    same = outcome(found, 1.0, 1.0)
    assert (same.escapes, same.overkills, same.not_decidable) == (1, 1, 1)


def test_a_tool_that_decides_by_more_than_its_score_is_not_moved() -> None:
    odd = part(0.1)
    rejected = Seen("surface", Evaluation.NOT_OK, 0.1, *LIMITS)
    odd = Part(
        origin="x.png", truth="ok", decision="not_ok", reason_code="dent", score=0.1,
        processing_ms=1.0, seen=(rejected,),
    )  # fmt: skip
    assert movable([odd, part(0.9, "dent")], "surface", LIMITS) is None


def test_a_tool_that_counts_is_not_moved() -> None:
    """Its limits are mirrored: those chosen on such scores would pass what they should stop."""
    finding = {
        "tool": "caps", "evaluation": 2, "score": 0.95, "accept_limit": 0.5, "reject_limit": 0.9,
        "measured": {"count": 3},
    }  # fmt: skip
    record = {
        "origin": "x.png", "truth": "cap_missing", "result_state": 1, "evaluation": 2,
        "reason_code": "cap_missing", "processing_ms": 1.0, "findings": [finding],
    }  # fmt: skip
    missing = part_of(record)
    assert missing.score == 0.95
    assert movable([missing], "caps", (0.5, 0.9)) is None


def test_limits_the_tool_does_not_take_are_not_chosen() -> None:
    found = parts([0.1], [0.8] * 80)
    assert choose(found, Wish(escape_at_most=0.05), lambda *_: False) is None
