"""Which files dropped into a folder are pictures to take next, in the order they came."""

import heapq
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from station.core.errors import AcquisitionError
from station.vision.images import SUFFIXES

MOST_WAITING = 20_000
"""So many files are held in mind; later ones are seen when earlier ones are gone."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The state of a file; written to or replaced, it has another one."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(slots=True)
class Drop:
    """A file that waits to be taken."""

    name: str
    stamp: Stamp
    arrived_at: datetime
    """When the station first saw it, on the station's clock."""
    rests_since_s: float
    was_renamed: bool = False
    """It was seen under a temporary name before: whoever writes it says that it is whole."""
    is_incomplete: bool = False
    """It rested and was read, and was no whole picture."""
    is_ready: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds."""

    pictures: dict[str, Stamp]
    drafts: frozenset[int]
    """Inodes of the files under temporary names."""
    others: int
    """Number of the files and links that are left alone."""
    other: str
    """The name of one of them."""


class Drops:
    """The files of one folder that wait. Not safe for threads: whoever owns it locks.

    A file is ready when it has rested for `settle_s`, or was renamed into place; one that was read
    and was not whole, when it has rested for `give_up_s`.
    """

    def __init__(self, settle_s: float, give_up_s: float) -> None:
        self._settle_s, self._give_up_s = settle_s, give_up_s
        self._waiting: dict[str, Drop] = {}
        self._ready: deque[Drop] = deque()
        self._drafts: frozenset[int] = frozenset()

    def update(self, listing: Listing, now_s: float) -> list[str]:
        """Take over what the folder holds now.

        Returns the names of pictures that were ready and were overwritten before they were taken.
        """
        overwritten = []
        waiting: dict[str, Drop] = {}
        for name, stamp in listing.pictures.items():
            drop = self._waiting.get(name)
            if drop is None:
                drop = Drop(name, stamp, datetime.now(UTC), now_s, stamp.inode in self._drafts)
            elif drop.stamp != stamp:
                if drop.is_ready and _is_another(drop.stamp, stamp):
                    overwritten.append(name)
                drop = Drop(name, stamp, drop.arrived_at, now_s)
            drop.is_ready = drop.rests_since_s + self._rest_s(drop) <= now_s
            waiting[name] = drop
        self._waiting, self._drafts = waiting, listing.drafts
        ready = (drop for drop in waiting.values() if drop.is_ready)
        self._ready = deque(sorted(ready, key=lambda drop: (drop.stamp.mtime_ns, drop.name)))
        return overwritten

    @property
    def count(self) -> int:
        """How many wait, ready or not."""
        return len(self._waiting)

    @property
    def has_ready(self) -> bool:
        """Whether one can be taken."""
        return bool(self._ready)

    def due_in_s(self, now_s: float) -> float | None:
        """Time until the next one gets ready if nobody touches it; None: none waits for that."""
        due = [d.rests_since_s + self._rest_s(d) for d in self._waiting.values() if not d.is_ready]
        return max(0.0, min(due) - now_s) if due else None

    def take(self) -> Drop | None:
        """The next ready one, which then waits no longer."""
        if not self._ready:
            return None
        drop = self._ready.popleft()
        del self._waiting[drop.name]
        return drop

    def put_back(self, drop: Drop) -> None:
        """It changed, or is not whole yet: it waits on, until it has rested again."""
        self._waiting[drop.name] = drop

    def has_rested(self, drop: Drop, now_s: float) -> bool:
        """Whether nobody has touched it for so long that nothing more is to be expected."""
        return drop.rests_since_s + self._give_up_s <= now_s

    def _rest_s(self, drop: Drop) -> float:
        if drop.is_incomplete:
            return self._give_up_s
        return 0.0 if drop.was_renamed else self._settle_s


def list_folder(
    folder: Path, is_wanted: Callable[[str, Stamp], bool], most: int | None = MOST_WAITING
) -> Listing:
    """The wanted pictures of a folder, the earliest `most` of them.

    Subfolders, links, hidden and temporary names (`.x`, `~x`, `x~`) and other endings than those
    of pictures are left alone.

    Raises:
        OSError: it cannot be read.
    """
    drafts: set[int] = set()
    others: list[str] = []

    def wanted() -> Iterator[tuple[int, str, Stamp]]:
        for name, stamp in _files(folder, others):
            if not is_picture_name(name):
                if len(drafts) < MOST_WAITING:
                    drafts.add(stamp.inode)
                if not is_temporary_name(name):
                    others.append(name)
            elif is_wanted(name, stamp):
                yield stamp.mtime_ns, name, stamp

    earliest = wanted() if most is None else heapq.nsmallest(most, wanted())
    pictures = {name: stamp for _, name, stamp in earliest}
    return Listing(pictures, frozenset(drafts - {0}), len(others), min(others, default=""))


def is_temporary_name(name: str) -> bool:
    """Whether a file of this name is still being written, or nobody's business."""
    low = name.lower()
    return low.startswith((".", "~")) or low.endswith(("~", ".tmp", ".part", ".partial", ".temp"))


def is_picture_name(name: str) -> bool:
    """Whether a file of this name counts as a picture."""
    return not is_temporary_name(name) and Path(name).suffix.lower() in SUFFIXES


def stamp_of(found: os.stat_result) -> Stamp:
    """The state a file has."""
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)


def free_name(folder: Path, name: str) -> Path:
    """A path in `folder` nothing lies at: this name, or it with a number."""
    path, number = folder / name, 1
    while os.path.lexists(path):
        number += 1
        path = folder / f"{Path(name).stem}_{number}{Path(name).suffix}"
    return path


def identity(folder: Path) -> tuple[int, int]:
    """Which folder it is, whatever its name.

    Raises:
        AcquisitionError: there is none.
    """
    try:
        found = folder.stat()
    except OSError as error:
        raise AcquisitionError(f"folder {folder} cannot be reached: {error.strerror}") from error
    return found.st_dev, found.st_ino


def _files(folder: Path, others: list[str]) -> Iterator[tuple[str, Stamp]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                others.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                try:
                    yield entry.name, stamp_of(os.lstat(entry.path))
                except FileNotFoundError:
                    continue  # it went between the two looks


def _is_another(before: Stamp, now: Stamp) -> bool:
    """Whether it is another file rather than the same one, written further."""
    return before.inode != now.inode or now.size < before.size
