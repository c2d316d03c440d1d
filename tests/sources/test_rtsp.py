"""RTSP from a real server: frames rise, a server that stalls or goes is lost, and comes back."""

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from station.core.errors import AcquisitionError, InUseError, NoFrameError
from station.core.frame import Frame
from station.core.plugin import Feed
from station.sources.camera import Camera
from tests.sources.rtsp_server import LIBRARIES, RtspServer

pytestmark = pytest.mark.timeout(90)  # the server looks through its plug-ins at its first start


@pytest.fixture
def server() -> Iterator[RtspServer]:
    try:
        for name in LIBRARIES:
            ctypes.CDLL(name)
    except OSError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no RTSP server: {error}")
        pytest.skip(f"no RTSP server (Debian: libgstrtspserver-1.0-0): {error}")
    running = RtspServer()
    yield running
    running.kill()


def source_of(server: RtspServer) -> Camera:
    return Camera(device=server.url, camera_id="cam1", open_timeout_ms=20_000, read_timeout_ms=900)


def grabbed(feed: Feed) -> Frame:
    frame = feed.grab(10)
    assert isinstance(frame, Frame)
    return frame


def grab_on(feed: Feed, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        with suppress(NoFrameError):
            feed.grab(0.2)


def test_frames_rise_and_say_when(server: RtspServer) -> None:
    feed = source_of(server).open()
    try:
        frames = [grabbed(feed) for _ in range(10)]
    finally:
        feed.close()
    assert all(frame.image.shape == (240, 320, 3) for frame in frames)
    sequences = [frame.sequence for frame in frames]
    assert sequences == sorted(set(sequences))
    times = [frame.device_timestamp_ns for frame in frames if frame.device_timestamp_ns]
    assert len(times) >= 9
    assert times == sorted(set(times))
    assert frames[-1].acquired_at < datetime.now(UTC) - timedelta(milliseconds=200)
    assert not np.array_equal(frames[0].image, frames[-1].image)


def test_a_server_that_goes_is_lost_and_opens_again(server: RtspServer) -> None:
    source = source_of(server)
    feed = source.open()
    try:
        grabbed(feed)
        server.kill()
        with pytest.raises(AcquisitionError, match="is lost"):
            grab_on(feed, 20)
    finally:
        feed.close()
    with pytest.raises(AcquisitionError, match="cannot be opened"):
        source.open()
    server.start()
    again = source.open()
    try:
        assert grabbed(again).sequence >= 1
    finally:
        again.close()


def test_a_server_that_stalls_is_lost(server: RtspServer) -> None:
    feed = source_of(server).open()
    try:
        grabbed(feed)
        server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(AcquisitionError, match="is lost"):
            grab_on(feed, 20)
    finally:
        feed.close()


def test_one_station_a_stream(server: RtspServer) -> None:
    feed = source_of(server).open()
    try:
        with pytest.raises(InUseError, match=r"rtsp://.* is used by another station"):
            source_of(server).open()
    finally:
        feed.close()
    source_of(server).open().close()
