"""Results as rows of a CSV file, for the spreadsheet at the end of the shift."""

import csv
import os
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import Field

from station.core.errors import SettingsError
from station.core.frame import AnyFrame
from station.core.plugin import Delivery, Sink
from station.core.result import Result

COLUMNS = (
    "completed_at", "job_id", "part_id", "product_id", "camera_id", "result_state", "evaluation",
    "passed", "reason_code", "reason_text", "score", "recipe_id", "recipe_version", "recipe_hash",
    "processing_ms", "total_ms", "origin",
)  # fmt: skip
TAIL_BYTES = 1_000_000
MOST_KNOWN = 2000
"""So many of the newest rows are not written a second time."""


class Csv(Sink, kind="csv"):
    """One row a result, appended; a result that comes again after a crash is not."""

    path: Path = Field(
        description="the file; made with a header where it does not exist", examples=["results.csv"]
    )
    daily: bool = Field(False, description="a file a day (UTC): results-2026-11-28.csv")

    def open(self) -> Delivery:
        """Open the file for appending.

        Raises:
            SettingsError: it cannot be written.
        """
        delivery = CsvDelivery(self)
        try:
            delivery.open_file(self.path_on(datetime.now(UTC)))
        except OSError as error:
            raise SettingsError(f"csv sink cannot write {self.path}: {error.strerror}") from error
        return delivery

    def path_on(self, moment: datetime) -> Path:
        """The file of the results of that day."""
        if not self.daily:
            return self.path
        day = moment.astimezone(UTC).strftime("%Y-%m-%d")
        return self.path.with_name(f"{self.path.stem}-{day}{self.path.suffix}")


class CsvDelivery:
    """An open CSV file."""

    def __init__(self, settings: Csv) -> None:
        self._settings = settings
        self._path: Path | None = None
        self._file: IO[str] | None = None
        self._known: deque[str] = deque(maxlen=MOST_KNOWN)

    def open_file(self, path: Path) -> IO[str]:
        """Go on with a file: a torn last row is cut off, the newest job ids are remembered.

        Raises:
            OSError: it cannot be read or written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.close()
        is_new = not path.exists() or not self._repair(path)
        self._path, self._file = path, path.open("a", newline="", encoding="utf-8")
        if is_new:
            csv.writer(self._file).writerow(COLUMNS)
            _keep(self._file)
        return self._file

    def deliver(self, result: Result, frame: AnyFrame | None) -> None:  # noqa: ARG002
        """Append one row; once this returns it is on the disk, as the journal counts on it.

        Raises:
            OSError: the disk is full, or the folder is gone.
        """
        path = self._settings.path_on(result.completed_at)
        file = self._file if path == self._path and self._file else self.open_file(path)
        if result.job_id in self._known:
            return
        try:
            csv.writer(file).writerow([_cell(result, column) for column in COLUMNS])
            _keep(file)
        except OSError:
            self.close()  # half a row may be written: the next try cuts it off
            raise
        self._known.append(result.job_id)

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file:
            file.close()

    def _repair(self, path: Path) -> int:
        """Cut a torn last row off and remember the newest rows; how many bytes are left."""
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            start = file.seek(max(0, size - TAIL_BYTES))
            tail = file.read()
            whole = tail.rfind(b"\n") + 1
            if whole < len(tail):
                file.truncate(start + whole)
            os.fsync(file.fileno())  # what is not written again must be on the disk
        lines = tail[:whole].decode("utf-8", errors="replace").splitlines()
        rows = csv.reader(lines[1:] if start else lines)
        self._known.extend(row[1] for row in rows if len(row) == len(COLUMNS))
        return start + whole


def _keep(file: IO[str]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _cell(result: Result, column: str) -> Any:
    if column == "score":
        if len({finding.tool for finding in result.findings}) > 1:
            return max(finding.share for finding in result.findings)  # no other common scale
        return max((f.score for f in result.findings if f.score is not None), default="")
    value = getattr(result, column)
    if isinstance(value, str):
        return " ".join(value.splitlines())  # a row is a line: so a torn one is known
    return getattr(value, "name", value) if column in ("result_state", "evaluation") else value
