"""How long results and pictures are kept: by age and by bytes, oldest first."""

import time
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from station.journal.pictures import KeepPolicy
from station.journal.records import Journal
from station.journal.tables import RESULTS, RETENTION

SECONDS_PER_DAY = 86_400
FASTEST = 2.0
"""The age of records grows at most so many times as fast as time really passes."""


class RetentionClock:
    """The time of day that deletion goes by: a clock that jumps ahead does not carry it along.

    Time that passed while the station was off is caught up at twice the speed: until then
    records are kept longer, never shorter.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._now_s: float | None = None
        self._looked_s = 0.0

    def now_s(self, wall_s: float | None = None, monotonic_s: float | None = None) -> float:
        """The time to count ages from.

        Raises:
            JournalError: the journal cannot be read.
        """
        wall_s = time.time() if wall_s is None else wall_s
        looked_s = time.monotonic() if monotonic_s is None else monotonic_s
        if self._now_s is None:
            self._now_s, self._looked_s = self._before(wall_s), looked_s
        passed_s = max(0.0, looked_s - self._looked_s)
        self._looked_s = looked_s
        # A clock that was set back counts as it stands, but what it had reached is not forgotten.
        reached_s = max(self._now_s, min(wall_s, self._now_s + FASTEST * passed_s))
        self._now_s = reached_s
        self._journal.writer.aside(lambda connection: _save(connection, reached_s))
        return min(wall_s, reached_s)

    def _before(self, wall_s: float) -> float:
        def read(connection: sa.Connection) -> float | None:
            said = connection.execute(sa.select(RETENTION.c.now_s)).scalar()
            if said is None:
                said = connection.execute(sa.select(sa.func.max(RESULTS.c.completed_at))).scalar()
            return said

        known_s = self._journal.read(read)
        return wall_s if known_s is None else known_s


def _save(connection: sa.Connection, now_s: float) -> None:
    if connection.execute(sa.update(RETENTION).values(now_s=now_s)).rowcount == 0:
        connection.execute(sa.insert(RETENTION).values(id=1, now_s=now_s))


def apply_retention(
    journal: Journal, pictures: Path, policy: KeepPolicy, *, now_s: float | None = None
) -> int:
    """Delete what is too old or too much; returns how many pictures went.

    Raises:
        JournalError: the journal cannot be written.
    """
    now = time.time() if now_s is None else now_s
    oldest_s = now - policy.max_age_days * SECONDS_PER_DAY
    journal.forget_before(oldest_s, now)
    files = sorted(
        ((path.stat().st_mtime, path.stat().st_size, path) for path in pictures.glob("*/*.jpg")),
        key=lambda entry: entry[0],
    )
    total, gone = sum(size for _, size, _ in files), 0
    for mtime_s, size, path in files:
        if mtime_s >= oldest_s and total <= policy.max_picture_bytes:
            break
        path.unlink(missing_ok=True)
        total -= size
        gone += 1
    for folder in pictures.glob("*"):
        with suppress(OSError):  # not empty: it stays
            folder.rmdir()
    return gone
