"""Which pictures are kept, and where: one JPEG a result, in a folder a day."""

import logging
import queue
import threading
from datetime import UTC
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from station.core.errors import PictureError
from station.core.files import write_whole
from station.core.frame import AnyFrame, Frame
from station.core.result import Result
from station.vision.annotate import annotate
from station.vision.frames import decoded
from station.vision.images import encode_jpeg

_LOG = logging.getLogger(__name__)

JPEG_QUALITY = 95
QUEUE_SIZE = 32


class KeepPolicy(BaseModel):
    """Which pictures are kept and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: Literal["all", "not_ok", "every_nth", "none"] = Field(
        "not_ok", description="not_ok: everything that did not pass"
    )
    every_nth: int = Field(100, gt=0, description="with every_nth: also all that did not pass")
    max_age_days: float = Field(30, gt=0, description="results and pictures older are deleted")
    max_picture_bytes: int = Field(20_000_000_000, gt=0, description="oldest pictures go first")
    min_free_bytes: int = Field(
        500_000_000, ge=0, description="with less free, pictures go: annotated, then the oldest"
    )
    keep_annotated: bool = Field(
        False, description="beside each kept picture one with the findings drawn on it"
    )


class Pictures:
    """The kept pictures: written by a thread of its own, off the decision path.

    When 32 wait the next is not kept, and counted in `dropped`: the line never waits for a disk.
    """

    def __init__(self, folder: Path, policy: KeepPolicy) -> None:
        self.folder = folder
        self.kept = 0
        self.dropped = 0
        self._policy = policy
        self._seen = 0
        for draft in folder.glob("*/.*.part"):  # what a kill left half-written
            draft.unlink(missing_ok=True)
        self._waiting: queue.Queue[tuple[Result, AnyFrame] | None] = queue.Queue(QUEUE_SIZE)
        self._writer = threading.Thread(target=self._write_all, name="pictures", daemon=True)
        self._writer.start()

    def offer(self, result: Result, frame: AnyFrame) -> None:
        """Keep the picture of a result if the policy says so; returns at once."""
        self._seen += 1
        if not self._wants(result):
            return
        try:
            self._waiting.put_nowait((result, frame))
        except queue.Full:
            self.dropped += 1

    def path_of(self, result: Result) -> Path:
        """Where the picture of a result lies if it was kept."""
        day = result.completed_at.astimezone(UTC).strftime("%Y-%m-%d")
        return self.folder / day / f"{result.job_id}.jpg"

    def close(self) -> None:
        """Write what waits, then end."""
        self._waiting.put(None)
        self._writer.join()

    def _wants(self, result: Result) -> bool:
        keep = self._policy.keep
        if keep == "every_nth":
            return not result.passed or self._seen % self._policy.every_nth == 0
        return keep == "all" or (keep == "not_ok" and not result.passed)

    def _write_all(self) -> None:
        while (entry := self._waiting.get()) is not None:
            result, frame = entry
            try:
                self._write(result, decoded(frame))
                self.kept += 1
            except (OSError, PictureError):
                self.dropped += 1
            except Exception:  # noqa: BLE001 - the border: no picture ends the thread
                _LOG.exception("the picture of %a cannot be kept", result.job_id)
                self.dropped += 1

    def _write(self, result: Result, frame: Frame) -> None:
        path = self.path_of(result)
        write_whole(path, encode_jpeg(frame.image, quality=JPEG_QUALITY), durable=False)
        if self._policy.keep_annotated:
            drawn = annotate(frame.image, result)
            write_whole(path.with_suffix(".annotated.jpg"), encode_jpeg(drawn), durable=False)
