"""The camera's thread: whose frame it is, what was lost, and a camera that comes and goes."""

import itertools
import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psutil
import pytest

from station.core.errors import AcquisitionError, IncompleteFrameError, NoFrameError
from station.core.frame import AnyFrame, Frame, Image, Job
from station.core.plugin import Feed, Source
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.line.acquisition import Acquisition
from station.line.acquisition_terms import Rules
from station.line.open_camera import is_after
from station.line.tickets import Ticket
from tests.line.test_line import until

DrawPart = Callable[..., Image]
MOST_BYTES = 5_000_000


class Intake:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.frames: list[tuple[AnyFrame, Ticket | None]] = []
        self.failures: list[tuple[str, Ticket | None]] = []
        self.faults: list[str] = []

    def frame(self, frame: AnyFrame, ticket: Ticket | None) -> None:
        self.frames.append((frame, ticket))

    def failed(
        self,
        reason: StationReason,
        text: str,  # noqa: ARG002
        ticket: Ticket | None,
        frame: AnyFrame | None = None,  # noqa: ARG002
    ) -> None:
        self.failures.append((str(reason), ticket))

    def fault(self, text: str) -> None:
        self.faults.append(text)


class Played(Source, kind="played"):
    """Opens what the test made."""

    model_config = Source.model_config | {"arbitrary_types_allowed": True}

    feed: Any = None
    opens: Callable[[], Feed] | None = None
    there: Callable[[], bool] = lambda: False

    def is_there(self) -> bool:
        return self.there()

    def open(self) -> Feed:
        if self.opens is not None:
            return self.opens()
        feed: Feed = self.feed
        return feed


class Queue:
    """A feed of frames and errors, in their order."""

    is_lost = False

    def __init__(self, *entries: Frame | Exception) -> None:
        self.entries = list(entries)

    def grab(self, timeout_s: float) -> Frame | None:
        if not self.entries:
            threading.Event().wait(min(timeout_s, 0.01))
            raise NoFrameError("nothing left")
        entry = self.entries.pop(0)
        if isinstance(entry, Exception):
            raise entry
        return entry

    def check(self) -> None:
        if self.is_lost:
            raise AcquisitionError("unplugged")

    def close(self) -> None:
        pass


class Triggered(Queue):
    """A camera that exposes on command: the frame carries the number of the command."""

    def __init__(self, make: Callable[[int], Frame]) -> None:
        super().__init__()
        self.commands, self._make = 0, make

    def trigger(self) -> None:
        self.commands += 1
        self.entries = [self._make(self.commands)]


@pytest.fixture
def make(draw_part: DrawPart) -> Callable[..., Frame]:
    """make(number): a frame of a real camera with this number, taken before any trigger."""

    def frame(number: int) -> Frame:
        return Frame(
            image=draw_part(90, seed=number),
            camera_id="c",
            sequence=number,
            acquired_at=datetime(2020, 1, 1, tzinfo=UTC),
            device_frame_id=number,
        )

    return frame


def ticket_of(prepared: PreparedRecipe) -> Ticket:
    return Ticket(Job(), prepared)


def test_a_wall_clock_that_fell_back_makes_no_old_frame_new(
    make: Callable[..., Frame], tiny_prepared: PreparedRecipe
) -> None:
    ticket = ticket_of(tiny_prepared)
    now_s = ticket.job.triggered_s
    old = replace(make(1), acquired_at=datetime(2100, 1, 1, tzinfo=UTC), acquired_s=now_s - 0.01)
    assert not is_after(old, ticket)
    new = replace(make(2), acquired_s=now_s + 0.01)
    assert is_after(new, ticket)


def test_a_triggered_camera_gives_each_trigger_its_own_frame(
    make: Callable[..., Frame], tiny_prepared: PreparedRecipe
) -> None:
    intake = Intake()
    acquisition = Acquisition(Played(feed=Triggered(make)), intake, grab_timeout_s=5)
    acquisition.start()
    tickets = [ticket_of(tiny_prepared) for _ in range(5)]
    for ticket in tickets:
        acquisition.trigger(ticket)
    until(lambda: len(intake.frames) == 5)
    acquisition.close()
    assert [ticket for _, ticket in intake.frames] == tickets
    assert [frame.sequence for frame, _ in intake.frames] == [1, 2, 3, 4, 5]


