"""Frames through OpenCV: a camera by index, a video file, an RTSP or HTTP stream."""

import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from pydantic import Field

from station.core.errors import AcquisitionError, NoFrameError
from station.core.frame import Frame
from station.core.plugin import Source
from station.sources.exclusive import Held, exclusive
from station.vision.images import to_eight_bits

STREAM_OPTIONS = (
    "rtsp_transport;tcp|fflags;discardcorrupt+nobuffer|analyzeduration;500000|max_delay;0"
)
"""For FFmpeg: over TCP no packet is lost unseen, what is marked corrupt is thrown away, and
nothing is kept back to look at it first."""
OPTIONS_NAME = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
OPENING = threading.Lock()
ROUNDING = 0.005
"""How much of a rate or exposure a driver may round away."""
NETWORK_LATENCY_MS = 200.0


class Camera(Source, kind="camera"):
    """A device or stream OpenCV can open.

    A stream or USB camera tells nobody when it exposed: a frame counts as taken `latency_ms`
    before the wait for it began. Measure it (a clock in the picture) where a trigger must match.
    """

    device: int | str = Field(
        description="index (0), video file, rtsp:// or http:// address", examples=[0]
    )
    open_timeout_ms: int = Field(
        5000, gt=0, description="so long opening may take, addresses and files only"
    )
    read_timeout_ms: int = Field(
        1000, gt=0, description="a camera or stream silent for so long is lost"
    )
    width: int | None = Field(None, gt=0, description="width in pixels, index only")
    height: int | None = Field(None, gt=0, description="height in pixels, index only")
    rate_per_s: float | None = Field(None, gt=0, description="frames per second, index only")
    exposure: float | None = Field(
        None, description="in the driver's own unit (V4L2: 100 us steps), index only; not automatic"
    )
    latency_ms: float | None = Field(
        None, ge=0, description="age of a frame when it comes; left out: 200 for addresses, else 0"
    )

    @property
    def is_live(self) -> bool:
        """A video file waits for the station; a camera or stream does not."""
        return isinstance(self.device, int) or "://" in self.device

    def open(self) -> "VideoFeed | LiveFeed":
        """Open the device.

        Raises:
            InUseError: another station uses it.
            AcquisitionError: it does not exist, does not answer in time, or refuses a setting.
        """
        if not self.is_live:
            if not Path(str(self.device)).is_file():
                raise AcquisitionError(f"there is no video file {self.device}")
            return VideoFeed(self, self._capture())
        held = exclusive(f"camera {self.device}")
        try:
            return LiveFeed(self, self._capture(), held)
        except BaseException:
            held.release()
            raise

    @property
    def latency(self) -> timedelta:
        """How old a frame is when it comes, at least as far as anybody said."""
        if self.latency_ms is not None:
            return timedelta(milliseconds=self.latency_ms)
        return timedelta(milliseconds=0 if isinstance(self.device, int) else NETWORK_LATENCY_MS)

    def _capture(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture()
        if isinstance(self.device, int):
            backend = cv2.CAP_MSMF if sys.platform == "win32" else cv2.CAP_ANY
            opened = capture.open(self.device, backend)
        else:
            parameters = (
                (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, self.open_timeout_ms),
                (cv2.CAP_PROP_READ_TIMEOUT_MSEC, self.read_timeout_ms),
                (cv2.CAP_PROP_N_THREADS, 1),  # each more keeps one more frame back
            )
            flat = [number for pair in parameters for number in pair]
            with _ffmpeg_options(STREAM_OPTIONS if self.is_live else ""):
                opened = capture.open(self.device, cv2.CAP_FFMPEG, flat)
        if not opened:
            capture.release()
            raise AcquisitionError(
                f"camera {self.camera_id!r} ({self.device}) cannot be opened; is it plugged in, "
                "free, and the address right?"
            )
        if isinstance(self.device, int):
            self._ask_for(capture)
        return capture

    def _ask_for(self, capture: cv2.VideoCapture) -> None:
        """Ask the driver for the settings; it must take each.

        Raises:
            AcquisitionError: it did not.
        """
        if self.exposure is not None:
            capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, 1)  # V4L2's word for "by hand"
        wanted = {
            "width": (cv2.CAP_PROP_FRAME_WIDTH, self.width),
            "height": (cv2.CAP_PROP_FRAME_HEIGHT, self.height),
            "rate_per_s": (cv2.CAP_PROP_FPS, self.rate_per_s),
            "exposure": (cv2.CAP_PROP_EXPOSURE, self.exposure),
        }
        for number, value in (pair for pair in wanted.values() if pair[1] is not None):
            capture.set(number, float(value or 0))
        for name, (number, value) in wanted.items():
            got = capture.get(number)
            slack = 0.0 if isinstance(value, int) else ROUNDING * abs(value or 0)
            if value is not None and abs(got - value) > slack:
                capture.release()
                raise AcquisitionError(
                    f"camera {self.camera_id!r} ({self.device}) took {name} {got:g}, not "
                    f"{value:g}; choose what its driver offers, or leave it out"
                )


