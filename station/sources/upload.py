"""No camera at all: every picture comes through the API."""

import time
from datetime import UTC, datetime

from station.core.errors import NoFrameError
from station.core.frame import Frame
from station.core.plugin import Feed, Source
from station.vision.images import decode


class Upload(Source, kind="upload"):
    """The API's door: the station waits for pictures that are posted to it."""

    def open(self) -> Feed:
        """Nothing to open."""
        return UploadFeed()


class UploadFeed:
    """A feed that never gives a frame by itself."""

    def grab(self, timeout_s: float) -> Frame | None:
        """See `Feed.grab`; there is nothing to trigger."""
        time.sleep(min(timeout_s, 0.05))
        raise NoFrameError("this station has no camera; post a picture with the job")

    def close(self) -> None:
        """Nothing is held open."""


def frame_from_upload(data: bytes, *, camera_id: str, sequence: int) -> Frame:
    """The frame of a posted picture.

    Raises:
        PictureError: the bytes are not one whole picture.
    """
    started = time.perf_counter()
    image = decode(data, name="the posted picture")
    return Frame(
        image=image,
        camera_id=camera_id,
        sequence=sequence,
        acquired_at=datetime.now(UTC),
        acquisition_ms=(time.perf_counter() - started) * 1e3,
        origin="upload",
    )
