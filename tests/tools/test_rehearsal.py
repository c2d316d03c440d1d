"""A rehearsed fault never passes a part, and a recipe of rehearsals alone is refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.core.errors import RecipeError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.reasons import Reason
from station.core.recipe import PreparedRecipe, new_recipe, prepare
from station.core.result import Evaluation, ResultState
from station.inspection import inspect
from station.tools.classify import Classify
from station.tools.rehearsal import REASON, Fault, Rehearsal

DrawPart = Callable[..., Image]


def prepared_with(models: Path, **settings: object) -> PreparedRecipe:
    drill = Rehearsal.model_validate({"name": "drill", **settings})
    reasons = (Reason(code="glare", text="it shines"), Reason(code=REASON, text="rehearsed"))
    tools = (Classify(name="surface", model="bright/1"), drill)
    return prepare(new_recipe("drill", tools, reasons), Site(model_dirs=(models,)))


def frame_of(image: Image, sequence: int) -> Frame:
    return Frame(image=image, camera_id="c", sequence=sequence, acquired_at=datetime.now(UTC))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("raise", "model_output"), ("nan", "model_output"), ("inf", "model_output"),
     ("silent", "no_finding"), ("not_ok", REASON)],
)  # fmt: skip
def test_a_due_fault_never_passes(
    fault: Fault, reason: str, tiny_model_dir: Path, draw_part: DrawPart
) -> None:
    prepared = prepared_with(tiny_model_dir, fault=fault, every=3)
    results = [inspect(frame_of(draw_part(90), n), prepared, Job()) for n in range(1, 7)]
    assert [result.passed for result in results] == [True, True, False, True, True, False]
    assert results[2].reason_code == reason
    state = ResultState.COMPLETED if fault == "not_ok" else ResultState.FAILED
    assert results[2].result_state is state


def test_slow_takes_its_time(tiny_model_dir: Path, draw_part: DrawPart) -> None:
    prepared = prepared_with(tiny_model_dir, fault="slow", slow_ms=50)
    result = inspect(frame_of(draw_part(90), 1), prepared, Job())
    assert result.processing_ms >= 50
    assert result.evaluation is Evaluation.OK


def test_a_recipe_that_looks_at_nothing_is_refused(tiny_model_dir: Path) -> None:
    recipe = new_recipe("drill", (Rehearsal(name="drill"),), (Reason(code=REASON, text="x"),))
    with pytest.raises(RecipeError, match="nothing would be proven"):
        prepare(recipe, Site(model_dirs=(tiny_model_dir,)))
