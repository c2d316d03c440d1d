"""GenTL cameras on the simulator of the genicam package: three cameras without triggers."""

import signal
import threading
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from station.core.errors import AcquisitionError, InUseError
from station.core.frame import Frame
from station.core.plugin import Feed, MonitoredFeed, TriggeredFeed
from station.sources.aravis import SensorRegion
from station.sources.genicam import GenICam
from tests.sources.vendor import simulated_producer


def camera(serial: str | None = "0", **settings: Any) -> GenICam:
    entry = {"producer": simulated_producer(), "serial": serial, "pixel_format": "Mono8"}
    return GenICam.model_validate({**entry, "camera_id": "cam1", **settings})


def whole(feed: Feed) -> Frame:
    frame = feed.grab(10)
    assert isinstance(frame, Frame)
    return frame


def test_frames_come_whole_and_their_numbers_rise() -> None:
    with closing(camera().open()) as feed:
        frames = [whole(feed) for _ in range(12)]
        assert isinstance(feed, MonitoredFeed)
        assert not isinstance(feed, TriggeredFeed)
        feed.check()
    ids = [frame.device_frame_id or 0 for frame in frames]
    assert all(after > before for before, after in pairwise(ids))
    assert [frame.sequence for frame in frames] == list(range(1, 13))
    assert {frame.image.shape for frame in frames} == {(400, 400)}
    assert frames[0].image.max() > frames[0].image.min()
    times = [frame.acquired_at for frame in frames]
    assert times == sorted(times)
    assert frames[0].camera_id == "cam1"
    assert "genicam" in frames[0].origin


def test_colour_frames_are_bgr() -> None:
    with closing(camera("2", pixel_format="RGBa8").open()) as feed:
        image = whole(feed).image
    assert image.shape == (400, 400, 3)
    ball = image[image.min(axis=2) < 128].mean(axis=0)  # the blue camera draws a blue ball
    assert ball[0] > ball[1] + 50
    assert ball[0] > ball[2] + 50


def test_only_the_asked_part_is_read_out() -> None:
    with closing(camera(region=SensorRegion(width=200, height=100)).open()) as feed:
        assert whole(feed).image.shape == (100, 200)


def test_a_frame_is_never_taken_for_younger_than_it_is() -> None:
    """Frames that waited while nobody asked are older than a trigger given now."""
    with closing(camera().open()) as feed:
        whole(feed)
        threading.Event().wait(0.5)
        triggered_at = datetime.now(UTC)
        old = [whole(feed) for _ in range(3)]
    assert all(frame.acquired_at < triggered_at for frame in old)


def test_several_cameras_by_serial_at_once() -> None:
    with ExitStack() as opened:
        feeds = [opened.enter_context(closing(camera(each).open())) for each in ("0", "1", "2")]
        origins = [{whole(feed).origin for _ in range(3)} for feed in feeds]
        assert [len(each) for each in origins] == [1, 1, 1]
        assert len(set.union(*origins)) == 3
        feeds[0].close()
        assert whole(feeds[1]).image.shape == (400, 400)
        with closing(camera("0").open()) as again:
            assert whole(again).origin in origins[0]


def test_a_camera_by_index() -> None:
    with closing(camera(None, index=1).open()) as feed:
        assert "green" in whole(feed).origin


def test_a_second_one_on_the_same_camera_is_refused() -> None:
    with closing(camera().open()) as feed:
        with pytest.raises(InUseError, match="used by another"):
            camera().open()
        assert whole(feed).sequence > 0


def test_opening_again_and_again_leaves_nothing_behind() -> None:
    process = psutil.Process()

    def round_trip() -> None:
        with closing(camera().open()) as feed:
            whole(feed)

    for _ in range(3):
        round_trip()
    fds, threads = process.num_fds(), process.num_threads()
    for _ in range(30):
        round_trip()
    assert process.num_fds() <= fds
    assert process.num_threads() <= threads


def test_what_the_program_does_on_interrupt_stays() -> None:
    before = signal.getsignal(signal.SIGINT)
    with closing(camera().open()):
        assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"exposure_time_us": 5000}, "ExposureTime for exposure_time_us"),
        ({"gain_db": 3}, "Gain for gain_db"),
        ({"trigger_mode": "software"}, "TriggerMode for trigger_mode"),
        ({"trigger_mode": "hardware"}, "TriggerMode for trigger_mode"),
        ({"region": {"x": 8, "width": 200, "height": 200}}, "OffsetX for region"),
        ({"pixel_format": "BayerRG8"}, "refuses pixel_format BayerRG8"),
        ({"region": {"width": 100_000, "height": 200}}, "refuses region 100000"),
    ],
)
def test_what_the_camera_cannot_do_is_refused_by_name(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(AcquisitionError, match=named):
        camera(**settings).open()
    with closing(camera().open()) as feed:  # and it was given back
        whole(feed)


def test_a_wrong_serial_says_which_there_are() -> None:
    with pytest.raises(AcquisitionError, match=r"'77'.*'0' .*'1' .*'2' "):
        camera("77").open()
    with pytest.raises(AcquisitionError, match=r"index 7.*'0' "):
        camera(None, index=7).open()
    with pytest.raises(AcquisitionError, match=r"give the serial.*'0' "):
        camera(None).open()
    with pytest.raises(AcquisitionError, match="not both"):
        camera("0", index=0).open()


def test_it_can_be_asked_whether_the_camera_is_there() -> None:
    assert camera("1").is_there()
    assert not camera("77").is_there()
    with closing(camera("0").open()) as feed:
        assert camera("1").is_there()
        assert not camera("77").is_there()
        whole(feed)


def test_producers_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENICAM_GENTL64_PATH", str(Path(simulated_producer()).parent))
    with closing(camera(producer=None).open()) as feed:
        whole(feed)


def test_without_a_producer_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GENICAM_GENTL64_PATH", str(tmp_path))
    with pytest.raises(AcquisitionError, match="GENICAM_GENTL64_PATH"):
        camera(producer=None).open()
    with pytest.raises(AcquisitionError, match=r"no GenTL producer .*gone\.cti"):
        camera(producer=str(tmp_path / "gone.cti")).open()
    broken = tmp_path / "broken.cti"
    broken.write_bytes(b"no library")
    with pytest.raises(AcquisitionError, match=r"broken\.cti cannot be loaded"):
        camera(producer=str(broken)).open()
