"""Recorded inspections played again: the kept pictures of a journal or of a batch run."""

import json
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from station.core.errors import AcquisitionError
from station.core.files import legible
from station.core.frame import EncodedFrame
from station.core.plugin import Feed, Source
from station.sources.pace import Pace
from station.vision.images import read_picture


class Replay(Source, kind="replay"):
    """Recorded results (JSON lines with `job_id` or `origin`) and the pictures that belong to them.

    A picture is looked for as `<job_id>.jpg|png` below `pictures`, then as the recorded origin.
    """

    results: Path = Field(
        description="results.jsonl of a batch run or an export of the journal",
        examples=["out/ring/results.jsonl"],
    )
    pictures: Path = Field(
        description="folder the recorded pictures lie in", examples=["sample_images/ring"]
    )
    rate_per_s: float = Field(0.0, ge=0, description="parts per second; 0: as fast as they go")
    only_not_ok: bool = Field(False, description="play only what did not pass")

    @property
    def is_live(self) -> bool:
        """See `Folder.is_live`."""
        return self.rate_per_s > 0

    def open(self) -> Feed:
        """Open the recording.

        Raises:
            AcquisitionError: the file or folder is missing.
        """
        if not self.pictures.is_dir():
            raise AcquisitionError(f"there is no folder {self.pictures}; correct `pictures`")
        if not self.results.is_file():
            raise AcquisitionError(f"there is no recording {self.results}; correct `results`")
        return ReplayFeed(self)


class ReplayFeed:
    """An open recording."""

    def __init__(self, settings: Replay) -> None:
        self._settings = settings
        self._pace = Pace(settings.rate_per_s)
        self._records = self._read()
        self._sequence = 0

    def _read(self) -> Generator[dict[str, Any]]:
        with self._settings.results.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    record = json.loads(line)
                except ValueError as error:
                    where = f"{self._settings.results}, line {number}"
                    raise AcquisitionError(f"{where} is no JSON: {error}") from error
                if not (self._settings.only_not_ok and record.get("passed")):
                    yield record

    def grab(self, timeout_s: float) -> EncodedFrame | None:
        """The next recorded picture; see `Feed.grab`."""
        self._pace.wait(timeout_s)
        record = next(self._records, None)
        if record is None:
            return None
        self._sequence += 1
        started = time.perf_counter()
        path = self._picture_of(record)
        return EncodedFrame(
            data=read_picture(path),
            camera_id=self._settings.camera_id,
            sequence=self._sequence,
            acquired_at=datetime.now(UTC),
            acquisition_ms=(time.perf_counter() - started) * 1e3,
            is_simulated=True,
            origin=legible(path),
            truth=record.get("truth"),
        )

    def _picture_of(self, record: dict[str, Any]) -> Path:
        folder = self._settings.pictures
        job_id, origin = str(record.get("job_id", "")), str(record.get("origin", ""))
        names = [f"{job_id}.jpg", f"{job_id}.png", origin] if job_id else [origin]
        for name in names:
            path = folder / name
            if name and path.is_file():
                return path
        return folder / (origin or f"{job_id}.jpg")

    def close(self) -> None:
        """Close the recording."""
        self._records.close()
