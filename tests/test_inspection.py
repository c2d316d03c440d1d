"""inspect() never raises and never passes a part that a tool could not judge."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from station.core.frame import Frame, Image, Job
from station.core.plugin import Check
from station.core.recipe import PreparedRecipe
from station.core.result import Evaluation, Finding, ResultState
from station.inspection import inspect

GOOD = Finding(tool="", evaluation=Evaluation.OK, score=0.1, accept_limit=0.3, reject_limit=0.7)


def judged_by(
    prepared: PreparedRecipe, image: Image, **checks: Callable[[Frame], Sequence[Finding]]
) -> tuple[ResultState, Evaluation, bool, str | None, bool]:
    odd = replace(prepared, checks={name: Check(run=run) for name, run in checks.items()})
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    result = inspect(frame, odd, Job())
    return (
        result.result_state,
        result.evaluation,
        result.passed,
        result.reason_code,
        result.is_partial,
    )


def broken(_: Frame) -> Sequence[Finding]:
    raise RuntimeError("lamp fell off")


def liar(_: Frame) -> Sequence[Finding]:
    return [Finding(tool="", evaluation=Evaluation.OK, score=0.9, accept_limit=0.3)]


def nan(_: Frame) -> Sequence[Finding]:
    return [Finding(tool="", evaluation=Evaluation.OK, score=math.nan)]


def stranger(_: Frame) -> Sequence[Finding]:
    return [Finding(tool="", evaluation=Evaluation.NOT_OK, reason_code="never_heard_of")]


def silent(_: Frame) -> Sequence[Finding]:
    return []


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (broken, "tool_error"),
        (liar, "model_output"),
        (nan, "model_output"),
        (stranger, "model_output"),
        (silent, "no_finding"),
    ],
)
def test_a_tool_that_cannot_judge_fails_the_job(
    check: Callable[[Frame], Sequence[Finding]],
    reason: str,
    tiny_prepared: PreparedRecipe,
    draw_part: Callable[..., Image],
) -> None:
    state, evaluation, passed, code, is_partial = judged_by(
        tiny_prepared, draw_part(), good=lambda _: [GOOD], odd=check
    )
    assert (state, evaluation, passed) == (ResultState.FAILED, Evaluation.UNDEFINED, False)
    assert code == reason
    assert is_partial


def test_when_all_tools_are_content_the_part_passes(
    tiny_prepared: PreparedRecipe, draw_part: Callable[..., Image]
) -> None:
    state, _, passed, code, _ = judged_by(tiny_prepared, draw_part(), one=lambda _: [GOOD])
    assert (state, passed, code) == (ResultState.COMPLETED, True, None)


def test_nobody_writes_to_the_frame(draw_part: Callable[..., Image]) -> None:
    frame = Frame(image=draw_part(), camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    with pytest.raises(ValueError, match="read-only"):
        frame.image[0, 0] = 0
