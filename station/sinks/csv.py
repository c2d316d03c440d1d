"""Results as rows of a CSV file, for the spreadsheet at the end of the shift."""

import csv
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


class Csv(Sink, kind="csv"):
    """One row a result, appended."""

    path: Path = Field(description="the file; made with a header where it does not exist")

    def open(self) -> Delivery:
        """Open the file for appending.

        Raises:
            SettingsError: it cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a", newline="", encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"csv sink cannot write {self.path}: {error.strerror}") from error
        return CsvDelivery(file)


class CsvDelivery:
    """An open CSV file."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._writer = csv.writer(file)
        if file.tell() == 0:
            self._writer.writerow(COLUMNS)

    def deliver(self, result: Result, frame: AnyFrame | None) -> None:  # noqa: ARG002
        """Append one row."""
        self._writer.writerow([_cell(result, column) for column in COLUMNS])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _cell(result: Result, column: str) -> Any:
    if column == "score":
        if len({finding.tool for finding in result.findings}) > 1:
            return max(finding.share for finding in result.findings)  # no other common scale
        return max((f.score for f in result.findings if f.score is not None), default="")
    value = getattr(result, column)
    return getattr(value, "name", value) if column in ("result_state", "evaluation") else value