def test_a_free_running_camera_gives_no_frame_from_before_the_trigger(
    make: Callable[..., Frame], tiny_prepared: PreparedRecipe
) -> None:
    ticket = ticket_of(tiny_prepared)
    fresh = replace(make(3), acquired_at=ticket.job.triggered_at)
    intake = Intake()
    acquisition = Acquisition(Played(feed=Queue(make(1), make(2), fresh)), intake, grab_timeout_s=5)
    acquisition.start()
    acquisition.trigger(ticket)
    until(lambda: bool(intake.frames))
    acquisition.close()
    assert intake.frames == [(fresh, ticket)]


def test_a_camera_that_froze_on_a_frame_from_before_the_trigger_is_seen(
    make: Callable[..., Frame], tiny_prepared: PreparedRecipe
) -> None:
    before = make(1)
    again = replace(before, device_frame_id=2, acquired_at=datetime(2100, 1, 1, tzinfo=UTC))
    intake = Intake()
    acquisition = Acquisition(Played(feed=Queue(before, again)), intake, grab_timeout_s=5)
    ticket = ticket_of(tiny_prepared)
    acquisition.trigger(ticket)
    acquisition.start()
    until(lambda: bool(intake.failures or intake.frames))
    acquisition.close()
    assert intake.failures == [("frozen_frame", ticket)]
    assert intake.frames == []


def test_with_a_hardware_trigger_each_lost_frame_is_a_part(make: Callable[..., Frame]) -> None:
    intake = Intake()
    feed = Queue(make(1), make(2), make(5), make(5), make(1000))
    rules = Rules(trigger_mode="hardware", reject_window=10)
    acquisition = Acquisition(Played(feed=feed), intake, grab_timeout_s=5, rules=rules)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: len(intake.frames) == 4)
    acquisition.close()
    reasons = [reason for reason, _ in intake.failures]
    assert reasons == ["no_frame"] * 2 + ["repeated_frame"] + ["no_frame"] * 10


def test_a_torn_frame_is_named_so(make: Callable[..., Frame]) -> None:
    intake = Intake()
    feed = Queue(IncompleteFrameError("3 packets are missing"), make(1))
    acquisition = Acquisition(Played(feed=feed), intake, grab_timeout_s=5)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: bool(intake.frames))
    acquisition.close()
    assert intake.failures == [("incomplete_frame", None)]


def test_a_camera_that_is_lost_while_idle_is_seen(
    make: Callable[..., Frame], tiny_prepared: PreparedRecipe
) -> None:
    feed, intake = Queue(), Intake()

    def opens() -> Feed:
        feed.check()
        return feed

    acquisition = Acquisition(Played(opens=opens), intake, grab_timeout_s=5)
    acquisition.start()
    until(lambda: acquisition.health.is_connected)
    feed.is_lost = True
    until(lambda: not acquisition.health.is_connected)
    assert "unplugged" in acquisition.health.last_error
    ticket = ticket_of(tiny_prepared)
    acquisition.trigger(ticket)
    until(lambda: intake.failures == [("no_frame", ticket)])
    feed.is_lost = False
    acquisition.retry_now()
    until(lambda: acquisition.health.is_connected)
    feed.entries = [make(1)]
    acquisition.set_continuous(True)
    until(lambda: bool(intake.frames))
    acquisition.close()


def test_a_camera_that_can_be_seen_again_is_opened_at_once() -> None:
    is_there = threading.Event()

    def opens() -> Feed:
        if not is_there.is_set():
            raise AcquisitionError("unplugged")
        return Queue()

    rules = Rules(reconnect_s=(600.0, 600.0))
    source = Played(opens=opens, there=is_there.is_set)
    acquisition = Acquisition(source, Intake(), grab_timeout_s=5, rules=rules)
    acquisition.start()
    until(lambda: acquisition.health.failures == 1)
    is_there.set()
    until(lambda: acquisition.health.is_connected)
    acquisition.close()


def test_a_camera_that_triggers_itself_gives_each_part_once(make: Callable[..., Frame]) -> None:
    empty = np.full((240, 320), 10, np.uint8)
    frames = [replace(make(n), image=empty + n % 3 + (90 if n % 8 < 5 else 0)) for n in range(24)]
    intake, rules = Intake(), Rules(trigger_mode="self", empty_scene=empty)
    acquisition = Acquisition(Played(feed=Queue(*frames)), intake, grab_timeout_s=5, rules=rules)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: acquisition.health.frames == len(frames))
    acquisition.close()
    assert [frame.sequence for frame, _ in intake.frames] == [2, 10, 18]
    assert (intake.failures, intake.faults) == ([], [])


