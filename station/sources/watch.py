"""A folder into which cameras, other programs or network shares drop pictures."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from station.core.plugin import Source
from station.sources.drop_feed import DropFeed, DropRules
from station.sources.taken import After


class Watch(Source, kind="watch"):
    """Every PNG, JPEG, BMP or TIFF that appears in a folder is a part, in the order of arrival.

    A file counts when it was renamed into place or nobody writes to it any more, and is whole.
    """

    path: Path = Field(
        description="the folder; its subfolders are not looked into", examples=["incoming"]
    )
    after: After = Field(
        "move",
        description="what becomes of a picture whose result is stored: move (to done/, or "
        "unreadable/), delete, or keep (a list in the folder remembers it)",
    )
    settle_ms: float = Field(500, ge=0, description="so long a file must rest, unless renamed")
    give_up_s: float = Field(
        10, gt=0, description="a file at rest that is no whole picture fails after so long"
    )
    poll_s: float = Field(
        1, gt=0, le=60, description="how often to look where the system tells of no changes"
    )
    take_existing: bool = Field(True, description="take what lies there at the start")
    max_bytes: int = Field(100_000_000, gt=0, description="larger files are no pictures")
    bits: Literal[8, 10, 12, 14, 16] = Field(16, description="what 16-bit pictures really fill")

    @property
    def is_live(self) -> bool:
        """A file waits for the station."""
        return False

    def open(self) -> DropFeed:
        """Lock the folder and begin to look.

        Raises:
            InUseError: another station takes pictures from it.
            AcquisitionError: it does not exist or cannot be written to.
        """
        return DropFeed(
            DropRules(
                folder=self.path,
                camera_id=self.camera_id,
                after=self.after,
                bits=self.bits,
                settle_s=self.settle_ms / 1e3,
                give_up_s=self.give_up_s,
                poll_s=self.poll_s,
                max_bytes=self.max_bytes,
                takes_existing=self.take_existing,
                is_watched=True,
            )
        )
