"""Frames from the pictures of a folder, in natural order, at a pace."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Literal

from pydantic import Field

from station.core.errors import AcquisitionError
from station.core.files import legible
from station.core.frame import EncodedFrame
from station.core.plugin import Source
from station.sources.pace import Pace
from station.vision.images import find_pictures, read_picture


class Folder(Source, kind="folder"):
    """Every PNG, JPEG, BMP and TIFF below a folder."""

    path: Path = Field(
        description="the folder; pictures below it are found recursively", examples=["pictures"]
    )
    loop: bool = Field(False, description="start again after the last picture")
    rate_per_s: float = Field(0.0, ge=0, description="parts per second; 0: as fast as they go")
    bits: Literal[8, 10, 12, 14, 16] = Field(16, description="what 16-bit pictures really fill")

    @property
    def is_live(self) -> bool:
        """Without a pace the folder waits for the station; with one it plays a line."""
        return self.rate_per_s > 0

    def open(self) -> "FolderFeed":
        """List the pictures.

        Raises:
            AcquisitionError: there is no such folder, or no picture in it.
        """
        if not self.path.is_dir():
            raise AcquisitionError(f"there is no folder {self.path}; correct `path` of the source")
        pictures = list(find_pictures(self.path))
        if not pictures:
            raise AcquisitionError(f"no PNG, JPEG, BMP or TIFF below {self.path}")
        return FolderFeed(self, pictures)


class FolderFeed:
    """An open folder."""

    def __init__(self, settings: Folder, pictures: list[Path]) -> None:
        self._settings = settings
        self._pictures: Iterator[Path] = cycle(pictures) if settings.loop else iter(pictures)
        self._pace = Pace(settings.rate_per_s)
        self._sequence = 0

    def grab(self, timeout_s: float) -> EncodedFrame | None:
        """The next picture; see `Feed.grab`."""
        self._pace.wait(timeout_s)
        path = next(self._pictures, None)
        if path is None:
            return None
        self._sequence += 1
        started = time.perf_counter()
        return EncodedFrame(
            data=read_picture(path),
            camera_id=self._settings.camera_id,
            sequence=self._sequence,
            acquired_at=datetime.now(UTC),
            bits=self._settings.bits,
            acquisition_ms=(time.perf_counter() - started) * 1e3,
            is_simulated=True,
            origin=legible(path),
        )

    def close(self) -> None:
        """Nothing is held open."""
