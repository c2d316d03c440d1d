"""What a sink has not got yet: the journal is the outbox, a cursor says how far the sink is."""

import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from station.core.errors import JournalError
from station.journal.tables import CURSORS, DEAD_LETTERS, RESULTS

if TYPE_CHECKING:
    from station.journal.records import Journal, Row

MOST_ERROR = 1000
_ENDS = (
    sa.select(sa.func.coalesce(sa.func.max(RESULTS.c.id), 0)),
    sa.select(sa.func.coalesce(sa.func.min(RESULTS.c.id), 0)),
)
"""Of the journal, each found at once."""


class Outbox:
    """The results one sink waits for, in the order they were stored."""

    def __init__(self, journal: "Journal", sink: str) -> None:
        """Begin where the sink stopped; a sink that is new begins at the journal's end.

        Raises:
            JournalError: the database cannot be read or written.
        """
        self.sink = sink
        self._journal = journal
        begin = sqlite.insert(CURSORS).values(
            sink=sink, result_id=_ENDS[0].scalar_subquery(), lost=0
        )
        journal.writer.aside(lambda c: _run(c, begin.on_conflict_do_nothing()))
        journal.drain()
        where = sa.select(CURSORS).where(CURSORS.c.sink == sink)
        row = journal.read(lambda connection: connection.execute(where).first())
        if row is None:
            raise JournalError(f"the journal {journal.path} cannot remember the sink {sink!r}")
        self.cursor: int = row.result_id
        """The last result it has got, or was given up."""
        self.lost: int = row.lost
        self.dead = self._count_dead()

    @property
    def waiting(self) -> int:
        """How many results it has not got yet, without counting them: that may take seconds.

        Raises:
            JournalError: the database cannot be read.
        """
        newest, oldest = self._journal.read(
            lambda connection: [connection.execute(end).scalar_one() for end in _ENDS]
        )
        return int(max(0, newest - max(self.cursor, oldest - 1)))

    def next(self, limit: int) -> "list[Row]":
        """The oldest results it has not got.

        Raises:
            JournalError: the database cannot be read.
        """
        return self._journal.since(self.cursor, limit=limit)

    def delivered(self, row: "Row") -> None:
        """It has got everything up to a result; known after a kill, too, at most 1 s later."""
        self.cursor = row.id
        self._journal.writer.advance(self.sink, row.id)

    def give_up(self, row: "Row", error: str) -> None:
        """Put aside what it refuses and go on with the next; both are stored together."""
        self.dead += 1
        self.cursor = row.id
        self._journal.writer.advance(self.sink, row.id, self._letter(row, error))

    def took(self, letter_id: int) -> None:
        """It has got a dead letter after all; that is none any longer, soon."""
        self.dead -= 1
        gone = sa.delete(DEAD_LETTERS).where(DEAD_LETTERS.c.id == letter_id)
        self._journal.writer.aside(lambda connection: _run(connection, gone))

    def lose(self, gone: sa.ColumnElement[bool]) -> None:
        """Count results that are deleted before it got them.

        Raises:
            JournalError: the database cannot be read.
        """
        query = sa.select(sa.func.count()).where(gone, RESULTS.c.id > self.cursor)
        lost = self._journal.read(lambda connection: connection.execute(query).scalar_one())
        if lost:
            self.lost += lost
            save = sa.update(CURSORS).where(CURSORS.c.sink == self.sink).values(lost=self.lost)
            self._journal.writer.aside(lambda connection: _run(connection, save))

    def _count_dead(self) -> int:
        query = sa.select(sa.func.count()).where(DEAD_LETTERS.c.sink == self.sink)
        return self._journal.read(lambda connection: connection.execute(query).scalar_one())

    def _letter(self, row: "Row", error: str) -> dict[str, Any]:
        return {
            "sink": self.sink,
            "job_id": row.job_id,
            "error": error[:MOST_ERROR].encode(errors="replace").decode(),
            "given_up_at": time.time(),
            "record": row.record,
        }


def _run(connection: sa.Connection, statement: sa.Executable) -> None:
    connection.execute(statement)