@contextmanager
def _ffmpeg_options(options: str) -> Iterator[None]:
    """Open with these options; OpenCV takes them only from the environment."""
    with OPENING:
        before = os.environ.get(OPTIONS_NAME)
        if options and before is None:
            os.environ[OPTIONS_NAME] = options
        try:
            yield
        finally:
            if options and before is None:
                del os.environ[OPTIONS_NAME]


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

    A frame's `acquired_at` is the moment the wait for it began, less the latency: whoever needs a
    frame taken after a trigger refuses the ones before.
    """

    def __init__(self, settings: Camera, capture: cv2.VideoCapture, held: Held) -> None:
        self._settings = settings
        self._held = held
        self._capture = capture
        self._news = threading.Condition()
        self._latest: Frame | None = None
        self._given = 0
        self._silent_from_s = time.monotonic() + settings.open_timeout_ms / 1e3
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
        self.check()
        raise NoFrameError(f"{self._what} gave no frame within {timeout_s:g} s")

    def check(self) -> None:
        """See `MonitoredFeed.check`."""
        if self._is_lost:
            raise AcquisitionError(f"{self._what} is lost")
        slow_ms = 2000 / (self._settings.rate_per_s or math.inf)
        limit_ms = max(self._settings.read_timeout_ms, slow_ms)
        if time.monotonic() - self._silent_from_s > limit_ms / 1e3:
            raise AcquisitionError(f"{self._what} is lost: no frame for {limit_ms:g} ms")

    @property
    def _what(self) -> str:
        return f"camera {self._settings.camera_id!r} ({self._settings.device})"

    def _has_news(self) -> bool:
        return self._is_lost or (self._latest is not None and self._latest.sequence > self._given)

    def _drain(self) -> None:
        try:
            while not self._is_closing and (frame := self._read()) is not None:
                with self._news:
                    self._latest, self._silent_from_s = frame, time.monotonic()
                    self._news.notify_all()
        finally:
            with self._news:
                self._is_lost = True
                self._news.notify_all()
            self._capture.release()
            self._held.release()

    def _read(self) -> Frame | None:
        latency = self._settings.latency
        started_s, acquired_at = time.monotonic(), datetime.now(UTC) - latency
        done, raw = self._capture.read()
        if not done:
            return None
        return Frame(
            image=to_eight_bits(np.asarray(raw)),
            camera_id=self._settings.camera_id,
            sequence=self._latest.sequence + 1 if self._latest else 1,
            acquired_at=acquired_at,
            acquired_s=started_s - latency.total_seconds(),
            acquisition_ms=(time.monotonic() - started_s) * 1e3,
            origin=str(self._settings.device),
            device_timestamp_ns=self._stream_time_ns(),
        )

    def _stream_time_ns(self) -> int | None:
        """The time of the frame in its stream, where it has one."""
        time_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        return round(time_ms * 1e6) if time_ms > 0 else None

    def close(self) -> None:
        """End the thread, which releases the device; waits at most for one read."""
        self._is_closing = True
        self._thread.join(self._settings.read_timeout_ms / 1e3 + 1)
