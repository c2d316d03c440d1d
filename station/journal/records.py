"""The record of every result: SQLite, committed before anybody is answered."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from station.core.errors import JournalError
from station.core.result import RESULT_JSON, Evaluation, Result

OnRecorded = Callable[[Result, JournalError | None], None]

MOST_PER_COMMIT = 64
QUEUE_SIZE = 256
BUSY_TIMEOUT_S = 5.0

_SCHEMA = sa.MetaData()
_RESULTS = sa.Table(
    "results",
    _SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.String(64), nullable=False, unique=True),
    sa.Column("part_id", sa.String(128), nullable=False, index=True),
    sa.Column("evaluation", sa.Integer, nullable=False, index=True),
    sa.Column("completed_at", sa.Float, nullable=False, index=True),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A stored result and its place in the journal."""

    id: int
    result: Result


class Journal:
    """An open journal: one thread writes, in groups; everybody may read."""

    def __init__(self, path: Path) -> None:
        """Open the database, making it where it does not exist.

        Raises:
            JournalError: the folder or file cannot be used.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = _engine(path)
            _SCHEMA.create_all(self._engine)
        except (OSError, SQLAlchemyError) as error:
            raise JournalError(f"cannot open the journal {path}: {error}") from error
        self._waiting: queue.Queue[tuple[Result, OnRecorded] | None] = queue.Queue(QUEUE_SIZE)
        self._writer = threading.Thread(target=self._write_groups, name="journal", daemon=True)
        self._writer.start()

    def record(self, result: Result, on_recorded: OnRecorded) -> None:
        """Queue a result; `on_recorded` is called in the writer's thread once it is on the disk.

        Where it cannot be kept, `on_recorded` gets the error instead. Blocks while 256 wait.
        """
        self._waiting.put((result, on_recorded))

    def close(self) -> None:
        """Write what waits, then close."""
        if self._writer.is_alive():
            self._waiting.put(None)
            self._writer.join()
        self._engine.dispose()

    def last_number(self) -> int:
        """The highest `ledger_number` stored; 0 if there is none."""
        return 0

    def missing_numbers(self) -> list[int]:
        """Numbers below the highest one that have no result."""
        return []

    def last_sequence(self) -> int | None:
        """The `trigger_sequence` of the newest result that has one."""
        return None

    def find_sequence(self, trigger_sequence: int) -> Result | None:  # noqa: ARG002
        """The newest result of a PLC's trigger."""
        return None

    def record_late(self, result: Result) -> None:
        """Keep what came after its job was answered as late."""

    def find(self, job_id: str) -> Result | None:
        """The result of a job, or None.

        Raises:
            JournalError: the database cannot be read.
        """
        rows = self._select(sa.select(_RESULTS).where(_RESULTS.c.job_id == job_id))
        return rows[0].result if rows else None

    def since(
        self,
        after: int = 0,
        *,
        limit: int = 100,
        evaluation: Evaluation | None = None,
        part_id: str | None = None,
    ) -> list[Row]:
        """Up to `limit` results recorded after the row `after`, oldest first.

        Raises:
            JournalError: the database cannot be read.
        """
        query = sa.select(_RESULTS).where(_RESULTS.c.id > after)
        return self._select(_filtered(query, evaluation, part_id).order_by(_RESULTS.c.id), limit)

    def latest(
        self,
        *,
        limit: int = 100,
        evaluation: Evaluation | None = None,
        part_id: str | None = None,
    ) -> list[Row]:
        """The newest `limit` results, newest first.

        Raises:
            JournalError: the database cannot be read.
        """
        query = _filtered(sa.select(_RESULTS), evaluation, part_id)
        return self._select(query.order_by(_RESULTS.c.id.desc()), limit)

    def forget_before(self, stamp_s: float) -> int:
        """Delete results completed before a POSIX time; returns how many.

        Raises:
            JournalError: the database cannot be written.
        """
        try:
            with self._engine.begin() as connection:
                gone = connection.execute(
                    sa.delete(_RESULTS).where(_RESULTS.c.completed_at < stamp_s)
                )
            return int(gone.rowcount)
        except SQLAlchemyError as error:
            raise JournalError(f"cannot clean the journal {self.path}: {error}") from error

    def _select(self, query: sa.Select[Any], limit: int | None = None) -> list[Row]:
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(query.limit(limit)).all()
        except SQLAlchemyError as error:
            raise JournalError(f"cannot read the journal {self.path}: {error}") from error
        return [Row(id=row.id, result=RESULT_JSON.validate_json(row.record)) for row in rows]

    def _write_groups(self) -> None:
        is_open = True
        while is_open:
            group = [self._waiting.get()]
            while len(group) < MOST_PER_COMMIT and not self._waiting.empty():
                group.append(self._waiting.get())
            is_open = None not in group
            self._write([entry for entry in group if entry is not None])

    def _write(self, group: Sequence[tuple[Result, OnRecorded]]) -> None:
        if not group:
            return
        error = self._commit([result for result, _ in group])
        for result, on_recorded in group:
            # One record the database refuses must not take its neighbours with it.
            on_recorded(result, self._commit([result]) if error and len(group) > 1 else error)

    def _commit(self, results: Sequence[Result]) -> JournalError | None:
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_RESULTS), [_as_row(result) for result in results])
        except (SQLAlchemyError, OSError, ValueError) as error:
            return JournalError(f"cannot write the journal {self.path}: {error}")
        return None


def _filtered(
    query: sa.Select[Any], evaluation: Evaluation | None, part_id: str | None
) -> sa.Select[Any]:
    if evaluation is not None:
        query = query.where(_RESULTS.c.evaluation == int(evaluation))
    if part_id is not None:
        query = query.where(_RESULTS.c.part_id == part_id)
    return query


def _as_row(result: Result) -> dict[str, Any]:
    return {
        "job_id": result.job_id,
        "part_id": result.part_id,
        "evaluation": int(result.evaluation),
        "completed_at": result.completed_at.timestamp(),
        "record": RESULT_JSON.dump_json(result),
    }


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def durable(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    return engine
