"""An open camera: whole frames, the error of a torn one, and a lost camera noticed in time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from station.core.errors import AcquisitionError, IncompleteFrameError, NoFrameError
from station.core.frame import Frame, Image
from station.sources.aravis.alive import AliveWatch
from station.sources.aravis.device import Device
from station.sources.aravis.stream import Buffer, Stream

SLICE_S = 0.05
"""Longest single wait, so that a lost camera is noticed."""
LAST_SHORT_ID = 0xFFFF


class LongIds:
    """Frame numbers of 16 bits, which go from 65535 to 1, made to grow on."""

    def __init__(self) -> None:
        self._before, self._passed = 0, 0

    def __call__(self, short_id: int) -> int:
        """The number on; wider numbers are returned as they are."""
        half = LAST_SHORT_ID // 2
        if short_id <= LAST_SHORT_ID and self._before - short_id > half:
            self._passed += LAST_SHORT_ID
        self._before = short_id
        return short_id + (self._passed if short_id <= LAST_SHORT_ID else 0)


Decode = Callable[[bytes, int, int], Image]
"""Bytes of the camera's pixel format, width and height to a picture."""


class AravisFeed:
    """An open camera that runs freely or waits for a line's edge."""

    def __init__(
        self, device: Device, stream: Stream, *, camera_id: str, decode: Decode, watchdog_s: float
    ) -> None:
        self._device, self._stream = device, stream
        self._camera_id, self._decode, self._watchdog_s = camera_id, decode, watchdog_s
        self._what = f"camera {camera_id!r} ({device.device_id})"
        self._origin = f"aravis:{device.device_id}"
        self._exposure_ns = int(device.exposure_time_us * 1e3)
        self._long_ids = LongIds()
        self._sequence = 0
        self._waited_s = 0.0
        self._before = (0, time.time_ns())
        self._period_ns = int(watchdog_s * 1e9)
        self._is_closed = False
        self._alive = AliveWatch(device.answers, period_s=watchdog_s / 5) if device.is_gv else None

    expects_frames = True
    """Whether silence alone says that the camera is lost: it runs freely."""

    def grab(self, timeout_s: float) -> Frame | None:
        """The oldest frame not given before; see `Feed.grab`."""
        return self._frame(self._pop(timeout_s))

    def flush(self) -> None:
        """See `BufferedFeed.flush`."""
        self._stream.drop_all()

    def check(self) -> None:
        """Find out, at once, whether the camera is still there.

        Raises:
            AcquisitionError: it is lost and must be opened again.
        """
        silent_s = self._alive.silent_s if self._alive else 0.0
        if silent_s > self._watchdog_s:
            raise AcquisitionError(f"{self._what} is lost: it does not answer any more")
        if self.expects_frames and self._waited_s > self._watchdog_s:
            raise AcquisitionError(
                f"{self._what} is lost: no frame for {self._watchdog_s:g} s, and it runs freely"
            )

    def close(self) -> None:
        """Give the camera back; waits some seconds at most if it is gone."""
        if self._is_closed:
            return
        self._is_closed = True
        was_there = self._alive is None or self._alive.silent_s <= self._watchdog_s
        if self._alive:
            self._alive.close()
        try:
            if was_there:
                self._device.stop()
        except AcquisitionError:
            return  # it went away meanwhile: nothing is left to stop
        finally:
            self._stream.close()
            self._device.close()

    def _pop(self, timeout_s: float) -> Buffer:
        until_s = time.monotonic() + timeout_s
        while True:
            started_s = time.monotonic()
            buffer = self._stream.pop(max(min(SLICE_S, until_s - started_s), 0))
            if buffer:
                self._waited_s = 0.0
                return buffer
            self._waited_s += time.monotonic() - started_s
            self.check()
            if time.monotonic() >= until_s:
                raise NoFrameError(f"{self._what} gave no frame within {timeout_s:g} s")

    def _frame(self, buffer: Buffer) -> Frame:
        """The frame of a buffer.

        `acquired_at` is the beginning of the exposure as far as this machine can know it: the
        first packet's arrival less the exposure time, and of a camera that runs freely less the
        time of a frame, for which it may have waited until the one before was sent. Aravis
        stamps with the wall clock: a frame from the future came before that fell back, and is
        after no trigger.
        """
        self._sequence += 1
        frame_id = self._long_ids(buffer.frame_id)
        on_the_way_ns = 0
        if self.expects_frames:
            on_the_way_ns = self._on_the_way_ns(frame_id, buffer.first_packet_ns)
        if buffer.problem:
            raise IncompleteFrameError(
                f"{self._what}: frame {buffer.frame_id} is not whole: {buffer.problem}"
            )
        image = self._decode(buffer.pixels, buffer.width, buffer.height)
        began_ns = buffer.first_packet_ns - self._exposure_ns - on_the_way_ns
        age_s = (time.time_ns() - began_ns) / 1e9
        return Frame(
            image=image,
            camera_id=self._camera_id,
            sequence=self._sequence,
            acquired_at=datetime.fromtimestamp(began_ns / 1e9, UTC),
            acquired_s=time.monotonic() - age_s if age_s >= 0 else 0.0,
            acquisition_ms=max(age_s, 0.0) * 1e3,
            origin=self._origin,
            device_frame_id=frame_id,
            device_timestamp_ns=buffer.timestamp_ns,
        )

    def _on_the_way_ns(self, frame_id: int, first_packet_ns: int) -> int:
        """The mean time of a frame since the one taken before; at first, since the opening.

        What is no time of a frame, because the clock jumped, changes nothing: a camera silent for
        longer than its watchdog is lost.
        """
        (before_id, before_ns), self._before = self._before, (frame_id, first_packet_ns)
        mean_ns = (first_packet_ns - before_ns) // max(1, frame_id - before_id)
        if 0 < mean_ns <= self._watchdog_s * 1e9:
            self._period_ns = mean_ns
        return self._period_ns


class LineTriggeredFeed(AravisFeed):
    """An open camera that exposes at an edge of one of its lines."""

    expects_frames = False


class SoftwareTriggeredFeed(AravisFeed):
    """An open camera that exposes when it is told to."""

    expects_frames = False
    _is_owed = False
    """Whether a frame of an earlier trigger has not come yet."""

    def trigger(self) -> None:
        """Expose now; see `TriggeredFeed.trigger`."""
        if self._is_owed:
            self._throw_away()
        self._stream.drop_all()
        self.check()
        self._device.software_trigger()
        self._is_owed = True

    def grab(self, timeout_s: float) -> Frame | None:
        """The frame of the last trigger; see `Feed.grab`."""
        buffer = self._pop(timeout_s)
        self._is_owed = False
        return self._frame(buffer)

    def _throw_away(self) -> None:
        """Wait for the frame nobody took, so that it is not taken for the next one."""
        try:
            self._pop(self._watchdog_s + self._exposure_ns / 1e9)
        except NoFrameError as error:
            raise AcquisitionError(
                f"{self._what} is lost: the frame of the trigger before never came"
            ) from error
        self._is_owed = False
