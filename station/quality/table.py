"""Results as a CSV file for a spreadsheet."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from station.core.result import Evaluation, ResultState
from station.quality.summary import Record, score_of

COLUMNS = (
    "origin", "truth", "result_state", "evaluation", "passed", "reason_code", "reason_text",
    "score", "part_id", "product_id", "recipe_id", "recipe_version", "recipe_hash",
    "acquisition_ms", "processing_ms", "total_ms", "completed_at", "job_id",
    "is_qualified",
)  # fmt: skip


def write_table(records: Iterable[Record], path: Path) -> None:
    """Write one row a record, whole or not at all; states are words, times are milliseconds.

    Raises:
        OSError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_row(record) for record in records)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _row(record: Record) -> list[object]:
    words = {
        "result_state": ResultState(record["result_state"]).name,
        "evaluation": Evaluation(record["evaluation"]).name,
        "score": score_of(record),
    }
    cells = (words.get(name, record.get(name)) for name in COLUMNS)
    return [round(cell, 6) if isinstance(cell, float) else cell for cell in cells]
