"""Exactly one result a job, whatever happens, and it is recorded before anybody hears of it."""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.core.errors import AcquisitionError, PictureError, StateError
from station.core.frame import AnyFrame, Frame, Image, Job
from station.core.plugin import Check, Delivery, Sink
from station.core.recipe import PreparedRecipe
from station.core.result import Evaluation, Finding, Result, ResultState
from station.journal.pictures import KeepPolicy
from station.journal.records import Journal
from station.line.counters import Counts
from station.line.line import Line
from station.line.states import State
from tests.line.conftest import OpenLine

DrawPart = Callable[..., Image]
WAIT_S = 10.0


def upload(line: Line, image: Image, **job: object) -> Future[Result]:
    frame = Frame(image=image, camera_id="up", sequence=1, acquired_at=datetime.now(UTC))
    return line.submit(frame, Job(**job))  # type: ignore[arg-type]


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        threading.Event().wait(0.01)


def adds_up(counts: Counts) -> bool:
    outcomes = counts.ok + counts.not_ok + counts.not_decidable + counts.aborted + counts.failed
    return counts.triggers == outcomes + counts.in_progress


def held_back(
    prepared: PreparedRecipe, gate: threading.Event, begun: threading.Event | None = None
) -> PreparedRecipe:
    """The same recipe with a tool that says it has begun, and waits for the gate."""

    def run(frame: Frame) -> Sequence[Finding]:
        if begun:
            begun.set()
        gate.wait(WAIT_S)
        return prepared.checks["surface"].run(frame)

    return replace(prepared, checks={"surface": Check(run=run)})


def test_a_trigger_gets_the_next_frame(open_line: OpenLine, draw_part: DrawPart) -> None:
    line = open_line([draw_part(90), draw_part(170)])
    until(lambda: line.state is State.READY)
    good = line.trigger(Job(part_id="A")).result(WAIT_S)
    bad = line.trigger(Job(part_id="B")).result(WAIT_S)
    assert (good.part_id, good.passed) == ("A", True)
    assert (bad.part_id, bad.evaluation) == ("B", Evaluation.NOT_OK)
    assert line.journal.find(bad.job_id) == bad


def test_continuous_inspects_everything_once(open_line: OpenLine, draw_part: DrawPart) -> None:
    parts = [draw_part(90 if n % 3 else 170, seed=n) for n in range(30)]
    line = open_line(parts, live=False, autostart=True)
    until(lambda: line.counters.look().ok + line.counters.look().not_ok == 30)
    counts = line.counters.look()
    assert (counts.triggers, counts.ok, counts.not_ok, counts.in_progress) == (30, 20, 10, 0)
    assert counts.by_reason == {"glare": 10}
    assert len(line.journal.since(0, limit=100)) == 30


