"""Jobs as a controller sends them: twice, with gaps, too many, too late, while nobody is ready."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from station.core.errors import AcquisitionError, RecipeError, StateError
from station.core.frame import Image, Job
from station.core.plugin import Site
from station.core.reasons import Reason
from station.core.recipe import PreparedRecipe, new_recipe, prepare
from station.core.result import Result, ResultState
from station.line.line import Line
from station.line.settings import AlarmSettings
from station.line.states import State, Verb
from station.tools.classify import Classify
from station.tools.rehearsal import REASON, Rehearsal
from tests.line.conftest import OpenLine
from tests.line.test_isolated import pid_of_worker
from tests.line.test_line import WAIT_S, adds_up, held_back, until, upload

DrawPart = Callable[..., Image]


def ready(line: Line) -> Line:
    until(lambda: line.state is State.READY)
    return line


def of_sequence(line: Line, sequence: int) -> Result:
    """The newest record of a controller's number."""
    stored = (row.result for row in line.journal.latest(limit=100))
    return next(result for result in stored if result.trigger_sequence == sequence)


def test_the_same_part_again_gets_its_answer_again(
    open_line: OpenLine, draw_part: DrawPart
) -> None:
    line = ready(open_line([draw_part(90), draw_part(170)]))
    first = line.trigger(Job(part_id="A", trigger_sequence=1))
    again = line.trigger(Job(part_id="A", trigger_sequence=2))
    assert (first.result(WAIT_S).passed, first.result(WAIT_S).is_duplicate) == (True, False)
    assert again.result(WAIT_S).job_id == first.result(WAIT_S).job_id
    assert again.result(WAIT_S).is_duplicate
    assert line.counters.look().triggers == 1
    assert not line.trigger(Job(part_id="B")).result(WAIT_S).passed


def test_triggers_that_never_came_have_a_result(open_line: OpenLine, draw_part: DrawPart) -> None:
    line = ready(open_line([draw_part(90), draw_part(91)]))
    assert line.trigger(Job(trigger_sequence=10)).result(WAIT_S).passed
    assert line.trigger(Job(trigger_sequence=13)).result(WAIT_S).passed
    until(lambda: line.counters.look().in_progress == 0)
    counts = line.counters.look()
    assert (counts.triggers, counts.ok, counts.by_reason) == (4, 2, {"lost_trigger": 2})
    for sequence in (11, 12):
        result = of_sequence(line, sequence)
        assert (result.trigger_sequence, result.passed) == (sequence, False)
    too_late = line.trigger(Job(trigger_sequence=12)).result(WAIT_S)
    assert (too_late.reason_code, too_late.is_duplicate) == ("lost_trigger", True)


def test_what_belongs_to_the_gate_comes_back(open_line: OpenLine, draw_part: DrawPart) -> None:
    line = ready(open_line([draw_part(90)]))
    job = Job(trigger_sequence=1, encoder_count=4711, gate_delay_ms=850.0)
    result = line.trigger(job).result(WAIT_S)
    assert (result.encoder_count, result.gate_delay_ms) == (4711, 850.0)
    assert line.journal.find(result.job_id) == result


def test_more_triggers_than_may_wait_are_overruns_at_once(open_line: OpenLine) -> None:
    line = ready(open_line(queue_size=2, grab_timeout_ms=2000))
    assert line.has_room
    promises = [line.trigger(Job()) for _ in range(6)]
    assert not line.has_room
    until(lambda: line.counters.look().aborted == 4)
    results = [promise.result(WAIT_S) for promise in promises]
    assert [result.reason_code for result in results] == ["no_frame"] * 2 + ["overrun"] * 4


