"""What an acceptance test counts and says, and the curves it draws."""

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

from station.quality.curves import average_precision, precision_recall_points, roc_points
from station.quality.limits import Choice, Shortage, Wish
from station.quality.qualification import Figures, Part, as_line, judge
from station.quality.words import (
    bias_warnings,
    left_out_warnings,
    limit_words,
    new_version_command,
    overkill_words,
    promise,
    review_words,
)


def part(decision: str, truth: str = "ok", code: str | None = None) -> Part:
    return Part(
        origin="x.png", truth=truth, decision=decision, reason_code=code, score=0.5,
        processing_ms=2.0, seen=(),
    )  # fmt: skip


def figures(*, passed: int = 0, rejected: int = 0, held: int = 0, failed: int = 0) -> Figures:
    """Of bad parts with these outcomes, and one good part that passed."""
    bad = [("ok", passed), ("not_ok", rejected), ("not_decidable", held), ("failed", failed)]
    parts = [part(decision, "dent", "dent") for decision, count in bad for _ in range(count)]
    return judge([*parts, part("ok")])


def test_every_outcome_is_counted_where_it_belongs() -> None:
    counted = judge(
        [
            part("ok"), part("not_ok", code="dent"), part("not_decidable", code="dent"),
            part("failed", code="tool_error"), part("failed", code="unreadable_image"),
            part("ok", "dent"), part("not_ok", "dent", "dent"), part("not_ok", "dent", "chip"),
            part("not_decidable", "dent", "dent"), part("failed", "dent", "tool_error"),
            part("failed", "dent", "unreadable_image"),
        ]
    )  # fmt: skip
    assert (counted.good, counted.overkills.rate.count, counted.failed_good) == (4, 2, 1)
    assert (counted.bad, counted.escapes.rate.count, counted.failed_bad) == (4, 1, 1)
    assert (counted.not_decidable_good, counted.not_decidable_bad) == (1, 1)
    assert (counted.unreadable, counted.not_inspected) == (2, 4)
    (row,) = counted.reasons
    assert (row.parts, row.rejected, row.named_right, row.to_person) == (6, 2, 1, 1)
    assert (row.escapes.rate.count, row.escapes.rate.total, row.not_inspected) == (1, 4, 2)


def test_rates_of_nothing_are_null() -> None:
    line = as_line(judge([part("ok")]), None)
    assert line["n_bad"] == 0
    assert [line[name] for name in ("escape_rate", "escape_upper_95", "auroc")] == [None] * 3


@pytest.mark.parametrize(
    ("seen", "claim", "words"),
    [
        (
            figures(rejected=80),
            None,
            (
                "0 of 80 bad parts passed: the escape rate is below 3.7 % with 95 % confidence; "
                "to claim 1 % you need 299 bad parts and no miss."
            ),
        ),
        (
            figures(passed=1, rejected=98, held=1),
            0.02,
            (
                "1 of 100 bad parts passed: the escape rate is below 4.7 % with 95 % confidence; "
                "to claim 2 % you need 149 bad parts and no miss, or 236 with no more than this "
                "one miss."
            ),
        ),
        (
            figures(rejected=299),
            0.01,
            (
                "0 of 299 bad parts passed: the escape rate is below 1.00 % with 95 % confidence; "
                "that proves the 1 % asked for."
            ),
        ),
        (
            figures(passed=5, rejected=95),
            0.02,
            (
                "5 of 100 bad parts passed: the escape rate is below 11 % with 95 % confidence. "
                "That is too many: to claim 2 % you need 149 bad parts and no miss."
            ),
        ),
        (
            figures(rejected=300),
            None,
            (
                "0 of 300 bad parts passed: the escape rate is below 1.00 % with 95 % confidence; "
                "that is enough to claim 1 %."
            ),
        ),
        (
            figures(failed=3),
            None,
            "No bad part could be inspected: nothing can be said of escapes.",
        ),
    ],
)
def test_the_promise(seen: Figures, claim: float | None, words: str) -> None:
    assert promise(seen, claim) == words


def test_overkill_and_reviews_in_words() -> None:
    seen = judge([part("ok")] * 98 + [part("not_ok", code="dent"), part("failed", code="no_frame")])
    assert overkill_words(seen) == (
        "2 of 100 good parts were rejected (1 of them failed): "
        "the overkill rate is below 6.2 % with 95 % confidence."
    )
    assert review_words(seen) == "Every inspected part was decided; none is left to a person."
    assert (
        review_words(figures(held=1)) == "1 of 2 parts (50.0 %) left to a person: 0 good and 1 bad."
    )


CHOICE = Choice(
    tool="surface", accept_limit=0.2, reject_limit=0.4, escapes=1, escape_upper_95=0.0157,
    overkills=0, not_decidable=6,
)  # fmt: skip


def test_limits_in_words() -> None:
    assert list(limit_words(Wish(), None, is_met=True)) == []
    chosen = list(limit_words(Wish(escape_at_most=0.02), CHOICE, is_met=False))
    assert chosen[0] == "The recipe as it stands does not keep to what was asked for."
    assert "1 bad part would have passed (escape rate below 1.6 %" in chosen[1]
    assert "optimistic" in chosen[2]
    short = limit_words(Wish(escape_at_most=0.01), Shortage(parts_missing=219), is_met=False)
    assert "at least 219 more bad parts are needed" in list(short)[1]


def test_the_command_for_a_new_version() -> None:
    assert " ".join(new_version_command(CHOICE, recipe_file="r.json", model=None)) == (
        "station recipe new --from r.json --set tools.surface.accept_limit=0.2 "
        "--set tools.surface.reject_limit=0.4"
    )
    assert " ".join(new_version_command(CHOICE, recipe_file=None, model="ring")) == (
        "station recipe new --model ring --accept 0.2 --reject 0.4"
    )


def test_what_weakens_the_figures_is_said() -> None:
    biases = bias_warnings(copies=1, learnt=("c.png",), limits_from="ring-v1")
    left_out = left_out_warnings(
        figures(failed=1), unlabelled=("a.png",), empty_masks=("b.png",), unused_masks=3
    )
    said = " ".join([*biases, *left_out])
    for words in (
        "1 picture is an exact copy",
        "shown to a model",
        "ring-v1",
        "no labelled folder",
        "1 mask marks",
        "3 masks are",
        "failed",
    ):
        assert words in said


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_curves_are_those_of_sklearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    good, bad = np.round(rng.normal(0, 1, 60), 1), np.round(rng.normal(1, 1, 40), 1)
    truth, score = np.repeat([0, 1], [60, 40]), np.concatenate([good, bad])
    false_rate, found, _ = roc_curve(truth, score, drop_intermediate=False)
    x, y = zip(*roc_points(good, bad), strict=True)
    assert auc(x, y) == pytest.approx(auc(false_rate, found), abs=1e-5)
    assert average_precision(good, bad) == pytest.approx(average_precision_score(truth, score))
    precision, recall, _ = precision_recall_curve(truth, score)
    points = set(precision_recall_points(good, bad))
    expected = {
        (round(r, 6), round(p, 6)) for p, r in zip(precision[:-1], recall[:-1], strict=True)
    }
    assert points - {min(points)} <= expected | {(1.0, 0.4)}


def test_curves_of_many_parts_stay_small() -> None:
    rng = np.random.default_rng(0)
    points = roc_points(rng.random(5000), rng.random(5000))
    assert len(points) <= 400
    assert (points[0], points[-1]) == ((0.0, 0.0), (1.0, 1.0))
