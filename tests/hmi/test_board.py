"""The board: which page follows from what was heard, and when."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from station.core.result import Evaluation, Result
from station.hmi import words
from station.hmi.board import Board
from station.hmi.views import Tone, View
from tests.hmi.conftest import NOON, MakeResult, MakeStatus


@pytest.fixture
def board(make_status: MakeStatus) -> Board:
    """Connected at second 0 to a station that runs."""
    board = Board()
    board.found("events")
    board.answered(make_status(), 0.0)
    return board


def look(board: Board, at_s: float) -> View:
    return board.view(at_s, NOON)


@pytest.mark.parametrize("evaluation", list(Evaluation))
def test_what_is_not_ok_is_the_first_of_many_findings(
    make_result: MakeResult, evaluation: Evaluation
) -> None:
    (fine,) = make_result(Evaluation.OK).findings
    decisive = replace(fine, evaluation=evaluation, reason_code="glare")
    assert words.by_urgency((fine, fine, decisive))[0].evaluation is evaluation


@pytest.mark.parametrize(
    ("evaluation", "tone", "word"),
    [
        (Evaluation.OK, Tone.OK, "OK"),
        (Evaluation.NOT_OK, Tone.NOT_OK, "NOT OK"),
        (Evaluation.NOT_DECIDABLE, Tone.TO_CHECK, "TO CHECK"),
    ],
)
def test_a_result_is_shown_with_reason_part_and_score(
    board: Board, make_result: MakeResult, evaluation: Evaluation, tone: Tone, word: str
) -> None:
    board.heard(make_result(evaluation, part_id="P-77"), 1.0)
    verdict = look(board, 1.1).verdict
    assert (verdict.tone, verdict.word) == (tone, word)
    assert verdict.text == ("No defect found" if tone is Tone.OK else "The surface shines")
    assert verdict.facts == f"Part P-77 · score {'0.02' if tone is Tone.OK else '0.97'}"


def test_a_part_without_an_answer_is_called_not_inspected(board: Board, failed: Result) -> None:
    board.heard(failed, 1.0)
    view = look(board, 1.1)
    assert (view.verdict.word, view.verdict.text) == ("NOT INSPECTED", "The camera gave no frame")
    assert view.picture.job_id == ""
    assert "No picture of this part" in view.picture.caption
    assert view.rejects == ()


def test_nothing_is_shown_before_the_station_was_heard() -> None:
    view = look(Board(), 0.0)
    assert view.loss is not None
    assert view.verdict.word == "NO CONNECTION"
    assert not view.keys.can_run
    assert not view.keys.can_stop


def test_results_alone_do_not_prove_a_connection(board: Board, make_result: MakeResult) -> None:
    board.heard(make_result(), 4.9)
    assert look(board, 5.0).verdict.word == "OK"
    assert look(board, 5.1).verdict.word == "NO CONNECTION"


def test_a_lost_link_takes_the_verdict_away_and_keeps_its_first_time(
    board: Board, make_result: MakeResult, make_status: MakeStatus
) -> None:
    board.heard(make_result(), 1.0)
    board.lost("events", "the wire is cut", 1.2, NOON)
    board.lost("events", "still cut", 2.2, NOON.replace(hour=14))
    view = look(board, 2.3)
    assert view.verdict.word == "NO CONNECTION"
    assert view.loss is not None
    assert view.loss.text == "still cut"
    assert view.loss.since == look(board, 2.3).header.clock
    board.found("events")
    board.answered(make_status(), 2.4)
    view = look(board, 2.5)
    assert view.loss is None
    assert view.verdict.word == "NO NEW PART"  # the verdict from before is of the past
    assert not view.picture.is_present


def test_an_old_verdict_is_not_shown_as_a_present_one(
    board: Board, make_result: MakeResult, make_status: MakeStatus
) -> None:
    board.heard(make_result(), 1.0)
    board.answered(make_status(), 6.5)
    view = look(board, 6.6)
    assert (view.verdict.tone, view.verdict.word) == (Tone.IDLE, "NO NEW PART")
    assert view.verdict.text == "The last one came 6 s ago"
    assert not view.picture.is_present


def test_on_a_slow_line_a_verdict_stays_for_three_parts(
    board: Board, make_result: MakeResult, make_status: MakeStatus
) -> None:
    for at_s in (0.0, 8.0, 16.0):
        board.heard(make_result(), at_s)
    board.answered(make_status(), 39.0)
    assert look(board, 39.0).verdict.word == "OK"
    board.answered(make_status(), 40.1)
    assert look(board, 40.1).verdict.word == "NO NEW PART"


def test_after_a_stop_only_a_part_triggered_since_has_a_verdict(
    board: Board, make_result: MakeResult, make_status: MakeStatus
) -> None:
    board.heard(make_result(), 1.0)
    board.answered(make_status("ready"), 1.2)
    board.heard(make_result(), 1.3)  # was under way
    view = look(board, 1.4)
    assert (view.verdict.word, view.header.state) == ("STOPPED", "Stopped")
    assert view.verdict.facts == "Press Run to inspect continuously"
    assert (view.keys.can_run, view.keys.can_stop) == (True, False)
    board.answered(make_status("single_execution"), 3.0)
    board.heard(make_result(Evaluation.NOT_OK), 3.1)
    board.answered(make_status("ready"), 3.2)
    assert look(board, 3.3).verdict.word == "NOT OK"


@pytest.mark.parametrize(
    ("state", "camera", "word"),
    [
        ("error", {"last_error": "no such device", "is_connected": False}, "CAMERA ERROR"),
        ("error", {}, "ERROR"),
        ("preoperational", {"is_connected": False}, "STARTING"),
        ("halted", {}, "HALTED"),
        ("a_state_of_the_future", {}, "A_STATE_OF_THE_FUTURE"),
    ],
)
def test_a_station_that_cannot_inspect_says_so_instead_of_a_verdict(
    board: Board,
    make_result: MakeResult,
    make_status: MakeStatus,
    state: str,
    camera: dict[str, object],
    word: str,
) -> None:
    board.heard(make_result(), 1.0)
    board.answered(make_status(state, camera=camera, state_text="no such device"), 1.1)
    view = look(board, 1.2)
    assert view.verdict.word == word
    assert view.verdict.facts
    assert view.verdict.tone in (Tone.IDLE, Tone.ALARM)
    board.answered(make_status(), 1.3)
    assert look(board, 1.4).verdict.word == "NO NEW PART"


def test_a_source_at_its_end_is_named(board: Board, make_status: MakeStatus) -> None:
    board.answered(make_status("ready", camera={"has_ended": True}), 1.0)
    view = look(board, 1.0)
    assert (view.verdict.text, view.header.camera) == ("No more pictures", "no more pictures")


def test_counters_yield_and_reasons(
    board: Board, make_result: MakeResult, make_status: MakeStatus
) -> None:
    board.heard(make_result(Evaluation.NOT_OK), 0.5)
    counters = {
        "triggers": 20_010, "ok": 19_990, "not_ok": 9, "not_decidable": 1, "aborted": 4,
        "failed": 6, "by_reason": {"overrun": 4, "glare": 10, "dent_deep": 2},
        "yield_ratio": 0.99999, "parts_per_s": 4.96,
    }  # fmt: skip
    board.answered(make_status(counters=counters), 1.0)
    view = look(board, 1.0)
    assert (view.counts.triggers, view.counts.ok, view.counts.parts_per_s) == (
        "20,010",
        "19,990",
        "5.0",
    )
    assert view.counts.yield_percent == "99.9 %"  # never rounded up to all
    assert [(bar.text, bar.count, bar.share, bar.is_defect) for bar in view.bars] == [
        ("The surface shines", 10, 1.0, True),
        ("Parts come faster than they can be inspected", 4, 0.4, False),
        ("Dent deep", 2, 0.2, True),
    ]


def test_new_rejects_come_first_after_a_clock_that_fell_back(
    board: Board, make_result: MakeResult
) -> None:
    tomorrow = NOON + timedelta(days=1)
    for _ in range(8):
        board.heard(make_result(Evaluation.NOT_OK, completed_at=tomorrow), 1.0)
    newest = make_result(Evaluation.NOT_OK)
    board.heard(newest, 1.0)
    assert look(board, 1.0).rejects[0].job_id == newest.job_id


def test_the_last_rejects_come_from_before_and_from_events_once_each(
    board: Board, make_result: MakeResult
) -> None:
    results = [make_result(Evaluation.NOT_OK) for _ in range(10)]
    board.remember(reversed(results[:6]))
    for result in results[4:]:
        board.heard(result, 1.0)
    board.heard(make_result(Evaluation.OK), 1.0)
    view = look(board, 1.0)
    assert [one.job_id for one in view.rejects] == [f"job{n}" for n in range(10, 2, -1)]
    assert (view.rejects[0].reason, view.rejects[0].score) == ("The surface shines", "0.97")
    assert board.reject("job10") is results[9]
    assert board.reject("job1") is None


def test_at_most_five_pictures_a_second_and_the_newest_at_the_end(
    board: Board, make_result: MakeResult
) -> None:
    shown = []
    for frame in range(60):
        at_s = 1 + frame / 30
        board.heard(make_result(), at_s)
        shown.append(look(board, at_s).picture.job_id)
    assert 8 <= len(set(shown)) <= 11
    assert look(board, 4.0).picture.job_id == "job60"


def test_the_trail_holds_the_last_forty(board: Board, make_result: MakeResult) -> None:
    for _ in range(50):
        board.heard(make_result(), 1.0)
    board.heard(make_result(Evaluation.NOT_OK), 1.0)
    trail = look(board, 1.0).trail
    assert (len(trail), trail[-1]) == (40, Tone.NOT_OK)


def test_a_completed_ok_that_did_not_pass_never_looks_good(
    board: Board, make_result: MakeResult
) -> None:
    result = replace(make_result(Evaluation.NOT_OK))
    object.__setattr__(result, "evaluation", Evaluation.OK)  # no such result can be made
    board.heard(result, 1.0)
    assert look(board, 1.0).verdict.tone is Tone.NOT_INSPECTED


def test_an_overdue_calibration_is_marked(board: Board, make_status: MakeStatus) -> None:
    status = make_status()
    overdue = status.calibration.model_copy(update={"is_overdue": True})
    board.answered(status.model_copy(update={"calibration": overdue}), 1.0)
    assert look(board, 1.1).header.recipe_detail.endswith("· calibration overdue")


@pytest.mark.parametrize(
    ("is_qualified", "detail"), [(True, "abababab"), (False, "abababab · not qualified")]
)
def test_a_recipe_without_a_qualification_is_marked(
    board: Board, make_status: MakeStatus, is_qualified: bool, detail: str
) -> None:
    status = make_status()
    recipe = status.recipe.model_copy(update={"is_qualified": is_qualified})
    board.answered(status.model_copy(update={"recipe": recipe}), 1.0)
    assert look(board, 1.1).header.recipe_detail == detail


@pytest.mark.parametrize(
    ("state", "enabled"),
    [
        ("preoperational", {"can_halt", "can_change"}),
        ("ready", {"can_run", "can_reset", "can_abort", "can_halt", "can_change"}),
        ("continuous_execution", {"can_stop", "can_reset", "can_abort", "can_halt", "can_change"}),
        ("error", {"can_reset", "can_abort", "can_halt", "can_change", "leads_out"}),
        ("halted", {"can_reset", "leads_out"}),
    ],
)
def test_only_what_the_station_can_be_told_is_offered(
    board: Board, make_status: MakeStatus, state: str, enabled: set[str]
) -> None:
    board.answered(make_status(state), 1.0)
    assert {name for name, is_on in asdict(look(board, 1.0).keys).items() if is_on} == enabled
    board.answered(make_status(state, verbs=[]), 1.1)
    told = {name for name, is_on in asdict(look(board, 1.1).keys).items() if is_on}
    assert told <= {"can_change"}


def test_what_leads_out_of_a_halt_is_told(board: Board, make_status: MakeStatus) -> None:
    board.answered(make_status("halted"), 1.0)
    assert "Reset ends the halt" in look(board, 1.0).verdict.facts
    board.answered(make_status("halted", verbs=[]), 1.1)  # it is being closed
    assert look(board, 1.1).verdict.facts == "Start the station again"


def test_a_stop_request_is_told_until_the_station_takes_it_back(
    board: Board, make_status: MakeStatus, make_result: MakeResult
) -> None:
    board.answered(make_status(stop_request="5 parts in a row could not be judged"), 1.0)
    board.heard(make_result(), 1.1)
    view = look(board, 1.2)
    assert view.banner
    assert view.banner.text == "5 parts in a row could not be judged"
    assert view.banner.can_acknowledge
    assert view.header.state_tone is Tone.ALARM
    assert view.verdict.word == "OK"  # the verdict of the present part is still its own
    board.answered(make_status(), 1.3)
    assert look(board, 1.4).banner is None


def test_without_a_connection_nothing_of_before_is_told(
    board: Board, make_status: MakeStatus
) -> None:
    board.answered(make_status(stop_request="too dark", journal_trouble="it was broken"), 1.0)
    assert look(board, 1.1).notices
    board.lost("station", "the wire is cut", 1.2, NOON)
    assert look(board, 1.3).banner is None
    assert look(board, 1.3).notices == ()


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({}, []),
        ({"workers": {"ready": 2, "wanted": 2, "lost": 0}}, []),
        ({"workers": {"ready": 0, "wanted": 2, "lost": 0}}, ["0 of 2 ready; the others start"]),
        (
            {"workers": {"ready": 2, "wanted": 2, "lost": 3}},
            ["3 crashed or hung since the start; each cost a part its verdict"],
        ),
        ({"sinks": [{"kind": "csv", "waiting": 99}]}, []),
        ({"sinks": [{"kind": "csv", "waiting": 100}]}, ["100 wait"]),
        ({"sinks": [{"kind": "csv", "waiting": 1, "last_error": "full"}]}, ["1 wait: full"]),
        ({"sinks": [{"kind": "csv", "last_error": "full"}]}, ["full"]),
        (
            {"sinks": [{"kind": "csv", "dead": 2, "lost": 1}]},
            ["2 refused for good (kept in the journal), 1 deleted before they were delivered"],
        ),
        ({"journal_trouble": "it was set aside"}, ["It was set aside"]),
    ],
)
def test_trouble_beside_the_line_is_a_notice(
    board: Board, make_status: MakeStatus, fields: dict[str, object], texts: list[str]
) -> None:
    board.answered(make_status(**fields), 1.0)
    assert [notice.text for notice in look(board, 1.0).notices] == texts


def test_the_urgent_notices_come_first(board: Board, make_status: MakeStatus) -> None:
    workers = {"ready": 2, "wanted": 2, "lost": 1}
    sinks = [{"kind": "webhook", "name": "mes", "dead": 1}]
    board.answered(make_status(workers=workers, sinks=sinks), 1.0)
    notices = look(board, 1.0).notices
    assert [notice.title for notice in notices] == ["Results to mes", "Workers"]
    assert [notice.is_urgent for notice in notices] == [True, False]


def test_a_start_that_waits_for_workers_does_not_blame_the_camera(
    board: Board, make_status: MakeStatus
) -> None:
    board.answered(make_status("preoperational"), 1.0)
    assert look(board, 1.0).verdict.text == "The workers get ready"
