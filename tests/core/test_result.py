"""Nothing passes unless it is proven: the decision itself."""

import math
from dataclasses import replace

import pytest

from station.core.errors import ModelOutputError
from station.core.frame import Job, new_id
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import (
    RESULT_JSON,
    Evaluation,
    Finding,
    ResultState,
    decide,
    evaluate,
    worst,
)
from station.inspection import unanswered


def finding(evaluation: Evaluation, tool: str = "a", code: str | None = None) -> Finding:
    return Finding(tool=tool, evaluation=evaluation, reason_code=code, score=0.5)


@pytest.mark.parametrize(
    ("score", "evaluation"),
    [
        (0.0, Evaluation.OK),
        (0.3, Evaluation.OK),
        (0.31, Evaluation.NOT_DECIDABLE),
        (0.69, Evaluation.NOT_DECIDABLE),
        (0.7, Evaluation.NOT_OK),
        (1.0, Evaluation.NOT_OK),
    ],
)
def test_limits_belong_to_the_stricter_side(score: float, evaluation: Evaluation) -> None:
    assert decide(score, accept_limit=0.3, reject_limit=0.7) is evaluation


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_decides_nothing(score: float) -> None:
    with pytest.raises(ModelOutputError, match="not a finite number"):
        decide(score, accept_limit=0.3, reject_limit=0.7)


def test_at_equal_limits_the_limit_itself_is_rejected() -> None:
    assert decide(0.5, accept_limit=0.5, reject_limit=0.5) is Evaluation.NOT_OK


@pytest.mark.parametrize(
    ("findings", "evaluation"),
    [
        ([], Evaluation.UNDEFINED),
        ([finding(Evaluation.OK)], Evaluation.UNDEFINED),
        ([finding(Evaluation.OK), finding(Evaluation.OK, "b")], Evaluation.OK),
        ([finding(Evaluation.NOT_OK)], Evaluation.NOT_OK),
        ([finding(Evaluation.NOT_DECIDABLE), finding(Evaluation.NOT_OK, "b")], Evaluation.NOT_OK),
        (
            [finding(Evaluation.OK), finding(Evaluation.NOT_DECIDABLE, "b")],
            Evaluation.NOT_DECIDABLE,
        ),
        ([finding(Evaluation.OK), finding(Evaluation.UNDEFINED, "b")], Evaluation.UNDEFINED),
    ],
)
def test_the_worst_finding_decides_and_every_tool_must_speak(
    findings: list[Finding], evaluation: Evaluation
) -> None:
    assert evaluate(findings, ["a", "b"]) is evaluation


def test_the_reason_shown_is_the_gravest() -> None:
    found = [
        finding(Evaluation.NOT_DECIDABLE, code="crack"),
        finding(Evaluation.NOT_OK, code="stain"),
        finding(Evaluation.NOT_OK, code="chip"),
    ]
    gravest = worst(found, {"stain": 0, "chip": 2, "crack": 2})
    assert gravest is not None
    assert gravest.reason_code == "chip"


def test_passed_cannot_be_claimed(tiny_prepared: PreparedRecipe) -> None:
    result = unanswered(Job(), tiny_prepared, ResultState.ABORTED, StationReason.OVERRUN)
    assert not result.passed
    with pytest.raises(ValueError, match="passed is true for COMPLETED and OK"):
        replace(result, passed=True)
    with pytest.raises(ValueError, match="needs a reason code"):
        replace(result, reason_code=None)


def test_a_result_survives_json(tiny_prepared: PreparedRecipe) -> None:
    job = Job(part_id="Ä-17", meas_id="m")
    result = unanswered(job, tiny_prepared, ResultState.FAILED, StationReason.NO_FRAME, "unplugged")
    assert RESULT_JSON.validate_json(RESULT_JSON.dump_json(result)) == result
    assert result.recipe_hash == tiny_prepared.recipe_hash
    assert "unplugged" in result.reason_text


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == len(ids)
    assert [one[:12] for one in ids] == sorted(one[:12] for one in ids)
    assert all(len(one) == 32 and one[12] == "7" and one[16] in "89ab" for one in ids)