def test_a_trigger_on_a_running_line_takes_no_other_parts_frame(
    make: Callable[..., Frame], tiny_prepared: PreparedRecipe
) -> None:
    ticket = ticket_of(tiny_prepared)
    at_s = ticket.job.triggered_s
    feed = Queue(*(replace(make(n), acquired_s=at_s + after_s) for n, after_s in ((1, -1), (2, 1))))
    intake, rules = Intake(), Rules(trigger_mode="hardware")
    acquisition = Acquisition(Played(feed=feed), intake, grab_timeout_s=5, rules=rules)
    acquisition.trigger(ticket)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: len(intake.frames) == 2)
    acquisition.close()
    assert [(frame.sequence, came) for frame, came in intake.frames] == [(1, None), (2, ticket)]


def test_what_went_by_while_the_line_stood_is_not_missed(make: Callable[..., Frame]) -> None:
    feed, intake = Queue(make(1)), Intake()
    rules = Rules(trigger_mode="hardware")
    acquisition = Acquisition(Played(feed=feed), intake, grab_timeout_s=5, rules=rules)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: len(intake.frames) == 1)
    acquisition.set_continuous(False)
    acquisition.set_continuous(True)
    feed.entries.append(make(41))
    until(lambda: len(intake.frames) == 2)
    feed.entries.append(make(43))
    until(lambda: len(intake.frames) == 3)
    acquisition.close()
    assert [reason for reason, _ in intake.failures] == ["no_frame"]


def test_an_empty_scene_of_another_size_is_a_fault(make: Callable[..., Frame]) -> None:
    intake = Intake()
    rules = Rules(trigger_mode="self", empty_scene=np.zeros((9, 9), np.uint8))
    acquisition = Acquisition(Played(feed=Queue(make(1))), intake, grab_timeout_s=5, rules=rules)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: intake.faults != [])
    acquisition.close()
    assert "take it again" in intake.faults[0]
    assert intake.frames == []


def test_an_error_in_the_line_does_not_end_the_acquisition(make: Callable[..., Frame]) -> None:
    class Breaking(Intake):
        def frame(self, frame: AnyFrame, ticket: Ticket | None) -> None:
            super().frame(frame, ticket)
            if len(self.frames) == 1:
                raise MemoryError("no memory")

    intake, rules = Breaking(), Rules(reconnect_s=(0.05, 0.05))
    feed = Queue(make(1), make(2))
    acquisition = Acquisition(Played(feed=feed), intake, grab_timeout_s=5, rules=rules)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: len(intake.frames) == 2)
    acquisition.close()
    assert acquisition.health.failures == 1


def test_ten_thousand_flaps_cost_nothing() -> None:
    flaps = 0

    def opens() -> Feed:
        nonlocal flaps
        flaps += 1
        if flaps % 2:
            raise AcquisitionError(f"unplugged, {flaps}")
        return Queue(AcquisitionError("lost"))

    acquisition = Acquisition(
        Played(opens=opens), Intake(), grab_timeout_s=5, rules=Rules(reconnect_s=(0.0, 0.0))
    )
    acquisition.set_continuous(True)
    process = psutil.Process()
    acquisition.start()
    until(lambda: flaps > 500)
    tracemalloc.start()
    before, files, threads = (
        tracemalloc.get_traced_memory()[0],
        process.num_fds(),
        process.num_threads(),
    )
    until(lambda: flaps > 10_500)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < MOST_BYTES
    assert process.num_fds() <= files
    assert process.num_threads() <= threads
    acquisition.close()


