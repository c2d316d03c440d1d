"""The one thread that writes to the journal: results in groups, everything else after them."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from station.core.errors import JournalError
from station.core.reasons import STATION_TEXTS, StationReason
from station.core.result import RESULT_JSON, Evaluation, Result, ResultState
from station.journal import ledger
from station.journal.numbers import Numbers
from station.journal.shifts import Shifts
from station.journal.tables import CURSORS

OnRecorded = Callable[[Result, JournalError | None], None]
Aside = Callable[[sa.Connection], None]
Entry = tuple[Result, OnRecorded]

MOST_PER_COMMIT = 64
QUEUE_SIZE = 256
FLUSH_S = 1.0
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
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Everything queued before it is on the disk when it is set."""

    reached: threading.Event


class Writer:
    """A running thread. A result that cannot be stored is stored as `no_record` once it can be."""

    def __init__(self, engine: sa.Engine, path: Path, numbers: Numbers, shifts: Shifts) -> None:
        self.make_room: Callable[[], bool] = lambda: False
        """Called when the disk is full; true: try again."""
        self._engine, self._path = engine, path
        self._numbers, self._shifts = numbers, shifts
        self._waiting: queue.Queue[Entry | Aside | _Mark | None] = queue.Queue(QUEUE_SIZE)
        self._unrecorded: deque[Result] = deque(maxlen=MOST_UNRECORDED)
        self._cursors: dict[str, int] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def record(self, result: Result, on_recorded: OnRecorded) -> None:
        """Store a result; blocks while 256 wait."""
        self._waiting.put((result, on_recorded))

    def aside(self, write: Aside) -> None:
        """Write something that no part waits for, soon; dropped where the queue is full."""
        try:
            self._waiting.put_nowait(write)
        except queue.Full:
            _LOG.warning("the journal is busy: something beside the results was not kept")

    def advance(self, sink: str, result_id: int) -> None:
        """A sink has got everything up to a result; written with the next results, or in 1 s."""
        with self._lock:
            self._cursors[sink] = result_id

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
            self._write([entry for entry in group if isinstance(entry, tuple)])
            self._write_asides([entry for entry in group if callable(entry)])
            if self._waiting.empty():
                self._write_unrecorded()
            for entry in group:
                if isinstance(entry, _Mark):
                    entry.reached.set()
            is_open = None not in group
        self._commit([])

    def _next_group(self) -> list[Entry | Aside | _Mark | None]:
        try:
            group = [self._waiting.get(timeout=FLUSH_S)]
        except queue.Empty:
            self._commit([])
            return []
        while len(group) < MOST_PER_COMMIT and not self._waiting.empty():
            group.append(self._waiting.get())
        return group

    def _write(self, group: Sequence[Entry]) -> None:
        if not group:
            return
        error = self._commit([result for result, _ in group])
        for result, on_recorded in group:
            # One record the database refuses must not take its neighbours with it.
            own = self._commit([result]) if error and len(group) > 1 else error
            if own:
                self._unrecorded.append(result)
            on_recorded(result, own)

    def _commit(self, results: Sequence[Result]) -> JournalError | None:
        """Store results, what they count, and how far the sinks are: all of it or nothing."""
        with self._lock:
            cursors, self._cursors = self._cursors, {}
        if not results and not cursors:
            return None
        error = self._transact(lambda connection: self._store(connection, results, cursors))
        if error:
            with self._lock:
                self._cursors = {**cursors, **self._cursors}
            return error
        self._numbers.stored(results)
        return None

    def _transact(self, write: Aside) -> JournalError | None:
        try:
            try:
                self._begin(write)
            except SQLAlchemyError as error:
                if "disk is full" not in str(error) or not self.make_room():
                    raise
                self._begin(write)
        except (SQLAlchemyError, OSError, ValueError) as error:
            return JournalError(f"cannot write the journal {self._path}: {error}")
        return None

    def _begin(self, write: Aside) -> None:
        with self._engine.begin() as connection:
            write(connection)

    def _store(
        self, connection: sa.Connection, results: Sequence[Result], cursors: dict[str, int]
    ) -> None:
        if results:
            connection.exec_driver_sql(_INSERT, [_as_row(result) for result in results])
            ledger.count_up(connection, results, self._shifts)
            self._numbers.save(connection, results)
        if cursors:
            reached = [{"name": name, "reached": row} for name, row in cursors.items()]
            connection.execute(_ADVANCE, reached)

    def _write_asides(self, asides: Sequence[Aside]) -> None:
        def write(connection: sa.Connection) -> None:
            for aside in asides:
                aside(connection)

        if asides and (error := self._transact(write)):
            _LOG.warning("%s", error)

    def _write_unrecorded(self) -> None:
        """Parts that were answered `no_record` are counted as that, once the disk lets us."""
        while self._unrecorded:
            result = no_record_of(self._unrecorded[0])
            if error := self._commit([result]):
                if "UNIQUE" not in str(error):
                    return
                _LOG.warning("%s was stored after all, or its number is taken", result.job_id)
            self._unrecorded.popleft()


def no_record_of(result: Result) -> Result:
    """What is stored later of a result that could not be stored in time: that it was not."""
    reason = StationReason.NO_RECORD
    return replace(
        result,
        result_state=ResultState.FAILED,
        evaluation=Evaluation.UNDEFINED,
        passed=False,
        reason_code=str(reason),
        reason_text=STATION_TEXTS[reason],
        reason_detail="",
        is_partial=bool(result.findings),
    )


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