def test_a_full_queue_is_answered_at_once_and_never_passes(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    gate = threading.Event()
    begun = threading.Event()
    slow = held_back(tiny_prepared, gate, begun)
    line = open_line(prepared=slow, workers=1, queue_size=2)
    promises = [upload(line, draw_part(90))]
    assert begun.wait(WAIT_S)  # the worker has the first, so that the queue takes two more
    promises += [upload(line, draw_part(90)) for _ in range(9)]
    overruns = [p.result(WAIT_S) for p in promises[4:]]
    assert {(r.result_state, r.reason_code) for r in overruns} == {(ResultState.ABORTED, "overrun")}
    gate.set()
    results = [promise.result(WAIT_S) for promise in promises]
    assert sum(result.passed for result in results) == 3
    assert adds_up(line.counters.look())
    assert line.counters.look().in_progress == 0


def test_a_late_answer_is_aborted_in_time_and_stays_so(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    gate = threading.Event()
    line = open_line(prepared=held_back(tiny_prepared, gate))
    started_s = time.monotonic()
    result = upload(line, draw_part(90), deadline_ms=100.0).result(WAIT_S)
    assert time.monotonic() - started_s < 5
    assert (result.result_state, result.reason_code) == (ResultState.ABORTED, "late")
    gate.set()
    line.close()
    counts = line.counters.look()
    assert (counts.triggers, counts.aborted, counts.ok) == (1, 1, 0)


def test_a_recipe_is_a_snapshot_taken_at_the_trigger(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    gate = threading.Event()
    line = open_line(prepared=held_back(tiny_prepared, gate), workers=1)
    before = upload(line, draw_part(90))
    line.activate(replace(tiny_prepared, recipe_hash="f" * 64))
    after = upload(line, draw_part(90))
    gate.set()
    assert before.result(WAIT_S).recipe_hash == tiny_prepared.recipe_hash
    assert after.result(WAIT_S).recipe_hash == "f" * 64


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (PictureError("half a picture"), "unreadable_image"),
        (AcquisitionError("unplugged"), "no_frame"),
        (RuntimeError("driver bug"), "no_frame"),
    ],
)
def test_a_trigger_without_a_usable_frame_is_answered(
    trouble: Exception, reason: str, open_line: OpenLine
) -> None:
    line = open_line([trouble], grab_timeout_ms=300)
    until(lambda: line.state is State.READY)
    result = line.trigger(Job(part_id="A")).result(WAIT_S)
    assert (result.result_state, result.reason_code) == (ResultState.FAILED, reason)
    assert str(trouble) in result.reason_text


def test_no_frame_in_time_is_a_result_too(open_line: OpenLine) -> None:
    line = open_line(grab_timeout_ms=200)
    until(lambda: line.state is State.READY)
    assert line.trigger(Job()).result(WAIT_S).reason_code == "no_frame"


def test_a_lost_camera_is_an_error_and_comes_back(open_line: OpenLine, draw_part: DrawPart) -> None:
    lost = AcquisitionError("unplugged")
    line = open_line([draw_part(90), lost, draw_part(91)], autostart=True)
    until(lambda: line.camera.failures == 1)
    until(lambda: line.state is State.ERROR or line.counters.look().ok == 2)
    line.reset()
    until(lambda: line.counters.look().ok == 2)
    assert line.state is State.CONTINUOUS_EXECUTION
    assert line.camera.is_connected


def test_a_frozen_camera_never_passes(open_line: OpenLine, draw_part: DrawPart) -> None:
    image = draw_part(90)
    line = open_line([image, image.copy(), draw_part(91)], simulated=False, autostart=True)
    until(lambda: line.counters.look().triggers == 3 and not line.counters.look().in_progress)
    counts = line.counters.look()
    assert (counts.ok, counts.by_reason) == (2, {"frozen_frame": 1})


def test_a_verb_that_does_not_fit_is_refused(open_line: OpenLine) -> None:
    line = open_line()
    until(lambda: line.state is State.READY)
    line.close()
    assert line.state is State.HALTED
    for verb in (line.reset, lambda: line.trigger(Job())):
        with pytest.raises(StateError, match="the station stops"):
            verb()
    with pytest.raises(StateError, match="halted"):
        line.start()


def test_closing_answers_everything(
    open_line: OpenLine, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    gate = threading.Event()
    line = open_line(prepared=held_back(tiny_prepared, gate), workers=1, queue_size=10)
    promises = [upload(line, draw_part(90)) for _ in range(5)]
    until(lambda: line.counters.look().triggers == 5)
    threading.Timer(0.2, gate.set).start()
    line.close()
    results = [promise.result(WAIT_S) for promise in promises]
    assert {r.reason_code for r in results if not r.passed} <= {"aborted"}
    assert line.counters.look().in_progress == 0
    assert adds_up(line.counters.look())


def test_what_cannot_be_recorded_does_not_pass(
    open_line: OpenLine, draw_part: DrawPart, tmp_path: Path
) -> None:
    line = open_line()
    assert upload(line, draw_part(90)).result(WAIT_S).passed
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as outside:
        outside.execute("DROP TABLE results")
    result = upload(line, draw_part(90)).result(WAIT_S)
    assert (result.passed, result.reason_code) == (False, "no_record")
    assert line.state is State.ERROR


class Stuck(Sink, kind="stuck"):
    """A sink that never comes back, or always raises."""

    raises: bool = False

    def open(self) -> Delivery:
        return StuckDelivery(self.raises)


class StuckDelivery:
    def __init__(self, raises: bool) -> None:
        self._raises = raises
        self._never = threading.Event()

    def deliver(self, result: Result, frame: AnyFrame | None) -> None:
        if self._raises:
            raise RuntimeError(f"cannot deliver {result.job_id}, {frame is None}")
        self._never.wait(WAIT_S)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("raises", [True, False])
def test_a_dead_sink_holds_nothing(raises: bool, open_line: OpenLine, draw_part: DrawPart) -> None:
    line = open_line(sinks=[Stuck(raises=raises)], queue_size=100)
    results = [upload(line, draw_part(90, seed=n)).result(WAIT_S) for n in range(20)]
    assert all(result.passed for result in results)


@pytest.mark.parametrize(
    ("keep", "kept"), [("all", 10), ("not_ok", 4), ("none", 0), ("every_nth", 6)]
)
def test_pictures_are_kept_by_policy(
    keep: str, kept: int, open_line: OpenLine, draw_part: DrawPart, tmp_path: Path
) -> None:
    policy = KeepPolicy.model_validate({"keep": keep, "every_nth": 5})
    line = open_line(keep=policy, queue_size=20, workers=1)
    greys = [170, 170, 90, 90, 90, 170, 90, 90, 170, 90]
    for grey in greys:
        upload(line, draw_part(grey)).result(WAIT_S)
    line.close()
    assert len(list((tmp_path / "pictures").glob("*/*.jpg"))) == kept
    assert not list((tmp_path / "pictures").glob("*/.*"))


def test_after_a_restart_the_records_are_there(
    open_line: OpenLine, draw_part: DrawPart, tmp_path: Path
) -> None:
    line = open_line()
    result = upload(line, draw_part(170), part_id="A").result(WAIT_S)
    line.close()
    journal = Journal(tmp_path / "journal.sqlite")
    assert journal.find(result.job_id) == result
    assert [row.result for row in journal.latest(part_id="A")] == [result]
    assert journal.latest(evaluation=Evaluation.OK) == []
    journal.close()
