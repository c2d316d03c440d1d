"""What becomes of an upload: a picture that waits, a part that failed, or nothing."""

import logging
import os
from pathlib import Path

from station.core.errors import AcquisitionError, PictureError
from station.sources.drop_feed import DropFeed
from station.sources.drops import free_name, is_picture_name, is_temporary_name
from station.vision.images import check_whole

INCOMING = "incoming"
_LOG = logging.getLogger(__name__)


class Uploads:
    """The folder uploads are written to, `incoming/` in that of the drops. One thread uses it."""

    def __init__(self, folder: Path, drops: DropFeed, *, max_waiting: int) -> None:
        """Go through what the last run left there.

        Raises:
            AcquisitionError: the folder cannot be used.
        """
        self._folder, self._drops, self._max_waiting = folder, drops, max_waiting
        self.incoming = folder.resolve() / INCOMING
        self._open: set[Path] = set()
        try:
            self.incoming.mkdir(exist_ok=True)
            for path in sorted(self.incoming.rglob("*")):
                if path.is_file():
                    self._take_left(path)
        except OSError as error:
            raise AcquisitionError(f"{self.incoming} cannot be used: {error.strerror}") from error

    def refusal(self, path: Path) -> str:
        """Why an upload to this path cannot begin now; empty: it can."""
        if path in self._open or path.exists():
            return "is under way already under this name"
        if self._drops.waiting >= self._max_waiting:
            return f"found {self._max_waiting} pictures waiting already"
        return ""

    def begin(self, path: Path) -> None:
        """An upload to this path begins."""
        self._open.add(path)

    def fault(self, path: Path) -> str:
        """Why what was uploaded is no whole picture; empty: it is one, or needs not be."""
        if not counts(path):
            return ""
        try:
            check_whole(path.read_bytes(), name="it")
        except (PictureError, OSError) as error:
            return f"is no whole picture: {error}"
        return ""

    def complete(self, path: Path) -> bool:
        """A whole file lies at this path; False: its name is temporary, it stays until renamed."""
        self._open.discard(path)
        if is_picture_name(path.name):
            self._accept(path)
        elif is_temporary_name(path.name):
            return False
        else:
            _LOG.info("%s is no picture and was thrown away", self._shown(path))
            path.unlink(missing_ok=True)
        return True

    def broken(self, path: Path, why: str) -> None:
        """The upload to this path came to nothing: if it was a picture, its part has failed."""
        self._open.discard(path)
        path.unlink(missing_ok=True)
        self.refused(path, why)

    def refused(self, path: Path, why: str) -> None:
        """An upload never began: if it was a picture, its part has failed."""
        if counts(path):
            self._drops.report(f"the upload of {self._shown(path)} {why}")

    def end(self, why: str) -> None:
        """No upload can come any more."""
        self._drops.lose(why)

    def _accept(self, path: Path) -> None:
        name = "_".join(path.relative_to(self.incoming).parts).lstrip(".~")
        try:
            path.rename(free_name(self._folder, name))
        except OSError as error:
            self.broken(path, f"cannot be stored: {error.strerror}")
        else:
            self._drops.look_now()

    def _take_left(self, path: Path) -> None:
        if is_picture_name(path.name) and not self.fault(path):
            self._accept(path)
        else:
            self.broken(path, "was broken off when the station stopped")

    def _shown(self, path: Path) -> str:
        return os.fsencode(path.relative_to(self.incoming)).decode("utf-8", "replace")


def counts(path: Path) -> bool:
    """Whether an upload of this name is a part: a picture, or what may become one."""
    return is_picture_name(path.name) or is_temporary_name(path.name)
