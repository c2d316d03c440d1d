"""No camera at all: every picture comes through the API."""

import time
from datetime import UTC, datetime

from station.core.errors import NoFrameError
from station.core.frame import EncodedFrame, Frame
from station.core.plugin import Feed, Source
from station.vision.images import check_whole


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


def encoded_from_upload(data: bytes, *, camera_id: str, sequence: int) -> EncodedFrame:
    """The frame of a posted picture; a worker decodes it.

    Raises:
        PictureError: the bytes are plainly not one whole picture.
    """
    check_whole(data, name="the posted picture")
    return EncodedFrame(
        data=data,
        camera_id=camera_id,
        sequence=sequence,
        acquired_at=datetime.now(UTC),
        origin="upload",
    )
