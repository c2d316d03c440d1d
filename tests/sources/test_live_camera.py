"""A network camera: frames come fresh, a stall is noticed, a lost stream is an error."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from station.core.errors import AcquisitionError, NoFrameError
from station.core.frame import Frame, Image
from station.core.plugin import Feed
from station.sources.camera import Camera
from station.vision.images import encode_jpeg


class NetworkCamera(ThreadingHTTPServer):
    """Sends motion JPEG until told to stall or to hang up."""

    daemon_threads = True

    def __init__(self, draw_part: Callable[..., Image]) -> None:
        super().__init__(("127.0.0.1", 0), Stream)
        self.pictures = [encode_jpeg(draw_part(90, (64, 48), seed=n)) for n in range(10)]
        self.is_stalled = threading.Event()
        self.is_gone = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/stream.mjpg"


class Stream(BaseHTTPRequestHandler):
    server: NetworkCamera

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        while not self.server.is_gone.wait(0.02):
            if self.server.is_stalled.is_set():
                continue
            picture = self.server.pictures[number % 10]
            number += 1
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + picture + b"\r\n")
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def camera(draw_part: Callable[..., Image]) -> Iterator[NetworkCamera]:
    with NetworkCamera(draw_part) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.is_gone.set()
        server.shutdown()
        thread.join()


def source_of(camera: NetworkCamera) -> Camera:
    return Camera(device=camera.url, open_timeout_ms=5000, read_timeout_ms=500)


def grabbed(feed: Feed, seconds: float) -> Frame:
    end_s = time.monotonic() + seconds
    while True:
        try:
            frame = feed.grab(0.2)
        except NoFrameError:
            assert time.monotonic() < end_s, "no frame"
            continue
        assert isinstance(frame, Frame)
        return frame


def grab_on(feed: Feed, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        with suppress(NoFrameError):
            feed.grab(0.2)


def test_frames_are_new_and_fresh(camera: NetworkCamera) -> None:
    source = source_of(camera)
    assert source.is_live
    feed = source.open()
    try:
        first = grabbed(feed, 10)
        threading.Event().wait(0.5)  # frames pass unseen meanwhile
        asked_at = datetime.now(UTC)
        frame = grabbed(feed, 10)
        while frame.acquired_at < asked_at:
            frame = grabbed(feed, 10)
        assert frame.sequence > first.sequence + 5
        assert not frame.is_simulated
        assert frame.image.shape == (48, 64, 3)
        assert abs(float(np.mean(frame.image)) - 90) < 3
    finally:
        feed.close()


def test_a_stall_is_no_frame_then_a_lost_camera(camera: NetworkCamera) -> None:
    feed = source_of(camera).open()
    try:
        grabbed(feed, 10)
        camera.is_stalled.set()
        with pytest.raises(AcquisitionError, match="is lost"):
            grab_on(feed, 10)
    finally:
        feed.close()


def test_a_stream_that_ends_is_a_lost_camera(camera: NetworkCamera) -> None:
    feed = source_of(camera).open()
    try:
        grabbed(feed, 10)
        camera.is_gone.set()
        with pytest.raises(AcquisitionError, match="is lost"):
            grab_on(feed, 10)
    finally:
        feed.close()
