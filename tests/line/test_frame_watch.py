"""Frames that repeat, go back in time, or come from the future are named, others are not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from station.core.frame import EncodedFrame, Frame, Image
from station.core.reasons import StationReason
from station.line.frame_watch import FrameWatch

DrawPart = Callable[..., Image]
SECOND_NS = 1_000_000_000


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> FrameWatch:
    return FrameWatch(clock)


@pytest.fixture
def make(draw_part: DrawPart) -> Callable[..., Frame]:
    """make(number, stamp_s): a frame unlike the others."""
    made = 0

    def frame(number: int | None = None, stamp_s: float | None = None) -> Frame:
        nonlocal made
        made += 1
        return Frame(
            image=draw_part(90, seed=made),
            camera_id="c",
            sequence=made,
            acquired_at=datetime.now(UTC),
            device_frame_id=number,
            device_timestamp_ns=None if stamp_s is None else int(stamp_s * SECOND_NS),
        )

    return frame


def reasons(watch: FrameWatch, frames: list[Frame]) -> list[str | None]:
    found = [watch.fault(frame) for frame in frames]
    return [str(fault[0]) if fault else None for fault in found]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1, 2, 3, 7], [None] * 4),
        ([5, 5], [None, "repeated_frame"]),
        ([5, 4, 6], [None, "repeated_frame", None]),
        ([65_535, 1, 2], [None] * 3),
        ([65_534, 2], [None] * 2),
        ([2**32 - 1, 0], [None] * 2),
        ([40_000, 1], [None, "repeated_frame"]),
        ([None, 3, None, 2], [None] * 4),
    ],
)
def test_frame_numbers(
    watch: FrameWatch,
    make: Callable[..., Frame],
    numbers: list[int | None],
    expected: list[str | None],
) -> None:
    assert reasons(watch, [make(number) for number in numbers]) == expected


def test_frames_that_were_lost_are_counted(watch: FrameWatch, make: Callable[..., Frame]) -> None:
    missed = []
    for number in (10, 11, 14, 14, 65_535, 2):
        frame = make(number)
        missed.append(watch.missed(frame))
        watch.fault(frame)
    assert missed == [0, 0, 2, 0, 65_520, 1]


def test_a_clock_that_goes_back_or_ahead_of_time(
    watch: FrameWatch, clock: Clock, make: Callable[..., Frame]
) -> None:
    found = []
    for passed_s, stamp_s in ((0, 50), (1, 51), (1, 52), (1, 40), (1, 41), (1, 100), (1, 101)):
        clock.now_s += passed_s
        found += reasons(watch, [make(stamp_s=stamp_s)])
    jump = "timestamp_jump"
    assert found == [None, None, None, jump, None, jump, None]


def test_a_queue_of_old_frames_is_no_jump(
    watch: FrameWatch, clock: Clock, make: Callable[..., Frame]
) -> None:
    """Nobody asked for ten seconds; then the driver gives old frames and a new one at once."""
    frames = [make(stamp_s=50)]
    assert reasons(watch, frames) == [None]
    clock.now_s += 10
    assert reasons(watch, [make(stamp_s=s) for s in (50.1, 50.2, 50.3, 60)]) == [None] * 4


@pytest.mark.parametrize("parts_per_million", [-200, 200])
def test_a_clock_that_drifts_is_no_jump(
    watch: FrameWatch, clock: Clock, make: Callable[..., Frame], parts_per_million: int
) -> None:
    stamp_s = 50.0
    for _ in range(500):
        clock.now_s += 60
        stamp_s += 60 * (1 + parts_per_million / 1e6)
        assert reasons(watch, [make(stamp_s=stamp_s)]) == [None]


def test_a_camera_that_was_opened_again_may_count_anew(
    watch: FrameWatch, make: Callable[..., Frame]
) -> None:
    assert reasons(watch, [make(100, 50)]) == [None]
    watch.reopened()
    assert reasons(watch, [make(1, 0)]) == [None]


def test_the_same_picture_again_is_frozen_even_after_opening_again(
    watch: FrameWatch, draw_part: DrawPart
) -> None:
    def frame(image: Image) -> Frame:
        return Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))

    image = draw_part(90)
    assert reasons(watch, [frame(image), frame(image.copy())]) == [None, "frozen_frame"]
    watch.reopened()
    assert reasons(watch, [frame(image.copy()), frame(draw_part(91))]) == ["frozen_frame", None]


def test_an_upload_that_repeats_is_frozen_and_a_played_file_may(watch: FrameWatch) -> None:
    file = EncodedFrame(data=b"x", camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    again = replace(file, data=bytes([120]))
    assert watch.fault(file) is None
    assert watch.fault(again) is not None
    assert watch.fault(replace(file, data=b"y")) is None
    assert watch.missed(file) == 0
    played = replace(file, data=b"y", is_simulated=True)
    assert watch.fault(played) is None


def test_old_frames_given_again_stay_old(watch: FrameWatch, make: Callable[..., Frame]) -> None:
    """A driver that hands out several buffers a second time; then it goes on."""
    numbers = [1, 2, 3, 4, 5, 3, 4, 5, 6]
    repeated = "repeated_frame"
    assert reasons(watch, [make(n) for n in numbers]) == [None] * 5 + [repeated] * 3 + [None]


def test_a_counter_that_began_anew_is_followed_after_a_while(
    watch: FrameWatch, make: Callable[..., Frame]
) -> None:
    found = reasons(watch, [make(n) for n in (1000, *range(1, 40))])
    assert found[0] is None
    assert found[1:20] == ["repeated_frame"] * 19
    assert found[21:] == [None] * 19


def test_a_torn_frame_is_not_lost_as_well(watch: FrameWatch, make: Callable[..., Frame]) -> None:
    assert reasons(watch, [make(1)]) == [None]
    watch.torn()
    assert watch.missed(make(3)) == 0
    assert watch.missed(make(4)) == 1


def test_a_counter_that_went_round_while_nobody_looked_is_no_repeat(
    watch: FrameWatch, make: Callable[..., Frame]
) -> None:
    assert watch.fault(make(40_000)) is None
    watch.skip()
    assert watch.fault(make(20_000)) is None
    watch.skip()
    fault = watch.fault(make(20_000))
    assert fault is not None
    assert fault[0] is StationReason.REPEATED_FRAME
