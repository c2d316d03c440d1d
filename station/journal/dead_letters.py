"""What a sink refused for good: kept with the reason until it is taken after all."""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from station.journal.records import Journal, Row
from station.journal.tables import DEAD_LETTERS


@dataclass(frozen=True, kw_only=True)
class DeadLetter(Row):
    """A result that was given up; its `id` is its place among the dead letters."""

    error: str
    given_up_at: datetime


def dead_letters(
    journal: Journal, sink: str, *, after: int = 0, limit: int = 100
) -> list[DeadLetter]:
    """Up to `limit` dead letters of a sink behind the letter `after`, oldest first.

    Raises:
        JournalError: the database cannot be read.
    """
    query = sa.select(DEAD_LETTERS).where(DEAD_LETTERS.c.sink == sink, DEAD_LETTERS.c.id > after)
    query = query.order_by(DEAD_LETTERS.c.id).limit(limit)
    return [
        DeadLetter(
            id=row.id,
            job_id=row.job_id,
            record=row.record,
            error=row.error,
            given_up_at=datetime.fromtimestamp(row.given_up_at, UTC),
        )
        for row in journal.read(lambda connection: connection.execute(query).all())
    ]
