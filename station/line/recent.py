"""The last few frames, in memory, so that the newest picture can be shown without a disk."""

import threading
from collections import OrderedDict

from station.core.frame import Frame

MOST_BYTES = 64_000_000


class RecentFrames:
    """Frames by job, the oldest dropped when they take more than 64 MB; the newest always stays."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._frames: OrderedDict[str, Frame] = OrderedDict()

    def add(self, job_id: str, frame: Frame) -> None:
        """Remember a frame."""
        with self._lock:
            self._frames[job_id] = frame
            self._bytes += frame.image.nbytes
            while self._bytes > self._most_bytes and len(self._frames) > 1:
                _, oldest = self._frames.popitem(last=False)
                self._bytes -= oldest.image.nbytes

    def find(self, job_id: str) -> Frame | None:
        """The frame of a job if it is still remembered."""
        with self._lock:
            return self._frames.get(job_id)
