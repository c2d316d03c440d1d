"""The record of every result: SQLite, committed before anybody is answered."""

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from station.core.errors import DamagedRecordError, JournalError
from station.core.result import RESULT_JSON, Evaluation, Result
from station.journal import ledger, rescue
from station.journal.ledger import LedgerRow, PlcCounts
from station.journal.numbers import Numbers
from station.journal.outbox import Outbox
from station.journal.shifts import Shifts
from station.journal.space import Ballast
from station.journal.tables import LATE_RESULTS, RESULTS, open_engine, upgrade
from station.journal.writing import OnRecorded, Writer

DRAIN_S = 5.0
MOST_OF_ONE_PART = 100
MOST_WAITING = 1_000_000
"""So many results are kept for a sink that does not take them."""
MOST_FORGOTTEN_AT_ONCE = 500

_ROWS = sa.select(RESULTS.c.id, RESULTS.c.job_id, RESULTS.c.record)
_Answer = TypeVar("_Answer")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A stored result and its place in the journal."""

    id: int
    job_id: str
    record: bytes
    """The result as JSON, as it was stored."""

    @cached_property
    def result(self) -> Result:
        """The result; read from its record only where somebody asks.

        Raises:
            DamagedRecordError: it was damaged on the disk.
        """
        return _read(self.job_id, self.record)

    @property
    def is_readable(self) -> bool:
        """Whether its record is still what was stored."""
        with suppress(DamagedRecordError):
            return bool(self.result)
        return False


class Journal:
    """An open journal: one thread writes, in groups; everybody may read."""

    def __init__(self, path: Path, *, shifts: Shifts | None = None, ballast_bytes: int = 0) -> None:
        """Open the database, making it where it does not exist; `shifts` begin the ledger's rows.

        One that is broken is set aside, and a new one goes on counting: see `trouble`.

        Raises:
            JournalError: the folder or file cannot be used, or a newer station made it.
        """
        self.path = path
        self.shifts = shifts or Shifts()
        self.trouble = ""
        """What was found broken at the start, and where it lies now; empty: nothing."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = self._open()
            with self._engine.connect() as connection:
                self._numbers = Numbers(connection)
        except (OSError, SQLAlchemyError) as error:
            if isinstance(error, JournalError):
                raise
            raise JournalError(f"cannot open the journal {path}: {error}") from error
        self._ballast = Ballast(path.with_suffix(".ballast"), ballast_bytes)
        self.writer = Writer(self._engine, path, self._numbers, self.shifts)
        self.writer.make_room = self._ballast.give_up
        self._outboxes: list[Outbox] = []
        self._ballast_bytes = ballast_bytes
        self.refill()

    def refill(self) -> None:
        """Take the reserve of disk space again, where there is enough."""
        if self._ballast_bytes:
            self._ballast.fill()

    def _open(self) -> sa.Engine:
        found = None
        if damage := rescue.damage_of(self.path):
            aside = rescue.set_aside(self.path)
            found = rescue.salvage(aside)
            self.trouble = (
                f"the journal was broken ({damage}) and lies in {aside.name} now; "
                f"a new one counts on from {found.highest}"
            )
            _LOG.error("%s", self.trouble)
        engine = open_engine(self.path)
        upgrade(engine, self.path)
        if found:
            with engine.begin() as connection:
                rescue.restore(connection, found)
        return engine

    def record(self, result: Result, on_recorded: OnRecorded, due_s: float | None = None) -> None:
        """Queue a result; `on_recorded` is called in the writer's thread once it is on the disk.

        Where it cannot be kept, `on_recorded` gets the error instead. Blocks while 4096 wait. A
        result that waits until after `due_s`: see `Writer.record`.
        """
        self.writer.record(result, on_recorded, due_s=due_s)

    def drain(self, timeout_s: float = DRAIN_S) -> bool:
        """Wait until everything queued so far is on the disk; false: it is not yet."""
        return self.writer.drain(timeout_s)

    def close(self) -> None:
        """Write what waits, then close."""
        self.writer.close()
        self._engine.dispose()

    # -- numbers and sequences -------------------------------------------------------------------

    def last_number(self) -> int:
        """The highest `ledger_number` ever stored; 0 if there is none."""
        return self._numbers.highest

    def missing_numbers(self) -> list[int]:
        """Numbers below the highest that had no result when the journal was opened."""
        return list(self._numbers.missing)

    def last_sequence(self) -> int | None:
        """The `trigger_sequence` of the newest trigger that had one."""
        return self._numbers.sequence

    def newest_at(self) -> datetime | None:
        """When the result stored last was completed; None: there is none.

        Raises:
            JournalError: the database cannot be read.
        """
        query = sa.select(RESULTS.c.completed_at).order_by(RESULTS.c.id.desc()).limit(1)
        stamp_s = self.read(lambda connection: connection.execute(query).scalar())
        return None if stamp_s is None else datetime.fromtimestamp(stamp_s, UTC)

    def find_part(
        self, part_id: str, question_hash: str, since: datetime, until: datetime
    ) -> Result | None:
        """The newest readable answer to a question about a part, completed from `since` to `until`.

        Raises:
            JournalError: the database cannot be read.
        """
        query = _ROWS.where(
            RESULTS.c.part_id == part_id,
            RESULTS.c.completed_at.between(since.timestamp(), until.timestamp()),
        )
        rows = self._select(query.order_by(RESULTS.c.id.desc()), MOST_OF_ONE_PART)
        found = (row.result for row in rows if row.is_readable)
        return next((result for result in found if result.question_hash == question_hash), None)

    # -- beside the answers ----------------------------------------------------------------------

    def record_late(self, result: Result) -> None:
        """Keep what came after its job was answered as late, beside the answer. Returns at once."""
        self.writer.keep_late(result)

    def find_late(self, job_id: str) -> Result | None:
        """What came after a job was answered as late, or None.

        Raises:
            JournalError: the database cannot be read.
            DamagedRecordError: the record was damaged on the disk.
        """
        query = sa.select(LATE_RESULTS.c.record).where(LATE_RESULTS.c.job_id == job_id)
        record = self.read(lambda connection: connection.execute(query).scalar())
        return _read(job_id, record) if record else None

    def count_duplicate(self, result: Result) -> None:
        """Count a question that was answered with a result given before. Returns at once."""
        asked = replace(result, completed_at=datetime.now(UTC))
        self.writer.aside(
            lambda connection: ledger.count_up(connection, [asked], self.shifts, ledger.DUPLICATE)
        )

    def record_plc_counts(
        self, sent: int, passed: int, rejected: int, now: datetime | None = None
    ) -> None:
        """Keep what the PLC's counters show, beside the ledger. Returns at once."""
        moment = now or datetime.now(UTC)
        told = (sent, passed, rejected)
        self.writer.aside(
            lambda connection: ledger.count_plc(connection, told, moment, self.shifts)
        )

    def ledger(self, since: datetime | None = None) -> list[LedgerRow]:
        """What was counted in the shifts that began at or after `since`.

        Raises:
            JournalError: the database cannot be read.
        """
        return self.read(lambda connection: ledger.rows(connection, since))

    def plc_counts(self, since: datetime | None = None) -> list[PlcCounts]:
        """What the PLC counted in the shifts that began at or after `since`.

        Raises:
            JournalError: the database cannot be read.
        """
        return self.read(lambda connection: ledger.plc_rows(connection, since))

    def outbox(self, sink: str) -> Outbox:
        """What a sink has not got yet; one that is new to the journal begins at its end.

        Raises:
            JournalError: the database cannot be read or written.
        """
        outbox = Outbox(self, sink)
        self._outboxes.append(outbox)
        return outbox

    # -- results -----------------------------------------------------------------------------------

    def find(self, job_id: str) -> Result | None:
        """The result of a job, or None.

        Raises:
            JournalError: the database cannot be read.
            DamagedRecordError: its record was damaged on the disk.
        """
        rows = self._select(_ROWS.where(RESULTS.c.job_id == job_id))
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
        query = _ROWS.where(RESULTS.c.id > after)
        return self._select(_filtered(query, evaluation, part_id).order_by(RESULTS.c.id), limit)

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
        query = _filtered(_ROWS, evaluation, part_id)
        return self._select(query.order_by(RESULTS.c.id.desc()), limit)

    def forget_before(
        self, stamp_s: float, now_s: float = math.inf, *, most_waiting: int = MOST_WAITING
    ) -> int:
        """Delete results completed before a POSIX time; returns how many.

        What was stored after a younger one stays, whatever the clock said then; one from after
        `now_s` is not younger but wrong. What a sink waits for stays, but not more than the newest
        `most_waiting` results.

        Raises:
            JournalError: the database cannot be written.
        """
        newest, last_old = self.read(
            lambda c: [c.execute(query).scalar() or 0 for query in _newest_and_last_old(stamp_s)]
        )
        delivered = min((outbox.cursor for outbox in self._outboxes), default=newest)
        first_young = self.read(
            lambda connection: connection.execute(_first_young(last_old, stamp_s, now_s)).scalar()
        )
        most = min(max(delivered, newest - most_waiting), (first_young or last_old + 1) - 1)
        is_old = sa.and_(RESULTS.c.completed_at < stamp_s, RESULTS.c.id <= most)
        for outbox in self._outboxes:
            outbox.lose(is_old)
        gone = self._delete(RESULTS.c.id, is_old)
        self._delete(LATE_RESULTS.c.job_id, LATE_RESULTS.c.completed_at < stamp_s)
        return gone

    def _delete(self, key: sa.Column[Any], where: sa.ColumnElement[bool]) -> int:
        """Few at a time: whoever waits to store a result waits for this."""
        some = sa.select(key).where(where).limit(MOST_FORGOTTEN_AT_ONCE)
        statement, gone = sa.delete(key.table).where(key.in_(some)), 0
        while deleted := self._delete_some(statement):
            gone += deleted
        return gone

    def _delete_some(self, statement: sa.Delete) -> int:
        try:
            with self._engine.begin() as connection:
                return int(connection.execute(statement).rowcount)
        except SQLAlchemyError as error:
            raise JournalError(f"cannot clean the journal {self.path}: {error}") from error

    def read(self, query: Callable[[sa.Connection], _Answer]) -> _Answer:
        """Ask the database something.

        Raises:
            JournalError: it cannot be read.
        """
        try:
            with self._engine.connect() as connection:
                return query(connection)
        except SQLAlchemyError as error:
            raise JournalError(f"cannot read the journal {self.path}: {error}") from error

    def _select(self, query: sa.Select[Any], limit: int | None = None) -> list[Row]:
        rows = self.read(lambda connection: connection.execute(query.limit(limit)).all())
        return [Row(id=row.id, job_id=row.job_id, record=row.record) for row in rows]


