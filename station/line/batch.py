"""Inspect many pictures: a pool of workers, each with whole pictures, results in order."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, Literal, TypeVar

from station.core.errors import PictureError
from station.core.frame import Frame, Job
from station.core.reasons import StationReason
from station.core.recipe import PreparedRecipe
from station.core.result import Result, ResultState
from station.inspection import inspect, unanswered
from station.line.batch_pictures import Picture
from station.line.batch_store import BatchStore, line_of, unwritable
from station.vision.annotate import annotate
from station.vision.images import encode_jpeg, read_image

Annotate = Literal["not_ok", "all", "none"]
Look = Callable[[Frame, Picture, Result], None]
Entry = TypeVar("Entry")

JPEG_QUALITY = 85
AHEAD_PER_WORKER = 8
"""How many pictures a worker may be ahead of the slowest one; bounds what waits for its turn."""


@dataclass(slots=True)
class Progress:
    """How far a batch is; counted by the workers, read by anybody."""

    inspected: int = 0
    passed: int = 0
    elapsed_s: float = 0.0


class Batch:
    """One run over some pictures: started once, waited for, stopped early or not."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        prepared: PreparedRecipe,
        store: BatchStore,
        *,
        annotate: Annotate = "not_ok",
        bits: int = 16,
        workers: int = 1,
        look: Look | None = None,
    ) -> None:
        """Settle what is to be done.

        `look` is called with every picture that could be read, in a worker, after its inspection;
        what it raises ends the batch.
        """
        self.progress = Progress()
        self._pictures = pictures
        self._prepared = prepared
        self._store = store
        self._annotate = annotate
        self._bits = bits
        self._look = look
        self._turn = Turn(len(pictures), self._keep, ahead=max(1, workers) * AHEAD_PER_WORKER)
        self._failure: BaseException | None = None
        self._folders: set[Path] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True)
            for number in range(max(1, min(workers, len(pictures))))
        ]
        self._at_work = len(self._threads)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._started_s = 0.0

    def start(self) -> None:
        """Let the workers begin."""
        self._started_s = time.perf_counter()
        if not self._pictures:
            self._ended.set()
            return
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end, at most so long; True when it has come.

        Raises:
            JournalError: the results cannot be written any more.
        """
        # not Thread.join: interrupted by Ctrl-C it takes a running thread for an ended one
        finished = self._ended.wait(timeout_s)
        self.progress.elapsed_s = time.perf_counter() - self._started_s
        if finished and self._failure is not None:
            raise self._failure
        return finished

    def stop(self) -> None:
        """Begin no further picture; those under way are finished."""
        self._turn.stop()

    def _work(self) -> None:
        try:
            for index in self._turn.orders():
                picture = self._pictures[index]
                result = self._inspect(index, picture)
                line = line_of(result, picture)
                self._turn.hand_in(index, (line, result.passed))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._failure = self._failure or error
            self._turn.stop()
        finally:
            with self._lock:
                self._at_work -= 1
                if not self._at_work:
                    self._ended.set()

    def _keep(self, entry: tuple[bytes, bool]) -> None:
        line, passed = entry
        self._store.append(line)
        self.progress.inspected += 1
        self.progress.passed += passed

    def _inspect(self, index: int, picture: Picture) -> Result:
        job = Job(part_id=picture.path.stem, values=picture.values)
        started_s = time.perf_counter()
        try:
            image = read_image(picture.path, bits=self._bits)
        except PictureError as error:
            result = unanswered(
                job,
                self._prepared,
                ResultState.FAILED,
                StationReason.UNREADABLE_IMAGE,
                str(error),
                camera_id="batch",
            )
            return replace(result, origin=picture.origin, truth=picture.truth, sequence=index)
        frame = Frame(
            image=image,
            camera_id="batch",
            sequence=index,
            acquired_at=datetime.now(UTC),
            acquisition_ms=(time.perf_counter() - started_s) * 1e3,
            is_simulated=True,
            origin=picture.origin,
            truth=picture.truth,
        )
        result = inspect(frame, self._prepared, job)
        if self._annotate == "all" or (self._annotate == "not_ok" and not result.passed):
            self._save(frame, result)
        if self._look:
            self._look(frame, picture, result)
        return result

    def _save(self, frame: Frame, result: Result) -> None:
        data = encode_jpeg(annotate(frame.image, result), quality=JPEG_QUALITY)
        path = self._store.folder / annotated_path(frame.origin)
        parent = path.parent
        try:
            if parent not in self._folders:
                parent.mkdir(parents=True, exist_ok=True)
                self._folders.add(parent)
            path.write_bytes(data)
        except OSError as error:
            raise unwritable(self._store.folder, error) from error


def annotated_path(origin: str) -> Path:
    """Where a picture's annotated twin lies in the batch folder; always a JPEG."""
    is_jpeg = origin.lower().endswith((".jpg", ".jpeg"))
    return Path("annotated", origin if is_jpeg else f"{origin}.jpg")


class Turn(Generic[Entry]):
    """Hands out indices to workers, and passes what they made on in the same order."""

    def __init__(self, count: int, keep: Callable[[Entry], None], *, ahead: int) -> None:
        self._count = count
        self._keep = keep
        self._ahead = ahead
        self._next_out = 0
        self._next_in = 0
        self._waiting: dict[int, Entry] = {}
        self._changed = threading.Condition()
        self._is_stopped = False

    def orders(self) -> Iterator[int]:
        """Indices, each for one worker only; waits while the slowest is too far behind."""
        while True:
            with self._changed:
                while (
                    not self._is_stopped
                    and self._next_out < self._count
                    and self._next_out - self._next_in >= self._ahead
                ):
                    self._changed.wait(timeout=1.0)
                if self._is_stopped or self._next_out >= self._count:
                    return
                index = self._next_out
                self._next_out += 1
            yield index

    def hand_in(self, index: int, entry: Entry) -> None:
        """Take an entry; every entry whose turn has come is kept, one at a time."""
        with self._changed:
            self._waiting[index] = entry
            while self._next_in in self._waiting:
                self._keep(self._waiting.pop(self._next_in))
                self._next_in += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """No further index."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
