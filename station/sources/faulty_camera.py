"""A camera that fails on command: to rehearse on a running line what its faults must never do."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer

from station.core.errors import AcquisitionError, IncompleteFrameError, NoFrameError
from station.core.frame import Frame, Image
from station.core.plugin import Feed, Source, parse
from station.vision.frames import decoded

CameraFault = Literal[
    "none", "pulled", "silent", "frozen", "torn", "incomplete", "dark", "wrong_size",
    "repeated_id", "timestamp_jump", "stale",
]  # fmt: skip
DARKER = 8
_NEED_TWO = frozenset({"frozen", "torn", "repeated_id", "timestamp_jump"})
"""What the first frame cannot have."""
BETWEEN_FRAMES_NS = 33_000_000
JUMP_NS = 86_400_000_000_000
STALE_S = 10.0
"""A frame out of an old buffer: acquired so long before it is given."""


def _source(value: object) -> object:
    return parse(Source, value) if isinstance(value, Mapping) else value


class FaultyCamera(Source, kind="faulty_camera"):
    """The frames of another source, but every n-th with a fault; the truth names the fault.

    Frames are watched as a camera's are, so results made of them do not say that they are
    simulated; their origin does.
    """

    of: Annotated[
        Source,
        BeforeValidator(_source),
        PlainSerializer(lambda source: source.as_entry(), return_type=dict[str, Any]),
    ] = Field(
        description="where the frames come from: a table like [source] itself",
        examples=[{"kind": "synthetic"}],
    )
    fault: CameraFault = Field("none", description="what happens to the frames it is due for")
    every: int = Field(1, ge=1, description="due for each frame whose number this divides")
    command: Path | None = Field(
        None, description="a file that holds another `fault` while the line runs"
    )

    @property
    def is_live(self) -> bool:
        """As the other source's."""
        return self.of.is_live

    @property
    def fault_now(self) -> CameraFault:
        """The fault in force: that of the command where there is one that says something.

        Raises:
            AcquisitionError: the command is no fault.
        """
        word = self._command_now()
        if not word:
            return self.fault
        for fault in get_args(CameraFault):
            if fault == word:
                named: CameraFault = fault
                return named
        known = ", ".join(get_args(CameraFault))
        raise AcquisitionError(f"{self.command} holds {word!r}, which is no fault ({known})")

    def _command_now(self) -> str:
        try:
            return self.command.read_text(encoding="utf-8").strip() if self.command else ""
        except FileNotFoundError:
            return ""

    def open(self) -> "FaultyFeed":
        """Open the other source.

        Raises:
            AcquisitionError: it cannot be opened, or the camera is pulled.
        """
        if self.fault_now == "pulled":
            raise AcquisitionError("rehearsed: the camera is pulled")
        return FaultyFeed(self, self.of.open())


class FaultyFeed:
    """An open camera that fails on command."""

    def __init__(self, settings: FaultyCamera, feed: Feed) -> None:
        self._settings, self._feed = settings, feed
        self._number = 0
        self._previous: Image | None = None

    def grab(self, timeout_s: float) -> Frame | None:
        """The next frame, with its fault; see `Feed.grab`."""
        if self._settings.fault_now == "pulled":
            raise AcquisitionError("rehearsed: the camera is pulled")
        if self._settings.fault_now == "silent":
            time.sleep(timeout_s)
            raise NoFrameError(f"rehearsed: no frame within {timeout_s:g} s")
        came = self._feed.grab(timeout_s)
        if came is None:
            return None
        frame = self._numbered(decoded(came))
        is_due = frame.sequence % self._settings.every == 0
        fault = self._settings.fault_now if is_due else "none"
        if self._previous is None and fault in _NEED_TWO:
            fault = "none"
        given = _failed(frame, fault, frame.image if self._previous is None else self._previous)
        self._previous = given.image
        return given

    def close(self) -> None:
        """Close the other source."""
        self._feed.close()

    def _numbered(self, frame: Frame) -> Frame:
        self._number += 1
        return replace(
            frame,
            acquired_s=time.monotonic(),
            camera_id=self._settings.camera_id,
            sequence=self._number,
            is_simulated=False,
            origin=f"faulty_camera:{frame.origin}",
            device_frame_id=self._number,
            device_timestamp_ns=self._number * BETWEEN_FRAMES_NS,
        )


def _failed(frame: Frame, fault: CameraFault, previous: Image) -> Frame:
    """The frame as a camera with that fault gives it.

    Raises:
        IncompleteFrameError: it does not give it.
    """
    if fault == "incomplete":
        raise IncompleteFrameError(f"rehearsed: frame {frame.sequence} lacks lines")
    if fault in _IMAGES:
        image = np.ascontiguousarray(_IMAGES[fault](frame.image, previous))
        return replace(frame, image=image, truth=fault)
    if fault == "repeated_id":
        return replace(frame, device_frame_id=frame.sequence - 1, truth=fault)
    if fault == "timestamp_jump":
        jumped = (frame.device_timestamp_ns or 0) - JUMP_NS
        return replace(frame, device_timestamp_ns=jumped, truth=fault)
    if fault == "stale":
        return _stale(frame)
    return frame


def _stale(frame: Frame) -> Frame:
    """The frame as one that was taken long before."""
    return replace(
        frame,
        acquired_at=frame.acquired_at - timedelta(seconds=STALE_S),
        acquired_s=(frame.acquired_s or 0.0) - STALE_S,
        truth="stale",
    )


def _torn(image: Image, previous: Image) -> Image:
    """The upper half of one frame and the lower of the one before, a third of a row off."""
    torn = image.copy()
    below = slice(image.shape[0] // 2, None)
    torn[below] = np.roll(previous, image.shape[1] // 3, axis=1)[below]
    return torn


_IMAGES: Mapping[str, Callable[[Image, Image], Image]] = {
    "frozen": lambda _, previous: previous,
    "torn": _torn,
    "dark": lambda image, _: image // DARKER,
    "wrong_size": lambda image, _: image[: -(image.shape[0] // 4)],
}
