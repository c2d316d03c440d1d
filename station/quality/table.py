"""Results as a CSV file for a spreadsheet."""

import csv
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from station.core.result import Evaluation, ResultState
from station.quality.summary import Record, score_of

COLUMNS = (
    "origin", "truth", "result_state", "evaluation", "passed", "reason_code", "reason_text",
    "score", "part_id", "product_id", "recipe_id", "recipe_version", "recipe_hash",
    "acquisition_ms", "processing_ms", "total_ms", "completed_at", "job_id",
    "is_qualified", "reason_detail",
)  # fmt: skip


def write_table(read: Callable[[], Iterable[Record]], path: Path) -> None:
    """Write one row a record, whole or not at all; states are words, times are milliseconds.

    What tools measured and read follows in columns of its own: `tool.name`, with the part's number
    where there are several (`tool.name#2`). The records are read twice.

    Raises:
        OSError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            told = dict.fromkeys(name for record in read() for name in _told(record))
            writer.writerow((*COLUMNS, *told))
            writer.writerows([*_row(record), *_rest(record, told)] for record in read())
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
    return [_cell(words.get(name, record.get(name))) for name in COLUMNS]


def _rest(record: Record, columns: Iterable[str]) -> list[object]:
    told = _told(record)
    return [_cell(told.get(name)) for name in columns]


def _told(record: Record) -> dict[str, object]:
    """What tools measured and read; of findings of a tool that have one name, the first counts."""
    told: dict[str, object] = {}
    named = _tools_with_names(record)
    for found in record["findings"]:
        tool, part = found["tool"], found.get("part", 0)
        place = f"{tool}.{found['text']}" if tool in named and found["text"] else tool
        for name, value in found["measured"].items():
            told.setdefault(f"{place}.{name}" + (f"#{part}" if part > 1 else ""), value)
        for name, value in found.get("read", {}).items():
            told.setdefault(f"{tool}.{name}" + (f"#{part}" if part > 1 else ""), value)
    return told


def _tools_with_names(record: Record) -> set[str]:
    """The tools whose findings are each of a position or class with a name."""
    texts: dict[str, set[str]] = {}
    for found in record["findings"]:
        texts.setdefault(found["tool"], set()).add(found.get("text", ""))
    return {
        tool
        for tool, said in texts.items()
        if all(re.fullmatch(r"[\w-]{1,32}", text) for text in said)
    }


def _cell(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value
