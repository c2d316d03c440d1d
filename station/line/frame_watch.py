"""Is a frame new and of its time: what a camera repeats, or gives out of order, is never judged."""

import time
from collections.abc import Callable

import numpy as np

from station.core.frame import AnyFrame, EncodedFrame, Frame
from station.core.reasons import StationReason

Fault = tuple[StationReason, str]

TOLERANCE_S = 1.0
"""A camera's clock may run ahead of what was seen before by no more than this."""
DRIFT = 5e-4
"""How much faster or slower than ours it may go: 500 ppm, ten times a usual crystal's."""
COUNTER_TURNS = (65_535, 2**32 - 1, 2**64 - 1)
"""Where frame counters of GigE Vision begin again."""
TURN_REACH = 1000
COUNTS_ANEW = 20
"""So many old numbers in a row, more than a driver keeps frames, are a counter begun anew."""


class FrameWatch:
    """Compares each frame of one camera with the one before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._previous: Frame | None = None
        self._file = b""
        self._repeats = 0
        self._id: int | None = None
        self._stamp_ns: int | None = None
        self._behind_s: float | None = None
        self._seen_s = 0.0
        self._has_gap = False

    def reopened(self) -> None:
        """The camera was opened again: its counters may begin anew, its picture may not repeat."""
        self._id = self._stamp_ns = self._behind_s = None

    def skip(self) -> None:
        """Frames were thrown away unseen: none of them is missed."""
        self._has_gap = True

    def missed(self, frame: AnyFrame) -> int:
        """How many frames the camera counted between the last one and this; ask before `fault`."""
        number = frame.device_frame_id if isinstance(frame, Frame) else None
        if number is None or self._id is None or self._has_gap:
            return 0
        return max(0, _ahead(number, self._id) - 1)

    def torn(self) -> None:
        """A frame came of which a part is missing: it is not lost as well."""
        if self._id is not None:
            self._id += 1

    def fault(self, frame: AnyFrame) -> Fault | None:
        """What forbids to judge the frame, with words for whoever looks after the camera."""
        if isinstance(frame, EncodedFrame):
            return self._uploaded_again(frame)
        faults = (self._repeated(frame), self._jumped(frame), self._frozen(frame))
        return next((fault for fault in faults if fault), None)

    def _repeated(self, frame: Frame) -> Fault | None:
        number, before = frame.device_frame_id, self._id
        has_gap, self._has_gap = self._has_gap, False
        if number is None or before is None or _is_new(number, before, has_gap=has_gap):
            self._id, self._repeats = number, 0
            return None
        self._repeats += 1
        if self._repeats >= COUNTS_ANEW:
            self._id, self._repeats = number, 0
        return StationReason.REPEATED_FRAME, f"frame {number} came after frame {before}"

    def _jumped(self, frame: Frame) -> Fault | None:
        """The camera's clock went back, or ahead of the time that really passed."""
        stamp, before, now_s = frame.device_timestamp_ns, self._stamp_ns, self._clock()
        self._stamp_ns, passed_s, self._seen_s = stamp, now_s - self._seen_s, now_s
        if stamp is None:
            self._behind_s = None
            return None
        behind_s, least_s = now_s - stamp / 1e9, self._behind_s
        is_first = before is None or least_s is None
        self._behind_s = behind_s
        if before is not None and stamp < before:
            return StationReason.TIMESTAMP_JUMP, f"by {(stamp - before) / 1e9:.3f} s"
        if is_first or least_s is None:
            return None
        least_s += passed_s * DRIFT
        if behind_s < least_s - TOLERANCE_S:
            return StationReason.TIMESTAMP_JUMP, f"by +{least_s - behind_s:.3f} s"
        self._behind_s = min(behind_s, least_s)
        return None

    def _uploaded_again(self, frame: EncodedFrame) -> Fault | None:
        """A camera that uploads never makes the same file twice; a played one may."""
        previous, self._file = self._file, frame.data
        if frame.is_simulated or frame.data != previous:
            return None
        return StationReason.FROZEN_FRAME, f"{frame.origin} is equal to the picture before"

    def _frozen(self, frame: Frame) -> Fault | None:
        """A live sensor never gives the same bytes twice; a played picture may."""
        previous, self._previous = self._previous, frame
        if previous is None or frame.is_simulated or frame.image.shape != previous.image.shape:
            return None
        rows = slice(None, None, 16)
        if not np.array_equal(frame.image[rows], previous.image[rows]):
            return None
        if not np.array_equal(frame.image, previous.image):
            return None
        text = f"frame {frame.sequence} is equal to the one before"
        return StationReason.FROZEN_FRAME, text


def _is_new(number: int, before: int, *, has_gap: bool) -> bool:
    """Whether the counter went on; while nobody looked it may have gone round."""
    return _ahead(number, before) > 0 or (has_gap and before - number > TURN_REACH)


def _ahead(number: int, before: int) -> int:
    """How far a frame counter went on; 0 or less: it did not."""
    for turn in COUNTER_TURNS:
        if before > turn - TURN_REACH and before <= turn and number < TURN_REACH:
            return turn - before + max(1, number)
    return number - before
