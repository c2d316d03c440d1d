"""GigE Vision over real packets: whole frames, torn frames, triggers, a camera that goes away."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from station.core.errors import AcquisitionError, IncompleteFrameError, InUseError, NoFrameError
from station.core.frame import Frame
from station.core.plugin import Feed, TriggeredFeed
from station.sources.aravis import Aravis, SensorRegion
from station.sources.aravis.feed import AravisFeed, LongIds
from station.sources.aravis.library import load
from station.sources.aravis.stream import Buffer
from tests.sources.fake_gige import ADDRESS, FakeGige, fake_gige

TOOL = "arv-tool-0.8"
CAMERA = Aravis(
    camera=ADDRESS,
    camera_id="cam1",
    region=SensorRegion(x=16, y=8, width=128, height=128),  # fits any system's socket buffer
)


@pytest.fixture
def camera() -> Iterator[FakeGige]:
    with fake_gige() as plugged_in:
        yield plugged_in


def whole(feed: Feed) -> Frame:
    frame = feed.grab(10)
    assert isinstance(frame, Frame)
    return frame


def is_whole_ramp(frame: Frame) -> bool:
    """The camera draws x + y + the frame's number, modulo 255."""
    x, y = np.meshgrid(np.arange(frame.image.shape[1]), np.arange(frame.image.shape[0]))
    return np.array_equal(frame.image, (x + y + int(frame.image[0, 0])) % 255)


def grab_on(feed: Feed, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        with suppress(NoFrameError):
            feed.grab(0.2)


def lost_after_s(feed: Feed) -> float:
    """How long until the feed says that the camera is lost."""
    started_s = time.monotonic()
    with pytest.raises(AcquisitionError, match="is lost"):
        grab_on(feed, 20)
    return time.monotonic() - started_s


@pytest.mark.usefixtures("camera")
def test_frames_come_whole_and_in_order() -> None:
    before = datetime.now(UTC)
    feed = CAMERA.open()
    try:
        frames = [whole(feed) for _ in range(12)]
    finally:
        feed.close()
    ids = [frame.device_frame_id or 0 for frame in frames]
    stamps = [frame.device_timestamp_ns or 0 for frame in frames]
    assert ids == list(range(ids[0], ids[0] + 12))
    assert stamps == sorted(set(stamps))
    assert [frame.sequence for frame in frames] == list(range(1, 13))
    times = [frame.acquired_at for frame in frames]
    assert before < times[1] < times[-1] < datetime.now(UTC)
    assert not frames[0].is_simulated
    for frame, after in pairwise(frames):
        assert frame.image.shape == (128, 128)
        assert not np.array_equal(frame.image, after.image)
        assert is_whole_ramp(frame)


@pytest.mark.parametrize("resend", [True, False])
def test_lost_packets_never_give_a_frame(camera: FakeGige, resend: bool) -> None:
    camera.unplug()
    camera.plug_in("-r", "40")
    feed = CAMERA.model_copy(update={"packet_resend": resend}).open()
    torn = good = 0
    try:
        while torn < 5 or good < 5:
            assert torn + good < 300
            try:
                frame = whole(feed)
            except IncompleteFrameError:
                torn += 1
            else:
                good += 1
                assert is_whole_ramp(frame)
    finally:
        feed.close()


@pytest.mark.timeout(90)  # the library gives up a silent camera after seconds, several times
@pytest.mark.parametrize("mode", ["off", "software", "hardware"])
def test_an_unplugged_camera_is_lost_and_opens_again(camera: FakeGige, mode: str) -> None:
    source = CAMERA.model_copy(update={"trigger_mode": mode, "watchdog_ms": 1000.0})
    feed = source.open()
    try:
        if mode == "off":
            whole(feed)
        camera.unplug()
        assert lost_after_s(feed) < source.watchdog_ms / 1e3 + 1
        if isinstance(feed, TriggeredFeed):
            with pytest.raises(AcquisitionError, match="lost"):
                feed.trigger()
    finally:
        feed.close()
    with pytest.raises(AcquisitionError, match=r"127\.0\.0\.1.*cannot be opened"):
        source.open()
    camera.plug_in()
    again = CAMERA.open()
    try:
        whole(again)
    finally:
        again.close()


def test_a_camera_that_came_back_at_once_is_not_ours_any_more(camera: FakeGige) -> None:
    feed = CAMERA.model_copy(update={"trigger_mode": "hardware"}).open()
    try:
        camera.unplug()
        camera.plug_in()
        lost_after_s(feed)
    finally:
        feed.close()


@pytest.mark.usefixtures("camera")
def test_one_frame_a_software_trigger() -> None:
    feed = CAMERA.model_copy(update={"trigger_mode": "software"}).open()
    assert isinstance(feed, TriggeredFeed)
    try:
        with pytest.raises(NoFrameError):
            feed.grab(0.3)
        ids = []
        for _ in range(5):
            asked_at = time.time_ns()
            feed.trigger()
            frame = whole(feed)
            assert (frame.device_timestamp_ns or 0) >= asked_at  # this camera tells the time
            ids.append(frame.device_frame_id or 0)
        with pytest.raises(NoFrameError):
            feed.grab(0.3)
        assert ids == list(range(ids[0], ids[0] + 5))
        feed.trigger()
        feed.trigger()
        assert whole(feed).device_frame_id == ids[-1] + 2
        with pytest.raises(NoFrameError):
            feed.grab(0.3)
    finally:
        feed.close()


@pytest.mark.usefixtures("camera")
def test_settings_reach_the_camera() -> None:
    source = CAMERA.model_copy(
        update={
            "exposure_time_us": 2000.0,
            "region": SensorRegion(x=16, y=8, width=128, height=96),
            "packet_size_bytes": 1000,
        }
    )
    feed = source.open()
    try:
        frame = whole(feed)
    finally:
        feed.close()
    assert frame.image.shape == (96, 128)


@pytest.mark.usefixtures("camera")
@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"exposure_time_us": 1e12}, "exposure_time_us"),
        ({"trigger_mode": "hardware", "trigger_source": "Line77"}, "refuses trigger_mode.*Line77"),
    ],
)
def test_a_setting_the_camera_does_not_take_is_refused(
    setting: dict[str, object], says: str
) -> None:
    with pytest.raises(AcquisitionError, match=says):
        CAMERA.model_copy(update=setting).open()
    feed = CAMERA.open()
    feed.close()


