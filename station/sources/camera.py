"""Frames through OpenCV: a camera by index, a video file, an RTSP or HTTP stream."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from pydantic import Field

from station.core.errors import AcquisitionError, NoFrameError
from station.core.frame import Frame
from station.core.plugin import Source
from station.vision.images import to_eight_bits


class Camera(Source, kind="camera"):
    """A device or stream OpenCV can open."""

    device: int | str = Field(description="index (0), video file, rtsp:// or http:// address")
    open_timeout_ms: int = Field(5000, gt=0)
    read_timeout_ms: int = Field(2000, gt=0)
    width: int | None = Field(None, gt=0, description="asked-for width in pixels, index only")
    height: int | None = Field(None, gt=0, description="asked-for height in pixels, index only")

    @property
    def is_live(self) -> bool:
        """A video file waits for the station; a camera or stream does not."""
        return isinstance(self.device, int) or "://" in self.device

    def open(self) -> "VideoFeed | LiveFeed":
        """Open the device.

        Raises:
            AcquisitionError: it does not exist, is in use, or does not answer in time.
        """
        if not self.is_live:
            if not Path(str(self.device)).is_file():
                raise AcquisitionError(f"there is no video file {self.device}")
            return VideoFeed(self, self._capture())
        return LiveFeed(self, self._capture())

    def _capture(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture()
        if isinstance(self.device, int):
            opened = capture.open(self.device)
        else:
            timeouts = (
                (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, self.open_timeout_ms),
                (cv2.CAP_PROP_READ_TIMEOUT_MSEC, self.read_timeout_ms),
            )
            flat = [number for pair in timeouts for number in pair]
            opened = capture.open(self.device, cv2.CAP_FFMPEG, flat)
        if not opened:
            capture.release()
            raise AcquisitionError(
                f"camera {self.camera_id!r} ({self.device}) cannot be opened; is it plugged in, "
                "free, and the address right?"
            )
        if self.width:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self.width)
        if self.height:
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self.height)
        return capture


class VideoFeed:
    """An open video file: each picture once, then the end."""

    def __init__(self, settings: Camera, capture: cv2.VideoCapture) -> None:
        self._settings = settings
        self._capture = capture
        self._sequence = 0

    def grab(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - a file never waits
        """The next picture; see `Feed.grab`."""
        started = time.perf_counter()
        acquired_at = datetime.now(UTC)
        done, raw = self._capture.read()
        if not done:
            return None
        self._sequence += 1
        return Frame(
            image=to_eight_bits(np.asarray(raw)),
            camera_id=self._settings.camera_id,
            sequence=self._sequence,
            acquired_at=acquired_at,
            acquisition_ms=(time.perf_counter() - started) * 1e3,
            is_simulated=True,
            origin=str(self._settings.device),
        )

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class LiveFeed:
    """An open camera or stream, drained by a thread of its own so that no frame gets old in it.

    A frame's `acquired_at` is the moment the wait for it began: whoever needs a frame taken after
    a trigger refuses the ones before.
    """

    def __init__(self, settings: Camera, capture: cv2.VideoCapture) -> None:
        self._settings = settings
        self._capture = capture
        self._news = threading.Condition()
        self._latest: Frame | None = None
        self._given = 0
        self._is_lost = False
        self._is_closing = False
        self._thread = threading.Thread(target=self._drain, name="camera", daemon=True)
        self._thread.start()

    def grab(self, timeout_s: float) -> Frame | None:
        """The newest frame not given before; see `Feed.grab`."""
        with self._news:
            self._news.wait_for(self._has_news, timeout_s)
            frame = self._latest
            if frame is not None and frame.sequence > self._given:
                self._given = frame.sequence
                return frame
        what = f"camera {self._settings.camera_id!r} ({self._settings.device})"
        if self._is_lost:
            raise AcquisitionError(f"{what} is lost")
        raise NoFrameError(f"{what} gave no frame within {timeout_s:g} s")

    def check(self) -> None:
        """See `MonitoredFeed.check`."""
        if self._is_lost:
            raise AcquisitionError(f"camera {self._settings.camera_id!r} is lost")

    def _has_news(self) -> bool:
        return self._is_lost or (self._latest is not None and self._latest.sequence > self._given)

    def _drain(self) -> None:
        try:
            while not self._is_closing and (frame := self._read()) is not None:
                with self._news:
                    self._latest = frame
                    self._news.notify_all()
        finally:
            with self._news:
                self._is_lost = True
                self._news.notify_all()
            self._capture.release()

    def _read(self) -> Frame | None:
        started, acquired_at = time.perf_counter(), datetime.now(UTC)
        done, raw = self._capture.read()
        if not done:
            return None
        return Frame(
            image=to_eight_bits(np.asarray(raw)),
            camera_id=self._settings.camera_id,
            sequence=self._latest.sequence + 1 if self._latest else 1,
            acquired_at=acquired_at,
            acquisition_ms=(time.perf_counter() - started) * 1e3,
            origin=str(self._settings.device),
        )

    def close(self) -> None:
        """End the thread, which releases the device; waits at most for one read."""
        self._is_closing = True
        self._thread.join(self._settings.read_timeout_ms / 1e3 + 1)
