"""The tables of the journal, and how a file from an earlier version gets them."""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from station.core.errors import JournalError

VERSION = 2
"""Stands in the file's `user_version`; files from before it was written have 0."""
BUSY_TIMEOUT_S = 5.0

SCHEMA = sa.MetaData()
RESULTS = sa.Table(
    "results",
    SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.String(64), nullable=False, unique=True),
    sa.Column("part_id", sa.String(128), nullable=False, index=True),
    sa.Column("evaluation", sa.Integer, nullable=False, index=True),
    sa.Column("completed_at", sa.Float, nullable=False, index=True),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("ledger_number", sa.Integer, nullable=False, server_default="0"),
    sa.Column("trigger_sequence", sa.Integer),
    sqlite_autoincrement=True,
)
LATE_RESULTS = sa.Table(
    "late_results",
    SCHEMA,
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("completed_at", sa.Float, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
)
NUMBERS = sa.Table(
    "numbers",
    SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("low_water", sa.Integer, nullable=False),
    sa.Column("highest", sa.Integer, nullable=False),
    sa.Column("sequence", sa.Integer),
    sa.Column("sequence_number", sa.Integer, nullable=False),
)
"""One row. Every ledger number up to `low_water` has its result."""
LEDGER = sa.Table(
    "ledger",
    SCHEMA,
    sa.Column("shift_start", sa.Float, primary_key=True),
    sa.Column("recipe_id", sa.String(128), primary_key=True),
    sa.Column("recipe_version", sa.Integer, primary_key=True),
    sa.Column("outcome", sa.String(16), primary_key=True),
    sa.Column("reason_code", sa.String(64), primary_key=True),
    sa.Column("is_station_reason", sa.Boolean, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
PLC_COUNTS = sa.Table(
    "plc_counts",
    SCHEMA,
    sa.Column("shift_start", sa.Float, primary_key=True),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("passed", sa.Integer, nullable=False),
    sa.Column("rejected", sa.Integer, nullable=False),
    sa.Column("last_sent", sa.Integer, nullable=False),
    sa.Column("last_passed", sa.Integer, nullable=False),
    sa.Column("last_rejected", sa.Integer, nullable=False),
    sa.Column("counted_at", sa.Float, nullable=False),
)
"""What the PLC counted in a shift, and its counters as it told them last."""
CURSORS = sa.Table(
    "cursors",
    SCHEMA,
    sa.Column("sink", sa.String(64), primary_key=True),
    sa.Column("result_id", sa.Integer, nullable=False),
    sa.Column("lost", sa.Integer, nullable=False, server_default="0"),
)
"""The last result that each sink has got."""
DEAD_LETTERS = sa.Table(
    "dead_letters",
    SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("sink", sa.String(64), nullable=False, index=True),
    sa.Column("job_id", sa.String(64), nullable=False),
    sa.Column("error", sa.String(1000), nullable=False),
    sa.Column("given_up_at", sa.Float, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
)
"""What a sink refused for good."""
RETENTION = sa.Table(
    "retention",
    SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("now_s", sa.Float, nullable=False),
)
"""One row: the time that deletion goes by."""

_ADDED = {
    "ledger_number": "INTEGER NOT NULL DEFAULT 0",
    "trigger_sequence": "INTEGER",
}
_INDEX = """
CREATE UNIQUE INDEX IF NOT EXISTS ux_results_ledger_number
    ON results (ledger_number) WHERE ledger_number > 0
"""


def open_engine(path: Path) -> sa.Engine:
    """Connections to a journal: write-ahead log, every commit on the disk before it returns."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def durable(connection: sqlite3.Connection, _: Any) -> None:
        connection.text_factory = _legible
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    return engine


def _legible(text: bytes) -> str:
    """A damaged letter costs itself, not the reading of all rows beside it."""
    return text.decode("utf-8", "replace")


def upgrade(engine: sa.Engine, path: Path) -> None:
    """Make what is missing in the file; doing it again changes nothing.

    Raises:
        JournalError: a newer version of the station made the file.
        SQLAlchemyError: it cannot be read or written.
    """
    with engine.begin() as connection:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if version > VERSION:
            raise JournalError(
                f"the journal {path} has version {version}, this station knows {VERSION}: "
                "install the newer version again, or move the file away to begin a new one"
            )
        SCHEMA.create_all(connection)
        there = {column["name"] for column in sa.inspect(connection).get_columns("results")}
        for name, kind in _ADDED.items():
            if name not in there:
                connection.exec_driver_sql(f"ALTER TABLE results ADD COLUMN {name} {kind}")
        connection.exec_driver_sql(_INDEX)
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO numbers VALUES (1, 0, (SELECT coalesce(max(ledger_number), 0) "
            "FROM results), NULL, 0)"
        )
        connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
