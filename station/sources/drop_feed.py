"""An open folder into which pictures are dropped: each comes once, in the order of arrival."""

import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import watchfiles
from filelock import FileLock, Timeout

from station.core.errors import AcquisitionError, InUseError, NoFrameError, PictureError
from station.core.files import legible
from station.core.frame import AnyFrame, EncodedFrame
from station.sources.drops import (
    MOST_WAITING,
    Drop,
    Drops,
    Stamp,
    identity,
    is_picture_name,
    is_temporary_name,
    list_folder,
    stamp_of,
)
from station.sources.taken import After, Taken
from station.vision.images import check_whole

LOCK_FILE = ".station.lock"
MOST_FAILURES = 10_000
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRules:
    """How dropped pictures are taken; see the settings of the kind `watch`."""

    folder: Path
    camera_id: str
    after: After
    bits: int
    settle_s: float
    give_up_s: float
    poll_s: float
    max_bytes: int
    takes_existing: bool
    is_watched: bool


class DropFeed:
    """An open folder.

    A picture that was given stays where it is until `answered` says that its result is stored, or
    the feed is closed. After a crash in between it comes again: no picture is ever lost, one may
    come twice.
    """

    def __init__(self, rules: DropRules) -> None:
        """Lock the folder and begin to look.

        Raises:
            InUseError: another station takes pictures from it.
            AcquisitionError: it does not exist or cannot be written to.
        """
        self._rules = rules
        self._folder_id = identity(rules.folder)
        self._lock = _locked(rules.folder)
        try:
            self._taken = Taken(rules.folder, rules.after)
            self._left = frozenset() if rules.takes_existing else self._existing()
        except BaseException:
            self._lock.release()
            raise
        self._drops = Drops(rules.settle_s, rules.give_up_s)
        self._news = threading.Condition()
        self._stop, self._wake = threading.Event(), threading.Event()
        self._in_hand: dict[int, Drop] = {}
        self._held: set[tuple[str, Stamp]] = set()
        self._finished: deque[tuple[Drop, bool]] = deque()
        self._failures: deque[str] = deque()
        self._lost, self._told = "", False
        self._sequence, self._has_closed_well = 0, False
        self._threads = [threading.Thread(target=self._look, name="drops", daemon=True)]
        if rules.is_watched:
            self._threads.append(threading.Thread(target=self._listen, name="watch", daemon=True))
        for thread in self._threads:
            thread.start()

    def grab(self, timeout_s: float) -> EncodedFrame | None:
        """The next picture; see `Feed.grab`."""
        until_s = time.monotonic() + timeout_s
        while True:
            with self._news:
                self._news.wait_for(self._has_news, max(0.0, until_s - time.monotonic()))
                if self._failures:
                    raise PictureError(self._failures.popleft())
                drop = self._drops.take()
                if drop is None and self._lost:
                    raise AcquisitionError(self._lost)
                if drop is None:
                    raise NoFrameError(f"no picture came within {timeout_s:g} s")
                self._held.add((drop.name, drop.stamp))
            data = self._read(drop)
            if data is not None:
                return self._frame(drop, data)

    def answered(self, frame: AnyFrame) -> None:
        """The result of this frame is stored: its file is put away. Returns at once.

        A frame without bytes stands for a file that is no whole picture.
        """
        with self._news:
            drop = self._in_hand.pop(frame.sequence, None)
        if drop is not None and isinstance(frame, EncodedFrame):
            self._finished.append((drop, bool(frame.data)))
            self._wake.set()
        if self._has_closed_well:  # nobody else puts it away any more
            self._put_away()

    def report(self, failure: str) -> None:
        """A part whose picture never got here: the next `grab` raises a PictureError with it."""
        with self._news:
            if len(self._failures) >= MOST_FAILURES:
                _LOG.error("%s (%d such reports wait already)", failure, len(self._failures))
                return
            self._failures.append(failure)
            self._news.notify_all()

    def lose(self, why: str) -> None:
        """Nothing can come any more: `grab` raises an AcquisitionError with this from now on."""
        with self._news:
            self._lost = self._lost or why
            self._news.notify_all()

    def look_now(self) -> None:
        """Something was dropped: look at once."""
        self._wake.set()

    @property
    def waiting(self) -> int:
        """How many pictures lie in the folder and were not given yet."""
        with self._news:
            return self._drops.count

    def close(self) -> None:
        """Put away what was answered and release the folder.

        What is under way stays until it is answered; what never is comes again.
        """
        if self._stop.is_set():
            return
        was_lost = bool(self._lost)  # then nobody who answers may touch it: it could hang
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(10)
        self._has_closed_well = not was_lost  # from here on whoever answers puts it away
        self._put_away()
        self._lock.release()

    # -- in the thread that grabs ---------------------------------------------------------------

    def _has_news(self) -> bool:
        return bool(self._failures or self._lost or self._drops.has_ready)

    def _frame(self, drop: Drop, data: bytes) -> EncodedFrame:
        with self._news:
            self._sequence += 1
            self._in_hand[self._sequence] = drop
            if len(self._in_hand) > MOST_WAITING:
                self._finished.append((self._in_hand.pop(next(iter(self._in_hand))), True))
        return EncodedFrame(
            data=data,
            camera_id=self._rules.camera_id,
            sequence=self._sequence,
            acquired_at=drop.arrived_at,
            bits=self._rules.bits,
            origin=legible(self._rules.folder / drop.name),
        )

    def _read(self, drop: Drop) -> bytes | None:
        """The bytes of a whole picture; None: it is not whole yet, or it went away.

        Raises:
            PictureError: it will never be a whole picture.
        """
        path = self._rules.folder / drop.name
        try:
            data = read_settled(path, drop.stamp, self._rules.max_bytes)
        except FileNotFoundError:
            _LOG.warning("%s went away before it was taken", legible(path))
            self._let_go(drop)
            return None
        except (PictureError, OSError) as error:
            is_hopeless = drop.stamp.size > self._rules.max_bytes
            if is_hopeless or self._drops.has_rested(drop, time.monotonic()):
                raise PictureError(_reason(path, error), frame=self._frame(drop, b"")) from error
            drop.is_ready, drop.is_incomplete = False, True
            data = None
        if data is None:
            with self._news:
                self._drops.put_back(drop)
            self._let_go(drop)
            self._wake.set()
        return data

    def _let_go(self, drop: Drop) -> None:
        with self._news:
            self._held.discard((drop.name, drop.stamp))

    # -- in the thread that looks ---------------------------------------------------------------

    def _look(self) -> None:
        why = f"nobody looks into folder {self._rules.folder} any more"
        try:
            while not self._stop.is_set():
                started_s = time.monotonic()
                self._wake.clear()
                wait_s = self._look_once()
                self._stop.wait(9 * (time.monotonic() - started_s))  # a tenth of a core at most
                self._wake.wait(wait_s)
        except OSError as error:
            why = str(error)
        finally:
            self.lose(why)

    def _look_once(self) -> float:
        """Look into the folder; returns how long it may be left alone."""
        if identity(self._rules.folder) != self._folder_id:
            raise AcquisitionError(f"folder {self._rules.folder} is another one than before")
        self._put_away()
        listing = list_folder(self._rules.folder, self._is_wanted)
        if listing.others and not self._told:
            self._told = True
            _LOG.warning(
                "%d files in %s are left alone, %s for one: links, or no PNG, JPEG, BMP or TIFF",
                listing.others, self._rules.folder, legible(Path(listing.other)),
            )  # fmt: skip
        now_s = time.monotonic()
        with self._news:
            for name, stamp in self._held:  # what was given while the folder was read
                if listing.pictures.get(name) == stamp:
                    del listing.pictures[name]
            overwritten = self._drops.update(listing, now_s)
            due_s = self._drops.due_in_s(now_s)
            self._news.notify_all()
        for name in overwritten:
            path = legible(self._rules.folder / name)
            self.report(f"{path} was overwritten before it was taken; give each picture a new name")
        return self._rules.poll_s if due_s is None else min(due_s, self._rules.poll_s)

    def _is_wanted(self, name: str, stamp: Stamp) -> bool:
        entry = (name, stamp)
        return not (entry in self._held or entry in self._left or self._taken.holds(name, stamp))

    def _existing(self) -> frozenset[tuple[str, Stamp]]:
        found = list_folder(self._rules.folder, _any, most=None)
        return frozenset(found.pictures.items())

    def _put_away(self) -> None:
        while True:
            try:
                drop, is_readable = self._finished.popleft()
            except IndexError:  # two threads may do it while the feed is closed
                return
            self._taken.finish(drop, is_readable=is_readable)
            self._let_go(drop)

    def _listen(self) -> None:
        """Wake the look when the operating system tells of a change; network shares may not."""
        try:
            for _ in watchfiles.watch(
                self._rules.folder,
                watch_filter=_matters,
                debounce=50,
                step=10,
                rust_timeout=1000,
                stop_event=self._stop,
                raise_interrupt=False,
                recursive=False,
            ):
                self._wake.set()
        except (OSError, RuntimeError) as error:
            _LOG.warning("%s is looked into every %g s: the system tells of no changes (%s)",
                         self._rules.folder, self._rules.poll_s, error)  # fmt: skip


