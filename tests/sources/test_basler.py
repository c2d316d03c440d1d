"""Basler cameras on pylon's emulation: triggers, played pictures, failed buffers, a whole line."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from station.core.errors import AcquisitionError, IncompleteFrameError, NoFrameError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Feed, TriggeredFeed
from station.core.recipe import PreparedRecipe
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.line.line import Line
from station.line.settings import LineSettings
from station.line.states import State
from station.sources.aravis import SensorRegion
from station.sources.basler import Basler
from station.sources.basler.device import PylonDevice
from station.sources.basler.pylon import with_emulation
from station.sources.buffer_feed import RunningFeed, SoftwareFeed
from tests.sources.vendor import emulated_cameras

GREYS = (40, 90, 140, 190)
SIZE = (64, 48)


def camera(serial: str | None = "0815-0000", **settings: Any) -> Basler:
    entry = {"emulate": emulated_cameras(), "serial": serial, "camera_id": "cam1"}
    return Basler.model_validate({"trigger_mode": "software", **entry, **settings})


@pytest.fixture
def played(tmp_path: Path) -> Path:
    """A folder of four pictures, each of one grey."""
    return write_pictures(tmp_path / "played", [np.full(SIZE[::-1], grey) for grey in GREYS])


def write_pictures(folder: Path, pictures: Sequence[np.ndarray]) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:02}.png"), picture.astype(np.uint8))
    return folder


def whole(feed: Feed) -> Frame:
    frame = feed.grab(10)
    assert isinstance(frame, Frame)
    return frame


def grab_many(feed: Feed) -> None:
    for _ in range(100):
        whole(feed)


def triggered(feed: Feed) -> Frame:
    assert isinstance(feed, TriggeredFeed)
    feed.trigger()
    return whole(feed)


@pytest.fixture
def device() -> Iterator[PylonDevice]:
    """An open emulated camera whose nodes the test may reach; it waits for triggers."""
    opened = opened_device(camera())
    yield opened
    opened.close()


def opened_device(wanted: Basler) -> PylonDevice:
    pylon = with_emulation(emulated_cameras())
    return PylonDevice(wanted, wanted.serial, is_emulated=True, pictures=None, pylon=pylon)


def test_each_software_trigger_gets_its_own_picture(played: Path) -> None:
    with closing(camera(pictures=played).open()) as feed:
        frames = [triggered(feed) for _ in range(12)]
        with pytest.raises(NoFrameError):
            feed.grab(0.1)
    assert [round(float(frame.image.mean())) for frame in frames] == [*GREYS, *GREYS, *GREYS]
    assert {frame.image.shape for frame in frames} == {SIZE[::-1]}
    ids = [frame.device_frame_id or 0 for frame in frames]
    assert ids == list(range(ids[0], ids[0] + 12))
    assert all(frame.is_simulated for frame in frames)
    assert frames[0].origin == "basler:0815-0000"


def test_a_frame_nobody_took_is_not_taken_for_the_next(played: Path) -> None:
    with closing(camera(pictures=played).open()) as feed:
        assert isinstance(feed, TriggeredFeed)
        feed.trigger()
        before = datetime.now(UTC)
        frame = triggered(feed)
    assert round(float(frame.image.mean())) == GREYS[1]
    assert frame.acquired_at >= before


def test_colours_of_played_pictures_are_bgr(tmp_path: Path) -> None:
    blue = np.zeros((48, 64, 3))
    blue[:] = (200, 60, 20)
    folder = write_pictures(tmp_path / "blue", [blue])
    with closing(camera(pictures=folder, pixel_format="RGB8Packed").open()) as feed:
        assert triggered(feed).image[20, 30].tolist() == [200, 60, 20]
    with closing(camera(pictures=folder, pixel_format="BGR8Packed").open()) as feed:
        assert triggered(feed).image[20, 30].tolist() == [200, 60, 20]
    for bayer in ("BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8"):
        with closing(camera(pictures=folder, pixel_format=bayer).open()) as feed:
            middle = triggered(feed).image[20, 30].astype(int)
        assert np.abs(middle - (200, 60, 20)).max() <= 2, bayer


def test_deep_grey_is_scaled(played: Path) -> None:
    for name in ("Mono10", "Mono12", "Mono16"):
        with closing(camera(pictures=played, pixel_format=name).open()) as feed:
            assert abs(float(triggered(feed).image.mean()) - GREYS[0]) <= 1, name


def test_a_failed_buffer_is_an_error_and_the_next_frame_is_fine(device: PylonDevice) -> None:
    feed = SoftwareFeed(device, camera_id="cam1", watchdog_s=5)
    first = triggered(feed)
    device.nodes.set("ForceFailedBufferCount", 2)
    device.nodes.execute("ForceFailedBuffer")
    for _ in range(2):
        with pytest.raises(IncompleteFrameError, match=r"not whole: .*incompletely"):
            triggered(feed)
    after = triggered(feed)
    assert after.device_frame_id == (first.device_frame_id or 0) + 3


def test_a_failed_buffer_of_a_running_camera_is_an_error() -> None:
    opened = opened_device(camera(trigger_mode="off"))
    feed = RunningFeed(opened, camera_id="cam1", watchdog_s=5, runs_freely=True, keep=8)
    with closing(feed):
        whole(feed)
        opened.nodes.set("ForceFailedBufferCount", 1)
        opened.nodes.execute("ForceFailedBuffer")
        with pytest.raises(IncompleteFrameError):
            grab_many(feed)
        whole(feed)


def test_a_running_camera_that_falls_silent_is_lost() -> None:
    """It waits for triggers nobody gives, and the station believes that it runs."""
    opened = opened_device(camera())
    feed = RunningFeed(opened, camera_id="cam1", watchdog_s=0.3, runs_freely=True, keep=8)
    with closing(feed):
        with pytest.raises(AcquisitionError, match=r"is lost: no frame for 0\.3 s"):
            feed.grab(10)
        with pytest.raises(AcquisitionError, match="is lost"):
            feed.check()


def test_a_camera_at_a_line_may_be_silent() -> None:
    settings: dict[str, Any] = {
        "trigger_mode": "hardware",
        "trigger_source": "Line1",
        "watchdog_ms": 200,
    }
    with closing(camera(**settings).open()) as feed:
        assert not isinstance(feed, TriggeredFeed)
        with pytest.raises(NoFrameError):
            feed.grab(0.5)
        feed.check()
    with pytest.raises(AcquisitionError, match="refuses trigger_source Line77"):
        camera(trigger_mode="hardware", trigger_source="Line77").open()


def test_two_cameras_by_serial_at_once(played: Path) -> None:
    with ExitStack() as opened:
        serials = ("0815-0000", "0815-0001")
        plain, player = (
            opened.enter_context(closing(camera(each, pictures=folder).open()))
            for each, folder in zip(serials, (None, played), strict=True)
        )
        for grey in GREYS:
            assert triggered(plain).origin == "basler:0815-0000"
            frame = triggered(player)
            assert frame.origin == "basler:0815-0001"
            assert round(float(frame.image.mean())) == grey


def test_settings_reach_the_camera(device: PylonDevice) -> None:
    settings: dict[str, Any] = {"exposure_time_us": 2000, "gain_db": 6, "pixel_format": "Mono12"}
    region = SensorRegion(x=16, y=8, width=128, height=64)
    with closing(camera(region=region, **settings).open()) as feed:
        frame = triggered(feed)
    assert frame.image.shape == (64, 128)
    with pytest.raises(AcquisitionError, match="refuses exposure_time_us"):
        camera(exposure_time_us=1e12).open()
    with pytest.raises(AcquisitionError, match="refuses pixel_format Mono77"):
        camera(pixel_format="Mono77").open()
    assert device.nodes.get("ExposureTime") == 10_000  # another camera object is another camera


def test_a_wrong_serial_says_which_there_are() -> None:
    with pytest.raises(AcquisitionError, match=r"'4711'.*'0815-0000', '0815-0001'"):
        camera("4711").open()
    with pytest.raises(AcquisitionError, match=r"give the serial.*'0815-0000', '0815-0001'"):
        camera(None).open()
    assert camera().is_there()
    assert not camera("4711").is_there()


def test_an_emulated_camera_never_stands_for_a_real_one() -> None:
    emulated_cameras()
    with closing(camera().open()):
        with pytest.raises(AcquisitionError, match="there are none"):
            Basler(serial="0815-0000").open()
        assert not Basler(serial="0815-0000").is_there()


def test_pictures_that_cannot_be_played(tmp_path: Path) -> None:
    emulated_cameras()
    with pytest.raises(AcquisitionError, match="set emulate"):
        Basler(pictures=tmp_path).open()
    with pytest.raises(AcquisitionError, match="no PNG or TIFF"):
        camera(pictures=tmp_path).open()
    with pytest.raises(AcquisitionError, match="no folder"):
        camera(pictures=tmp_path / "gone").open()


def test_pylon_that_was_loaded_without_emulation_is_told() -> None:
    emulated_cameras()
    code = (
        "import pypylon.pylon\n"
        "from station.sources.basler import Basler\n"
        "Basler(emulate=1).open()\n"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert "start the station with PYLON_CAMEMU=1" in ended.stderr


def test_opening_again_and_again_leaves_nothing_behind() -> None:
    process = psutil.Process()

    def round_trip() -> None:
        with closing(camera(region=SensorRegion(width=64, height=64)).open()) as feed:
            triggered(feed)

    for _ in range(3):
        round_trip()
    fds, threads = process.num_fds(), process.num_threads()
    for _ in range(8):
        round_trip()
    assert process.num_fds() <= fds
    assert process.num_threads() <= threads


def test_a_whole_line_with_software_triggers(
    tiny_prepared: PreparedRecipe, draw_part: Callable[..., Image], tmp_path: Path
) -> None:
    greys = [90, 170, 90, 90, 170]
    parts = [draw_part(grey, seed=seed) for seed, grey in enumerate(greys)]
    source = camera(pictures=write_pictures(tmp_path / "parts", parts), pixel_format="BGR8Packed")
    settings = {"recipe": "tiny", "isolation": "thread", "trigger_mode": "software"}
    line = Line(
        LineSettings.model_validate(settings),
        tiny_prepared,
        source,
        Journal(tmp_path / "journal.sqlite"),
        Pictures(tmp_path / "pictures", KeepPolicy()),
        (),
        None,
    )
    with closing(line):
        end_s = time.monotonic() + 10
        while line.state is not State.READY:
            assert time.monotonic() < end_s
            threading.Event().wait(0.01)
        results = [line.trigger(Job(part_id=str(n))).result(10) for n in range(2 * len(greys))]
    assert [result.passed for result in results] == [grey == 90 for grey in greys * 2]
    assert [result.part_id for result in results] == [str(n) for n in range(2 * len(greys))]
    assert all(result.is_simulated for result in results)
