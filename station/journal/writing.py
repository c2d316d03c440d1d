"""The one thread that writes to the journal: results in groups, everything else after them."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from station.core.errors import JournalError
from station.core.result import RESULT_JSON, Result, ResultState
from station.journal import ledger
from station.journal.instead import late_of, no_record_of, without_texts
from station.journal.numbers import Numbers
from station.journal.shifts import Shifts
from station.journal.tables import CURSORS, DEAD_LETTERS, LATE_RESULTS

OnRecorded = Callable[[Result, JournalError | None], None]
Aside = Callable[[sa.Connection], None]
Letter = dict[str, Any]

MOST_PER_COMMIT = 64
QUEUE_SIZE = 4096
"""So many results may wait in a short stall of the disk; then whoever records one waits too."""
FLUSH_S = 1.0
LATE_S = 0.05
"""A result that waited until so long after its deadline is stored as late."""
MOST_UNRECORDED = 10_000

_INSERT = """
INSERT INTO results (job_id, part_id, evaluation, completed_at, record, ledger_number,
    trigger_sequence) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_ADVANCE = (
    sa.update(CURSORS)
    .where(CURSORS.c.sink == sa.bindparam("name"))
    .values(result_id=sa.bindparam("reached"))
)
_NEVER = (DataError, ValueError, OverflowError)
"""What a record holds cannot be stored, however often it is tried."""
_OF_THE_RECORD = (IntegrityError, *_NEVER)
"""Errors of one record, not of the disk or the database: its neighbours can be stored."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Everything queued before it is on the disk when it is set."""

    reached: threading.Event


@dataclass(frozen=True, slots=True)
class _Entry:
    """A result to be stored, whom to tell, and what is kept beside it if it came late."""

    result: Result
    on_recorded: OnRecorded
    due_s: float | None = None
    late: Result | None = None

    def taken(self, now_s: float) -> "_Entry":
        """What is really stored of it now."""
        is_late = self.due_s is not None and now_s > self.due_s + LATE_S
        if not is_late or self.result.result_state is not ResultState.COMPLETED:
            return self
        return replace(self, result=late_of(self.result), late=self.result)


@dataclass(slots=True)
class _Reached:
    """How far the sinks are, and what they gave up on the way: stored together or not at all."""

    cursors: dict[str, int] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)


