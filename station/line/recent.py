"""The last few frames, in memory, so that the newest picture can be shown without a disk."""

import threading
from collections import OrderedDict

from station.core.frame import AnyFrame, EncodedFrame
from station.core.reasons import StationReason
from station.core.result import Result

MOST_BYTES = 64_000_000


UNSEEN = frozenset(
    {
        StationReason.OVERRUN,
        StationReason.ABORTED,
        StationReason.NOT_READY,
        StationReason.NO_RECORD,
        StationReason.WORKER_LOST,
        StationReason.UNREADABLE_IMAGE,
    }
)
"""Reasons of results for which no worker may have decoded the picture."""


def showable(result: Result, frame: AnyFrame | None) -> AnyFrame | None:
    """The frame, if it may be decoded here: what no worker got through could crash the line."""
    if isinstance(frame, EncodedFrame) and result.reason_code in UNSEEN:
        return None
    return frame


class RecentFrames:
    """Frames by job, the oldest dropped when they take more than 64 MB; the newest always stays."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._frames: OrderedDict[str, AnyFrame] = OrderedDict()

    def add(self, job_id: str, frame: AnyFrame) -> None:
        """Remember a frame."""
        with self._lock:
            self._frames[job_id] = frame
            self._bytes += _size(frame)
            while self._bytes > self._most_bytes and len(self._frames) > 1:
                _, oldest = self._frames.popitem(last=False)
                self._bytes -= _size(oldest)

    def find(self, job_id: str) -> AnyFrame | None:
        """The frame of a job if it is still remembered."""
        with self._lock:
            return self._frames.get(job_id)


def _size(frame: AnyFrame) -> int:
    return len(frame.data) if isinstance(frame, EncodedFrame) else frame.image.nbytes