def _newest_and_last_old(stamp_s: float) -> tuple[sa.Select[Any], sa.Select[Any]]:
    newest = sa.select(sa.func.max(RESULTS.c.id))
    return newest, newest.where(RESULTS.c.completed_at < stamp_s)


def _first_young(last_old: int, stamp_s: float, now_s: float) -> sa.Select[Any]:
    """The first result that is no older, below the last one that is; searched by id (the plus)."""
    by_id = sa.text("+completed_at BETWEEN :stamp_s AND :now_s").bindparams(
        stamp_s=stamp_s, now_s=now_s
    )
    query = sa.select(RESULTS.c.id).where(by_id, RESULTS.c.id <= last_old)
    return query.order_by(RESULTS.c.id).limit(1)


def _filtered(
    query: sa.Select[Any], evaluation: Evaluation | None, part_id: str | None
) -> sa.Select[Any]:
    if evaluation is not None:
        query = query.where(RESULTS.c.evaluation == int(evaluation))
    if part_id is not None:
        query = query.where(RESULTS.c.part_id == part_id)
    return query


def _read(job_id: str, record: bytes) -> Result:
    try:
        return RESULT_JSON.validate_json(record)
    except ValidationError as error:
        raise DamagedRecordError(
            f"the record of job {job_id!r} was damaged on the disk: {error.errors()[0]['msg']}"
        ) from error