@pytest.mark.parametrize("blind", ["frozen", "torn", "nothing"])
def test_after_a_while_without_a_good_frame_the_same_part_is_another_one(
    blind: str, make: Callable[..., Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.line.acquisition.BLIND_S", 0.3)
    numbers = itertools.count(1)

    def show(grey: int, *, count: int = 5) -> list[Frame]:
        """So many frames of the same thing at rest, each with a little noise."""
        frames = []
        for number in itertools.islice(numbers, count):
            image = np.full((48, 64), grey, np.uint8)
            image[0, 0] = number % 256
            frames.append(replace(make(number), image=image))
        return frames

    feed = Queue(*show(60), *show(160))
    intake = Intake()
    rules = Rules(trigger_mode="self")
    acquisition = Acquisition(Played(feed=feed), intake, grab_timeout_s=1, rules=rules)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: len(intake.frames) == 1 and not feed.entries)
    last = show(160, count=1)[0]
    ends_s = time.monotonic() + 0.5
    while time.monotonic() < ends_s:
        if blind != "nothing":
            frozen = replace(last, device_frame_id=next(numbers))
            feed.entries.append(frozen if blind == "frozen" else IncompleteFrameError("torn"))
        threading.Event().wait(0.02)
    feed.entries += show(160)
    until(lambda: len(intake.frames) == 2)
    acquisition.close()


def test_a_camera_that_stays_away_is_tried_less_and_less_often(
    make: Callable[..., Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    tries = 0

    def opens() -> Feed:
        nonlocal tries
        tries += 1
        if tries == 7:
            return Queue(make(1), AcquisitionError("lost"))
        raise AcquisitionError(f"unplugged, {tries}")

    def wait(acquisition: Acquisition, delay_s: float) -> None:
        waited.append(delay_s)
        acquisition._is_closing = len(waited) == 10

    monkeypatch.setattr(Acquisition, "_wait_refusing", wait)
    acquisition = Acquisition(Played(opens=opens), Intake(), grab_timeout_s=5)
    acquisition.set_continuous(True)
    acquisition.start()
    until(lambda: len(waited) == 10)
    acquisition.close()
    wanted = [1, 2, 4, 8, 10, 10, 1, 1, 2, 4]  # the seventh came, and was lost at once
    assert all(0.75 * s <= found <= 1.25 * s for s, found in zip(wanted, waited, strict=True))
    assert len({round(found / s, 6) for s, found in zip(wanted, waited, strict=True)}) > 3


def test_a_trigger_on_a_stopped_line_counts_no_frame_that_went_by(
    make: Callable[..., Frame], tiny_prepared: PreparedRecipe
) -> None:
    class Flushed(Queue):
        def flush(self) -> None:
            self.entries.clear()

    feed, intake = Flushed(make(1)), Intake()
    rules = Rules(trigger_mode="hardware")
    acquisition = Acquisition(Played(feed=feed), intake, grab_timeout_s=5, rules=rules)
    acquisition.set_continuous(True)
    acquisition.start()
    feed.entries.append(make(2))
    until(lambda: len(intake.frames) >= 1 and not feed.entries)
    acquisition.set_continuous(False)
    ticket = ticket_of(tiny_prepared)
    acquisition.trigger(ticket)
    threading.Event().wait(0.1)
    feed.entries.append(replace(make(60), acquired_s=time.monotonic()))
    until(lambda: intake.frames[-1][1] is ticket)
    acquisition.close()
    assert intake.failures == []


def test_a_trigger_that_met_the_end_of_the_source_is_let_go(
    tiny_prepared: PreparedRecipe,
) -> None:
    class Ending(Queue):
        def grab(self, timeout_s: float) -> Frame | None:
            return super().grab(timeout_s) if self.entries else None

    intake = Intake()
    acquisition = Acquisition(Played(opens=Ending), intake, grab_timeout_s=5)
    acquisition.start()
    acquisition.trigger(ticket_of(tiny_prepared))
    until(lambda: len(intake.failures) == 1)
    until(lambda: not acquisition.is_single)
    assert acquisition.waiting == 0
    acquisition.close()


def test_a_triggered_camera_that_repeats_a_number_is_not_believed(
    make: Callable[..., Frame], tiny_prepared: PreparedRecipe
) -> None:
    numbers = iter((1, 2, 2, 1, 3))
    feed = Triggered(lambda count: replace(make(count), device_frame_id=next(numbers)))
    intake = Intake()
    acquisition = Acquisition(Played(feed=feed), intake, grab_timeout_s=5)
    acquisition.start()
    for answered in range(1, 6):
        acquisition.trigger(ticket_of(tiny_prepared))
        until(lambda: len(intake.frames) + len(intake.failures) == answered)  # noqa: B023
    acquisition.close()
    assert [reason for reason, _ in intake.failures] == ["repeated_frame"] * 2