class Writer:
    """A running thread. A result that cannot be stored is stored as `no_record` once it can be."""

    def __init__(self, engine: sa.Engine, path: Path, numbers: Numbers, shifts: Shifts) -> None:
        self.make_room: Callable[[], bool] = lambda: False
        """Called when the disk is full; true: try again."""
        self.recovered: Callable[[], None] = lambda: None
        """Called in the writer's thread once it can write again after it could not."""
        self._engine, self._path = engine, path
        self._connection: sa.Connection | None = None
        self._numbers, self._shifts = numbers, shifts
        self._waiting: queue.Queue[_Entry | Aside | _Mark | None] = queue.Queue(QUEUE_SIZE)
        self._unrecorded: deque[Result] = deque(maxlen=MOST_UNRECORDED)
        self._reached = _Reached()
        self._is_failing = self._is_back = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def record(
        self, result: Result, on_recorded: OnRecorded, *, due_s: float | None = None
    ) -> None:
        """Store a result; blocks while 4096 wait.

        One that waits here until more than 50 ms after `due_s` (monotonic) is stored as late, and
        `on_recorded` gets that.
        """
        self._waiting.put(_Entry(result, on_recorded, due_s))

    def keep_late(self, result: Result) -> None:
        """Keep what came after its job was answered as late, beside the answer."""
        self.aside(_late_aside(result))

    def aside(self, write: Aside) -> None:
        """Write something that no part waits for, soon; dropped where the queue is full."""
        try:
            self._waiting.put_nowait(write)
        except queue.Full:
            _LOG.warning("the journal is busy: something beside the results was not kept")

    def advance(self, sink: str, result_id: int, letter: Letter | None = None) -> None:
        """A sink has got everything up to a result; written with the next results, or in 1 s.

        What it gave up instead is a dead `letter`: it is written in the same transaction.
        """
        with self._lock:
            self._reached.cursors[sink] = result_id
            self._reached.letters += [letter] if letter else []

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything that is queued now is on the disk."""
        mark = _Mark(threading.Event())
        self._waiting.put(mark)
        return mark.reached.wait(timeout_s)

    def close(self) -> None:
        """Write what waits, then end; a second call does nothing."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            group = self._next_group()
            now_s = time.monotonic()
            self._write([entry.taken(now_s) for entry in group if isinstance(entry, _Entry)])
            self._write_asides([entry for entry in group if callable(entry)])
            if self._waiting.empty():
                self._write_unrecorded()
            if self._is_back:
                self._is_back = False
                self.recovered()
            for entry in group:
                if isinstance(entry, _Mark):
                    entry.reached.set()
            is_open = None not in group
        self._commit([])
        self._leave()

    def _next_group(self) -> list[_Entry | Aside | _Mark | None]:
        try:
            group = [self._waiting.get(timeout=FLUSH_S)]
        except queue.Empty:
            self._commit([])
            return []
        while len(group) < MOST_PER_COMMIT and not self._waiting.empty():
            group.append(self._waiting.get())
        return group

    def _write(self, group: Sequence[_Entry]) -> None:
        if not group:
            return
        error = self._commit([entry.result for entry in group])
        for entry in group:
            own = error
            if len(group) > 1 and _is_of_the_record(error):
                # One record the database refuses must not take its neighbours with it.
                own = self._commit([entry.result])
                if own and not _is_of_the_record(own):
                    error = own  # the disk went away meanwhile: the others need not wait for it
            if own:
                self._unrecorded.append(entry.result)
            entry.on_recorded(entry.result, own)
        self._write_asides([_late_aside(entry.late) for entry in group if entry.late])

    def _commit(self, results: Sequence[Result]) -> JournalError | None:
        """Store results, what they count, and how far the sinks are: all of it or nothing."""
        with self._lock:
            reached, self._reached = self._reached, _Reached()
        if not results and not reached.cursors:
            return None
        error = self._transact(lambda connection: self._store(connection, results, reached))
        if error:
            with self._lock:
                newer = self._reached
                self._reached = _Reached(
                    {**reached.cursors, **newer.cursors}, reached.letters + newer.letters
                )
            self._is_failing, self._is_back = True, False
            return error
        self._numbers.stored(results)
        self._goes_again()
        return None

    def _goes_again(self) -> None:
        self._is_back = self._is_back or self._is_failing
        self._is_failing = False

    def _transact(self, write: Aside) -> JournalError | None:
        try:
            try:
                self._begin(write)
            except SQLAlchemyError as error:
                if "disk is full" not in str(error) or not self.make_room():
                    raise
                self._begin(write)
        except (SQLAlchemyError, OSError, ValueError, OverflowError) as error:
            failed = JournalError(f"cannot write the journal {self._path}: {error}")
            failed.__cause__ = error
            return failed
        return None

    def _begin(self, write: Aside) -> None:
        """One transaction on a connection that is kept; after an error the next opens another."""
        self._connection = self._connection or self._engine.connect()
        try:
            with self._connection.begin():
                write(self._connection)
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _store(
        self, connection: sa.Connection, results: Sequence[Result], reached: _Reached
    ) -> None:
        if results:
            connection.exec_driver_sql(_INSERT, [_as_row(result) for result in results])
            ledger.count_up(connection, results, self._shifts)
            self._numbers.save(connection, results)
        if reached.letters:
            connection.execute(sa.insert(DEAD_LETTERS), reached.letters)
        if reached.cursors:
            rows = [{"name": name, "reached": row} for name, row in reached.cursors.items()]
            connection.execute(_ADVANCE, rows)

    def _write_asides(self, asides: Sequence[Aside]) -> None:
        def write(connection: sa.Connection) -> None:
            for aside in asides:
                aside(connection)

        error = self._transact(write) if asides else None
        if _is_of_the_record(error) and len(asides) > 1:
            for aside in asides:
                self._write_asides([aside])
        elif error:
            _LOG.warning("%s", error)

    def _write_unrecorded(self) -> None:
        """Parts that were answered `no_record` are counted as that, once the disk lets us."""
        if not self._unrecorded:
            return
        while self._unrecorded:
            if not self._waiting.empty():
                return  # the parts of this moment go first
            if not self._write_no_record(no_record_of(self._unrecorded[0])):
                return
            self._unrecorded.popleft()
        self._goes_again()

    def _write_no_record(self, result: Result) -> bool:
        """Write it, or give it up for good; false: it cannot be written now."""
        error = self._commit([result])
        if error and "UNIQUE" in str(error):
            _LOG.warning("%a was stored after all, or its number is taken", result.job_id)
            return True
        if _is_of_the_record(error, _NEVER):
            error = self._commit([without_texts(result)])
        if _is_of_the_record(error, _NEVER):
            _LOG.error("%a can never be stored and is left out: %s", result.job_id, error)
            return True
        return error is None


def _is_of_the_record(
    error: JournalError | None, kinds: tuple[type[Exception], ...] = _OF_THE_RECORD
) -> bool:
    return error is not None and isinstance(error.__cause__, kinds)


def _late_aside(result: Result) -> Aside:
    insert = sqlite.insert(LATE_RESULTS).on_conflict_do_nothing()

    def write(connection: sa.Connection) -> None:
        row = {
            "job_id": result.job_id,
            "completed_at": result.completed_at.timestamp(),
            "record": RESULT_JSON.dump_json(result),
        }
        connection.execute(insert, [row])

    return write


def _as_row(result: Result) -> tuple[Any, ...]:
    return (
        result.job_id,
        result.part_id,
        int(result.evaluation),
        result.completed_at.timestamp(),
        RESULT_JSON.dump_json(result),
        result.ledger_number,
        result.trigger_sequence,
    )