def test_what_comes_after_the_deadline_is_kept_and_is_not_the_answer(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    gate = threading.Event()
    line = ready(open_line(prepared=held_back(tiny_prepared, gate)))
    late = upload(line, draw_part(90), deadline_ms=100.0).result(WAIT_S)
    assert (late.reason_code, late.passed) == ("late", False)
    gate.set()
    until(lambda: line.journal.find_late(late.job_id) is not None)
    kept = line.journal.find_late(late.job_id)
    assert kept is not None
    assert (kept.job_id, kept.passed) == (late.job_id, True)
    assert line.journal.find(late.job_id) == late
    assert line.counters.look().ok == 0


def test_after_a_restart_a_part_is_still_known(open_line: OpenLine, draw_part: DrawPart) -> None:
    line = ready(open_line([draw_part(170)]))
    first = line.trigger(Job(part_id="A", trigger_sequence=5)).result(WAIT_S)
    line.close()
    line = ready(open_line([draw_part(90), draw_part(90)]))
    again = line.trigger(Job(part_id="A", trigger_sequence=5)).result(WAIT_S)
    assert (again.job_id, again.passed, again.is_duplicate) == (first.job_id, False, True)
    until(lambda: any(row.outcome == "duplicate" for row in line.journal.ledger()))
    next_one = line.trigger(Job(part_id="B", trigger_sequence=7)).result(WAIT_S)
    assert next_one.ledger_number == first.ledger_number + 2
    assert of_sequence(line, 6).reason_code == "lost_trigger"


def test_after_a_restart_another_question_about_a_part_is_looked_at(
    open_line: OpenLine, draw_part: DrawPart
) -> None:
    line = ready(open_line())
    assert upload(line, draw_part(90), part_id="A").result(WAIT_S).passed
    line.close()
    line = ready(open_line([draw_part(170)]))
    assert upload(line, draw_part(90), part_id="A").result(WAIT_S).is_duplicate
    before_the_camera = line.trigger(Job(part_id="A")).result(WAIT_S)
    assert (before_the_camera.passed, before_the_camera.is_duplicate) == (False, False)


def test_after_a_restart_a_number_that_was_answered_again_is_not_missing(
    open_line: OpenLine, draw_part: DrawPart
) -> None:
    line = ready(open_line([draw_part(90)]))
    line.trigger(Job(part_id="A", trigger_sequence=5)).result(WAIT_S)
    line.close()
    line = ready(open_line([draw_part(90)]))
    assert line.trigger(Job(part_id="A", trigger_sequence=6)).result(WAIT_S).is_duplicate
    assert line.trigger(Job(part_id="B", trigger_sequence=7)).result(WAIT_S).passed
    assert line.counters.look().triggers == 1


def test_abort_answers_everything_at_once(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    gate, begun = threading.Event(), threading.Event()
    slow = held_back(tiny_prepared, gate, begun)
    line = ready(open_line(prepared=slow, workers=1, queue_size=5))
    promises = [upload(line, draw_part(90)) for _ in range(3)]
    assert begun.wait(WAIT_S)
    line.abort()
    assert {p.result(WAIT_S).reason_code for p in promises} == {"aborted"}
    gate.set()
    assert line.state is State.READY
    until(lambda: upload(line, draw_part(90)).result(WAIT_S).passed)


def test_halted_takes_no_part_until_reset(open_line: OpenLine, draw_part: DrawPart) -> None:
    line = ready(open_line([draw_part(90)] * 3, autostart=False))
    line.halt()
    assert line.state is State.HALTED
    assert line.verbs == [Verb.RESET]
    refused = line.trigger(Job(part_id="A")).result(WAIT_S)
    assert (refused.result_state, refused.reason_code) == (ResultState.ABORTED, "not_ready")
    assert upload(line, draw_part(90)).result(WAIT_S).reason_code == "not_ready"
    for verb in (line.start, line.stop, line.abort, line.halt):
        with pytest.raises(StateError, match="halted"):
            verb()
    line.reset()
    until(lambda: line.state is State.READY)
    assert line.trigger(Job(part_id="B")).result(WAIT_S).passed
    assert adds_up(line.counters.look())


def test_a_trigger_without_a_camera_is_answered_no_frame(open_line: OpenLine) -> None:
    lost = AcquisitionError("unplugged")
    line = open_line([lost] * 50, grab_timeout_ms=300)
    line.trigger(Job())
    until(lambda: not line.camera.is_connected or line.camera.failures > 0)
    result = line.trigger(Job(part_id="A")).result(WAIT_S)
    assert (result.passed, result.reason_code) == (False, "no_frame")


def test_parts_nobody_could_judge_ask_for_a_stop(open_line: OpenLine) -> None:
    line = ready(open_line(grab_timeout_ms=50, alarms=AlarmSettings(unjudged_in_row=3)))
    for _ in range(3):
        line.trigger(Job()).result(WAIT_S)
    assert "3 parts in a row" in line.stop_request
    line.reset()
    assert line.stop_request == ""


def drilled(models: Path, **settings: object) -> PreparedRecipe:
    drill = Rehearsal.model_validate({"name": "drill", **settings})
    reasons = (Reason(code="glare", text="it shines"), Reason(code=REASON, text="rehearsed"))
    tools = (Classify(name="surface", model="bright/1"), drill)
    return prepare(new_recipe("drill", tools, reasons), Site(model_dirs=(models,)))


def test_a_crash_costs_its_part_and_the_line_goes_on(
    open_line: OpenLine, tiny_model_dir: Path, draw_part: DrawPart
) -> None:
    crashing = drilled(tiny_model_dir, fault="crash", every=4)
    parts = [draw_part(90, seed=n) for n in range(6)]
    line = ready(open_line(parts, prepared=crashing, isolation="process"))
    results = [line.trigger(Job()).result(WAIT_S) for _ in parts]
    assert [result.reason_code for result in results] == [None] * 3 + ["worker_lost"] + [None] * 2
    assert line.workers_lost == 1
    assert line.state is not State.ERROR
    assert adds_up(line.counters.look())


def test_a_worker_that_dies_idle_is_replaced_before_the_next_part(
    open_line: OpenLine, draw_part: DrawPart
) -> None:
    line = ready(open_line([draw_part(90)], isolation="process", workers=1))
    os.kill(pid_of_worker(), signal.SIGKILL)
    until(lambda: line.workers_lost == 1 and line.workers_ready == 1)
    assert line.trigger(Job()).result(WAIT_S).passed


def test_a_hang_is_ended_and_three_losses_in_a_minute_are_a_fault(
    open_line: OpenLine, tiny_model_dir: Path, draw_part: DrawPart
) -> None:
    hanging = drilled(tiny_model_dir, fault="endless")
    parts = [draw_part(90, seed=n) for n in range(3)]
    line = ready(open_line(parts, prepared=hanging, isolation="process", stall_s=0.5))
    results = [line.trigger(Job()).result(WAIT_S) for _ in parts]
    assert {result.reason_code for result in results} == {"worker_lost"}
    until(lambda: line.state is State.ERROR)
    assert "3 workers were lost" in line.state_text
    refused = line.trigger(Job()).result(WAIT_S)
    assert refused.reason_code == "not_ready"
    line.reset()
    until(lambda: line.state is State.READY)


def test_a_recipe_a_worker_cannot_use_is_not_taken(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    line = ready(open_line([draw_part(90)], isolation="process"))
    with pytest.raises(RecipeError):
        line.activate(replace(tiny_prepared, models={"bright/1": "0" * 64}, recipe_hash="a" * 64))
    assert line.prepared is tiny_prepared
    assert line.trigger(Job()).result(WAIT_S).passed


def test_the_beat_goes_on_and_stops_with_the_loop(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    gate, begun = threading.Event(), threading.Event()
    line = ready(open_line(prepared=held_back(tiny_prepared, gate, begun), workers=1))
    first = line.beat
    until(lambda: line.beat > first)
    promise = upload(line, draw_part(90))
    assert begun.wait(WAIT_S)
    held = line.beat
    threading.Event().wait(1.0)
    assert line.beat - held <= 1
    gate.set()
    assert promise.result(WAIT_S).passed
    until(lambda: line.beat > held + 1)


def test_acknowledging_an_alarm_forgets_no_number_of_the_controller(
    open_line: OpenLine, draw_part: DrawPart
) -> None:
    line = ready(open_line([draw_part(90), draw_part(91), draw_part(92)]))
    line.trigger(Job(trigger_sequence=1)).result(WAIT_S)
    line.reset()
    line.trigger(Job(trigger_sequence=3)).result(WAIT_S)
    assert of_sequence(line, 2).reason_code == "lost_trigger"
    line.forget_sequences()
    line.trigger(Job(trigger_sequence=9)).result(WAIT_S)
    assert {row.result.trigger_sequence for row in line.journal.since()} == {1, 2, 3, 9}


def test_another_picture_of_the_same_part_is_looked_at(
    open_line: OpenLine, draw_part: DrawPart
) -> None:
    line = ready(open_line(queue_size=10))
    front = upload(line, draw_part(90), part_id="A").result(WAIT_S)
    again = upload(line, draw_part(90), part_id="A").result(WAIT_S)
    back = upload(line, draw_part(170), part_id="A").result(WAIT_S)
    assert (front.passed, again.passed, back.passed) == (True, True, False)
    assert (again.is_duplicate, back.is_duplicate) == (True, False)


def test_the_reset_of_a_fault_goes_on_and_that_of_a_halt_does_not(
    open_line: OpenLine, draw_part: DrawPart
) -> None:
    line = open_line([draw_part(90, seed=n) for n in range(500)], autostart=True, live=False)
    until(lambda: line.state is State.CONTINUOUS_EXECUTION)
    line.fault("workers are lost again and again")
    assert line.state is State.ERROR
    line.reset()
    until(lambda: line.state is State.CONTINUOUS_EXECUTION)
    line.halt()
    line.reset()
    until(lambda: line.state is State.READY)


def test_a_trigger_the_camera_was_too_busy_for_gets_no_frame(open_line: OpenLine) -> None:
    """The first one waits for a frame that does not come; meanwhile the second part moved on."""
    line = ready(open_line(grab_timeout_ms=600, exposure_within_ms=200))
    first, second = line.trigger(Job()), line.trigger(Job())
    assert first.result(WAIT_S).reason_code == "no_frame"
    late = second.result(WAIT_S)
    assert (late.reason_code, "busy" in late.reason_text) == ("no_frame", True)