def test_a_setting_the_camera_has_no_node_for_is_refused(camera: FakeGige, tmp_path: Path) -> None:
    nodes = subprocess.check_output([TOOL, "-a", ADDRESS, "genicam"], text=True)
    without = tmp_path / "no_gain.xml"
    without.write_text(nodes[nodes.index("<?xml") :].replace("Gain", "Absent"))
    camera.unplug()
    camera.plug_in("-g", str(without))
    with pytest.raises(AcquisitionError, match="has no gain_db: leave the setting out"):
        CAMERA.model_copy(update={"gain_db": 3.0}).open()
    feed = CAMERA.open()
    try:
        whole(feed)
    finally:
        feed.close()


@pytest.mark.usefixtures("camera")
def test_a_second_station_is_refused_and_does_not_disturb_the_first() -> None:
    feed = CAMERA.open()
    try:
        with pytest.raises(InUseError, match=r"127\.0\.0\.1.*controlled by another"):
            CAMERA.open()
        whole(feed)
    finally:
        feed.close()
    CAMERA.open().close()


@pytest.mark.usefixtures("camera")
def test_the_first_frame_of_a_full_sensor_is_whole() -> None:
    full = CAMERA.model_copy(
        update={"region": SensorRegion(width=512, height=512), "packet_size_bytes": 4000}
    )
    for _ in range(10):
        feed = full.open()
        try:
            assert is_whole_ramp(whole(feed))
        finally:
            feed.close()


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("camera")
def test_opening_and_closing_leaves_nothing_behind() -> None:
    process = psutil.Process()
    handles, threads = [], []
    for _ in range(50):
        feed = CAMERA.open()
        whole(feed)
        feed.close()
        feed.close()
        handles.append(process.num_fds())
        threads.append(process.num_threads())
    assert max(handles[10:]) <= max(handles[:10])
    # GLib keeps idle threads of its own, one more or less; a leak would show forty.
    assert max(threads[10:]) <= max(threads[:10]) + 2


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load.cache_clear()
    monkeypatch.setattr("station.sources.aravis.library.NAMES", ())
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    with pytest.raises(AcquisitionError, match="apt-get install libaravis"):
        CAMERA.open()


def test_short_frame_numbers_grow_on() -> None:
    long_ids = LongIds()
    short = [65534, 65535, 1, 2, 65535, 1]
    assert [long_ids(n) for n in short[:4]] == [65534, 65535, 65536, 65537]
    assert [long_ids(n) for n in short[4:]] == [131070, 131071]


@pytest.mark.parametrize(
    ("pixel_format", "shape"),
    [("Mono16", (128, 128)), ("BayerRG8", (128, 128, 3)), ("RGB8", (128, 128, 3))],
)
@pytest.mark.usefixtures("camera")
def test_other_pixel_formats_become_pictures(pixel_format: str, shape: tuple[int, ...]) -> None:
    feed = CAMERA.model_copy(update={"pixel_format": pixel_format}).open()
    try:
        assert whole(feed).image.shape == shape
    finally:
        feed.close()
        CAMERA.open().close()  # as it was


def test_a_pixel_format_nobody_can_read_is_refused_before_the_camera_is_taken() -> None:
    with pytest.raises(AcquisitionError, match=r"'Mono12p'.*Mono12"):
        CAMERA.model_copy(update={"pixel_format": "Mono12p"}).open()


def test_a_frame_that_waited_for_the_one_before_is_as_old_as_it_may_be() -> None:
    """A camera at its link's rate sends a frame only when the one before is out."""
    now_ns = time.time_ns()
    shots = ((1, 0), (2, 0), (5, 0), (6, 3600), (7, 3600), (8, 0))  # a clock jumps twice
    kept = [
        Buffer(
            problem="", frame_id=number, timestamp_ns=number, width=1, height=1, pixels=b"0",
            first_packet_ns=now_ns + number * 45_000_000 + jump_s * 10**9,
        )
        for number, jump_s in shots
    ]  # fmt: skip
    stream: Any = SimpleNamespace(pop=lambda _: kept.pop(0), close=lambda: None)
    device: Any = SimpleNamespace(
        device_id="link", is_gv=False, exposure_time_us=5000, stop=lambda: None, close=lambda: None
    )
    feed = AravisFeed(
        device, stream, camera_id="c", watchdog_s=1, decode=lambda *_: np.zeros((1, 1), np.uint8)
    )
    feed.grab(1)
    for number, jump_s in shots[1:]:
        frame = feed.grab(1)
        assert frame is not None
        sent_s = (now_ns + number * 45_000_000) / 1e9 + jump_s
        assert sent_s - frame.acquired_at.timestamp() == pytest.approx(0.050, abs=1e-3)
