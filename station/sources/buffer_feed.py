"""Feeds over a camera driver's buffers: frames whole or refused, a lost camera seen in time."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from station.core.errors import AcquisitionError, IncompleteFrameError, NoFrameError
from station.core.frame import Frame, Image

SLICE_S = 0.002
"""How long a driver may be asked for a buffer at a time."""
CLOSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What one buffer held."""

    image: Image | None
    """None: the buffer is not whole, and `problem` says why."""
    problem: str = ""
    frame_id: int | None = None
    timestamp_ns: int | None = None


class Device(Protocol):
    """An open camera that fills buffers; its methods may raise whatever its driver raises."""

    @property
    def what(self) -> str:
        """The camera in words."""

    @property
    def origin(self) -> str:
        """Where its frames come from."""

    @property
    def is_simulated(self) -> bool:
        """Whether there is no real sensor behind it."""

    @property
    def exposure_s(self) -> float:
        """The exposure time, 0 if unknown."""

    def next_shot(self, wait_s: float) -> Shot | None:
        """The oldest buffer not taken yet; None: none came."""

    def trigger(self) -> None:
        """Expose once."""

    def check(self) -> None:
        """Return at once.

        Raises:
            AcquisitionError: it was unplugged.
        """

    def close(self) -> None:
        """Stop it and give it back."""


class Numbered:
    """Makes frames of the shots of one camera, and errors of those that are not whole."""

    def __init__(self, device: Device, camera_id: str) -> None:
        self._device, self._camera_id, self._sequence = device, camera_id, 0

    def frame(self, shot: Shot, acquired_s: float) -> Frame:
        """The frame, acquired at `acquired_s` of the monotonic clock.

        Raises:
            IncompleteFrameError: the shot is not whole.
        """
        self._sequence += 1
        if shot.image is None:
            raise IncompleteFrameError(
                f"{self._device.what}: a frame is not whole: {shot.problem or 'no reason given'}"
            )
        ago_s = max(time.monotonic() - acquired_s, 0.0)
        return Frame(
            image=shot.image,
            camera_id=self._camera_id,
            sequence=self._sequence,
            acquired_at=datetime.now(UTC) - timedelta(seconds=ago_s),
            acquired_s=acquired_s,
            acquisition_ms=ago_s * 1e3,
            is_simulated=self._device.is_simulated,
            origin=self._device.origin,
            device_frame_id=shot.frame_id,
            device_timestamp_ns=shot.timestamp_ns,
        )


class RunningFeed:
    """A camera that runs freely, or exposes at the edges of a line; a thread takes its buffers.

    A frame counts as acquired when last no buffer was there, less the exposure time; of a camera
    that runs freely less the time between two frames too, in which it is read out and sent. So a
    frame is never taken for younger than it is, however late it is taken from the driver.
    """

    def __init__(
        self, device: Device, *, camera_id: str, watchdog_s: float, runs_freely: bool, keep: int
    ) -> None:
        self._device, self._watchdog_s, self._runs_freely = device, watchdog_s, runs_freely
        self._frames = Numbered(device, camera_id)
        self._news = threading.Condition()
        self._shots: deque[tuple[Shot, float]] = deque(maxlen=keep)
        self._arrived_s = self._quiet_s = time.monotonic()
        self._lost = ""
        self._is_closing = False
        self._thread = threading.Thread(target=self._take, name="camera-buffers", daemon=True)
        self._thread.start()

    def grab(self, timeout_s: float) -> Frame | None:
        """The oldest frame not given before; see `Feed.grab`."""
        until_s = time.monotonic() + timeout_s
        while True:
            self.check()
            with self._news:
                left_s = until_s - time.monotonic()
                self._news.wait_for(
                    lambda: bool(self._shots or self._lost), min(max(left_s, 0), 0.05)
                )
                if self._shots:
                    return self._frames.frame(*self._shots.popleft())
            if time.monotonic() >= until_s:
                raise NoFrameError(f"{self._device.what} gave no frame within {timeout_s:g} s")

    def flush(self) -> None:
        """See `BufferedFeed.flush`."""
        with self._news:
            self._shots.clear()

    def check(self) -> None:
        """See `MonitoredFeed.check`."""
        if self._lost:
            raise AcquisitionError(f"{self._device.what} is lost: {self._lost}")
        if self._runs_freely and time.monotonic() - self._arrived_s > self._watchdog_s:
            raise AcquisitionError(
                f"{self._device.what} is lost: no frame for {self._watchdog_s:g} s, "
                "and it runs freely"
            )

    def close(self) -> None:
        """End the thread and give the camera back; a second call does nothing."""
        if self._is_closing:
            return
        self._is_closing = True
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            raise AcquisitionError(
                f"{self._device.what}: its driver hangs; start the station anew to use it again"
            )
        self._device.close()

    def _take(self) -> None:
        try:
            while not self._is_closing:
                self._device.check()
                self._keep(self._device.next_shot(SLICE_S))
        except Exception as error:  # noqa: BLE001 - the border: a driver may raise anything
            with self._news:
                self._lost = str(error)
                self._news.notify_all()

    def _keep(self, shot: Shot | None) -> None:
        now_s = time.monotonic()
        if shot is None:
            self._quiet_s = now_s
            return
        acquired_s = self._quiet_s - self._device.exposure_s
        if self._runs_freely:
            acquired_s -= now_s - self._arrived_s
        self._arrived_s = now_s
        with self._news:
            self._shots.append((shot, acquired_s))
            self._news.notify_all()


class SoftwareFeed:
    """A camera that exposes when it is told to: one frame a trigger, and no other."""

    def __init__(self, device: Device, *, camera_id: str, watchdog_s: float) -> None:
        self._device = device
        self._limit_s = watchdog_s + device.exposure_s
        self._frames = Numbered(device, camera_id)
        self._triggered_s: float | None = None
        """When the trigger was given whose frame has not come yet."""
        self._is_closed = False

    def trigger(self) -> None:
        """Expose now; see `TriggeredFeed.trigger`."""
        self.check()
        while self._triggered_s is not None:
            self._next(SLICE_S)
            self.check()
        try:
            while self._device.next_shot(0):
                pass
            self._triggered_s = time.monotonic()
            self._device.trigger()
        except Exception as error:
            raise self._lost(error) from error

    def grab(self, timeout_s: float) -> Frame | None:
        """The frame of the last trigger; see `Feed.grab`."""
        until_s = time.monotonic() + timeout_s
        while True:
            acquired_s = self._triggered_s
            shot = self._next(SLICE_S)
            if shot and acquired_s is not None:
                return self._frames.frame(shot, acquired_s)
            self.check()
            if time.monotonic() >= until_s:
                raise NoFrameError(f"{self._device.what} gave no frame within {timeout_s:g} s")

    def check(self) -> None:
        """See `MonitoredFeed.check`."""
        self._device.check()
        since_s = self._triggered_s
        if since_s is not None and time.monotonic() - since_s > self._limit_s:
            raise AcquisitionError(
                f"{self._device.what} is lost: no frame for {self._limit_s:g} s after a trigger"
            )

    def close(self) -> None:
        """Give the camera back; a second call does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._device.close()

    def _next(self, wait_s: float) -> Shot | None:
        """A shot; one that comes without a trigger belongs to nobody."""
        try:
            shot = self._device.next_shot(wait_s)
        except Exception as error:
            raise self._lost(error) from error
        if shot:
            self._triggered_s = None
        return shot

    def _lost(self, error: Exception) -> AcquisitionError:
        return AcquisitionError(f"{self._device.what} is lost: {error}")
