"""The belt is asked to stop for parts nobody could judge, and never for defects."""

from station.core.frame import Job
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Evaluation, Result, ResultState
from station.inspection import unanswered
from station.line.alarms import RejectWatch
from station.line.settings import AlarmSettings
from tests.hmi.conftest import MakeResult, make_result

__all__ = ["make_result"]


def unjudged(prepared: PreparedRecipe) -> Result:
    return unanswered(Job(), prepared, ResultState.FAILED, StationReason.NO_FRAME, "lamp out")


def test_so_many_in_a_row_ask_for_a_stop_until_reset(tiny_prepared: PreparedRecipe) -> None:
    watch = RejectWatch(AlarmSettings(unjudged_in_row=3, unjudged_of_100=0))
    for _ in range(2):
        watch.answered(unjudged(tiny_prepared))
        assert watch.stop_request == ""
    watch.answered(unjudged(tiny_prepared))
    assert "3 parts in a row" in watch.stop_request
    assert "lamp out" in watch.stop_request
    watch.reset()
    assert watch.stop_request == ""
    watch.answered(unjudged(tiny_prepared))
    assert watch.stop_request == ""


def test_defects_never_do(make_result: MakeResult) -> None:
    watch = RejectWatch(AlarmSettings())
    for _ in range(300):
        watch.answered(make_result(Evaluation.NOT_OK, reason_code="glare"))
    assert watch.stop_request == ""


def test_a_good_part_ends_the_row_but_not_the_share(
    tiny_prepared: PreparedRecipe, make_result: MakeResult
) -> None:
    watch = RejectWatch(AlarmSettings(unjudged_in_row=3, unjudged_of_100=20))
    for n in range(19):
        watch.answered(unjudged(tiny_prepared))
        watch.answered(make_result())
        assert watch.stop_request == "", n
    watch.answered(unjudged(tiny_prepared))
    assert "20 of the last" in watch.stop_request


def test_nothing_is_asked_where_it_is_switched_off(tiny_prepared: PreparedRecipe) -> None:
    watch = RejectWatch(AlarmSettings(unjudged_in_row=0, unjudged_of_100=0))
    for _ in range(200):
        watch.answered(unjudged(tiny_prepared))
    assert watch.stop_request == ""