def read_settled(path: Path, stamp: Stamp, max_bytes: int) -> bytes | None:
    """The bytes of a file that is one whole picture; None if it is not as it was any more.

    Raises:
        PictureError: too large, or no whole picture.
        OSError: it cannot be read.
    """
    if stamp.size > max_bytes:
        raise PictureError(f"it has {stamp.size:,} bytes, more than max_bytes = {max_bytes:,}")
    with path.open("rb") as file:
        before = stamp_of(os.fstat(file.fileno()))
        data = file.read(max_bytes + 1)
        after = stamp_of(os.fstat(file.fileno()))
    if not before == after == stamp or len(data) != stamp.size:
        return None
    check_whole(data, name="it")
    return data


def _locked(folder: Path) -> FileLock:
    path = folder / LOCK_FILE
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InUseError(
            f"another station takes pictures from folder {folder} ({path} is locked); "
            "give each station a folder of its own"
        ) from None
    except OSError as error:
        raise AcquisitionError(
            f"folder {folder} cannot be used: {error.strerror}; the station must be allowed to "
            "write there"
        ) from error
    return lock


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{legible(path)} cannot be read: {error.strerror}"
    return f"{legible(path)} is not taken: {error}"


def _any(_name: str, _stamp: Stamp) -> bool:
    return True


def _matters(change: watchfiles.Change, path: str) -> bool:
    name = Path(path).name
    if change is watchfiles.Change.deleted:
        return False
    return is_picture_name(name) or (is_temporary_name(name) and name != LOCK_FILE)
