"""What becomes of a dropped picture once its part has a result, so that it is taken once."""

import json
import logging
import os
from pathlib import Path
from typing import Literal

from station.core.errors import AcquisitionError
from station.core.files import write_whole
from station.sources.drops import Drop, Stamp, free_name, stamp_of

After = Literal["move", "delete", "keep"]
TAKEN_LIST = ".station_taken.jsonl"
_LOG = logging.getLogger(__name__)


class Taken:
    """What was taken from a folder.

    With `move` a picture goes to `done/`, one that could not be read to `unreadable/`; with `keep`
    it stays, and a list beside it (JSON lines: name, size, mtime_ns) says that it was taken.
    """

    def __init__(self, folder: Path, after: After) -> None:
        """Read the list.

        Raises:
            AcquisitionError: it cannot be read or written.
        """
        self._folder, self._after = folder, after
        self._kept: set[tuple[str, int, int]] = set()
        self._stuck: set[tuple[str, Stamp]] = set()
        if after == "keep":
            try:
                self._kept = self._read_list()
            except OSError as error:
                path = folder / TAKEN_LIST
                raise AcquisitionError(f"{path} cannot be used: {error.strerror}") from error

    def holds(self, name: str, stamp: Stamp) -> bool:
        """Whether this state of this file was taken."""
        return (name, stamp.size, stamp.mtime_ns) in self._kept or (name, stamp) in self._stuck

    def finish(self, drop: Drop, *, is_readable: bool) -> None:
        """Its part has a result: move, delete or list it; a file that changed since stays."""
        path = self._folder / drop.name
        try:
            if self._after == "keep":
                self._list(drop)
            elif stamp_of(path.lstat()) != drop.stamp:
                return
            elif self._after == "delete":
                path.unlink()
            else:
                self._move(drop, "done" if is_readable else "unreadable")
        except FileNotFoundError:
            return
        except OSError as error:
            self._stuck.add((drop.name, drop.stamp))
            _LOG.warning(
                "%s was taken, but cannot be put away (%s); the station will not take it again "
                "until it is started anew: give it the right to write there",
                path, error.strerror,
            )  # fmt: skip

    def _move(self, drop: Drop, where: str) -> None:
        target = self._folder / where
        target.mkdir(exist_ok=True)
        path, away = self._folder / drop.name, free_name(target, drop.name)
        path.rename(away)
        if stamp_of(away.lstat()) != drop.stamp and not os.path.lexists(path):
            away.rename(path)  # replaced in the last moment: another picture, not taken yet

    def _list(self, drop: Drop) -> None:
        entry = (drop.name, drop.stamp.size, drop.stamp.mtime_ns)
        self._kept.add(entry)
        with (self._folder / TAKEN_LIST).open("ab") as file:
            file.write(_line(entry))
            file.flush()
            os.fsync(file.fileno())

    def _read_list(self) -> set[tuple[str, int, int]]:
        """What is listed and still lies there; the list is written anew, without the rest."""
        path = self._folder / TAKEN_LIST
        listed = path.read_bytes().splitlines() if path.exists() else []
        present = {entry.name for entry in os.scandir(self._folder)} if listed else set()
        kept = {entry for line in listed if (entry := _entry(line)) and entry[0] in present}
        write_whole(path, b"".join(map(_line, sorted(kept))))
        return kept


def _line(entry: tuple[str, int, int]) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _entry(line: bytes) -> tuple[str, int, int] | None:
    """One line of the list; None for one that was cut off when the power went."""
    try:
        name, size, mtime_ns = json.loads(line)
    except (ValueError, TypeError):
        return None
    return str(name), int(size), int(mtime_ns)
