"""A journal that is broken: found at the start, set aside, and followed by one that counts on."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

CHECK_S = 1.5
"""A journal too big to be looked through in that time is used; a start must not take minutes."""
STEPS = 10_000
BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
KEPT_TABLES = ("ledger", "plc_counts", "dead_letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What could still be read of a broken journal."""

    highest: int = 0
    sequence: int | None = None
    newest_id: int = 0
    cursors: list[Sequence[Any]] = field(default_factory=list)
    """Of each sink: its name, the last result it has got, how many were lost to it before."""
    rows: dict[str, list[Sequence[Any]]] = field(default_factory=dict)


def damage_of(path: Path) -> str:
    """What is broken in a database file; empty if nothing was found."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(path)) as connection:
            end_s = time.monotonic() + CHECK_S
            connection.set_progress_handler(lambda: time.monotonic() > end_s, STEPS)
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            return "" if said == "ok" else str(said)
    except sqlite3.DatabaseError as error:
        return str(error) if is_broken(error) else ""


def is_broken(error: BaseException) -> bool:
    """Whether the file itself is broken; a disk that is full or away breaks nothing."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN


def set_aside(path: Path, now: datetime | None = None) -> Path:
    """Rename a journal and what belongs to it; returns the new name.

    Raises:
        OSError: the folder cannot be written.
    """
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.stem}.corrupt-{stamp}{path.suffix}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.stem}.corrupt-{stamp}-{number}{path.suffix}")
    for ending in ("-wal", "-shm", ""):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside


def salvage(path: Path) -> Salvaged:
    """Read what can be read of a broken journal; what cannot is not there."""
    numbers = _rows(path, "SELECT highest, sequence FROM numbers")
    stored = _rows(path, "SELECT max(ledger_number) FROM results")
    newest = _rows(path, "SELECT seq FROM sqlite_sequence WHERE name = 'results'")
    there = _rows(path, "SELECT max(id) FROM results")
    cursors = _rows(path, "SELECT sink, result_id, lost FROM cursors")
    return Salvaged(
        highest=max(_first(numbers), _first(stored)),
        sequence=numbers[0][1] if numbers else None,
        newest_id=max(_first(newest), _first(there), *(int(cursor[1]) for cursor in cursors)),
        cursors=cursors,
        rows={table: _rows(path, f"SELECT * FROM {table}") for table in KEPT_TABLES},  # noqa: S608
    )


def restore(connection: sa.Connection, found: Salvaged) -> None:
    """Go on counting in a new journal where the broken one stopped."""
    connection.exec_driver_sql(
        "UPDATE numbers SET low_water = ?, highest = ?, sequence = ?, sequence_number = ?",
        (found.highest, found.highest, found.sequence, found.highest),
    )
    connection.exec_driver_sql(
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('results', ?)", (found.newest_id,)
    )
    for sink, result_id, lost in found.cursors:  # what it had not got lies in the broken one
        connection.exec_driver_sql(
            "INSERT INTO cursors (sink, result_id, lost) VALUES (?, ?, ?)",
            (sink, found.newest_id, lost + found.newest_id - result_id),
        )
    for table, rows in found.rows.items():
        for row in rows:
            marks = ", ".join("?" * len(row))
            connection.exec_driver_sql(
                f"INSERT OR REPLACE INTO {table} VALUES ({marks})",  # noqa: S608 - our own names
                tuple(row),
            )


def _rows(path: Path, query: str) -> list[Sequence[Any]]:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return list(connection.execute(query).fetchall())
    except sqlite3.Error:
        return []


def _first(rows: Sequence[Sequence[Any]]) -> int:
    return int(rows[0][0] or 0) if rows else 0
