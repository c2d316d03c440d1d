"""The ledger: how many triggers ended how, by shift, recipe and reason; it outlives the records."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from station.core.reasons import StationReason
from station.core.result import Evaluation, Result, ResultState
from station.journal.shifts import Shifts
from station.journal.tables import LEDGER, PLC_COUNTS

DUPLICATE = "duplicate"
"""A question that was answered before: counted, but no trigger of its own."""
LEAST_S = 0.001
"""What was told last is the newest row, also where the clock fell back."""
OUTCOMES = ("ok", "not_ok", "not_decidable", "aborted", "failed")

_STATION_REASONS = frozenset(str(reason) for reason in StationReason)
# Driver SQL on the way of every record: it costs a third of the same statement as an object.
_COUNT_UP = """
INSERT INTO ledger (shift_start, recipe_id, recipe_version, outcome, reason_code,
    is_station_reason, count) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (shift_start, recipe_id, recipe_version, outcome, reason_code)
    DO UPDATE SET count = count + excluded.count
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """So many of one kind in one shift."""

    shift_start: datetime
    recipe_id: str
    recipe_version: int
    outcome: str
    """ok, not_ok, not_decidable, aborted, failed; duplicate is no trigger of its own."""
    reason_code: str
    """Empty for a pass."""
    is_station_reason: bool
    """The station's own reason: no defect of the part."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlcCounts:
    """What the PLC counted in a shift."""

    shift_start: datetime
    sent: int
    passed: int
    rejected: int
    counted_at: datetime


def outcome_of(result: Result) -> str:
    """The counter a result belongs to: its evaluation if completed, else how it ended."""
    if result.result_state is not ResultState.COMPLETED:
        return result.result_state.name.lower()
    return Evaluation(result.evaluation).name.lower()


def count_up(
    connection: sa.Connection, results: Iterable[Result], shifts: Shifts, outcome: str = ""
) -> None:
    """Count results, in the transaction that stores them."""
    counts = Counter(
        (
            shifts.start_of(result.completed_at).timestamp(),
            result.recipe_id,
            result.recipe_version,
            outcome or outcome_of(result),
            result.reason_code or "",
        )
        for result in results
    )
    connection.exec_driver_sql(
        _COUNT_UP,
        [(*key, key[-1] in _STATION_REASONS, count) for key, count in counts.items()],
    )


def rows(connection: sa.Connection, since: datetime | None = None) -> list[LedgerRow]:
    """What was counted in the shifts that began at or after `since`, newest shift first."""
    query = sa.select(LEDGER).order_by(LEDGER.c.shift_start.desc(), *list(LEDGER.primary_key)[1:])
    if since:
        query = query.where(LEDGER.c.shift_start >= since.timestamp())
    return [
        LedgerRow(**{**row, "shift_start": _moment(row["shift_start"])})
        for row in connection.execute(query).mappings()
    ]


def plc_rows(connection: sa.Connection, since: datetime | None = None) -> list[PlcCounts]:
    """What the PLC counted in the shifts that began at or after `since`, newest first."""
    query = sa.select(PLC_COUNTS).order_by(PLC_COUNTS.c.shift_start.desc())
    if since:
        query = query.where(PLC_COUNTS.c.shift_start >= since.timestamp())
    return [
        PlcCounts(
            shift_start=_moment(row.shift_start),
            sent=row.sent,
            passed=row.passed,
            rejected=row.rejected,
            counted_at=_moment(row.counted_at),
        )
        for row in connection.execute(query)
    ]


def count_plc(
    connection: sa.Connection, told: Sequence[int], now: datetime, shifts: Shifts
) -> None:
    """Add what the PLC counted since it told its counters (sent, passed, rejected) last.

    Counters that fell were set back, so that everything they show is new.
    """
    newest = sa.select(PLC_COUNTS).order_by(PLC_COUNTS.c.counted_at.desc()).limit(1)
    last = connection.execute(newest).first()
    before = (last.last_sent, last.last_passed, last.last_rejected) if last else (0, 0, 0)
    is_reset = any(new < old for new, old in zip(told, before, strict=True))
    grown = [new - (0 if is_reset else old) for new, old in zip(told, before, strict=True)]
    insert = sqlite.insert(PLC_COUNTS)
    table, new = PLC_COUNTS.c, insert.excluded
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=[table.shift_start],
            set_={
                "sent": table.sent + new.sent,
                "passed": table.passed + new.passed,
                "rejected": table.rejected + new.rejected,
                "last_sent": new.last_sent,
                "last_passed": new.last_passed,
                "last_rejected": new.last_rejected,
                "counted_at": new.counted_at,
            },
        ),
        [
            {
                "shift_start": shifts.start_of(now).timestamp(),
                **dict(zip(("sent", "passed", "rejected"), grown, strict=True)),
                **dict(zip(("last_sent", "last_passed", "last_rejected"), told, strict=True)),
                "counted_at": max(now.timestamp(), last.counted_at + LEAST_S if last else 0.0),
            }
        ],
    )


def _moment(stamp_s: float) -> datetime:
    return datetime.fromtimestamp(stamp_s, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerTotal:
    """Sums over some rows: triggers = the five outcomes + in_progress, to the unit."""

    triggers: int
    ok: int
    not_ok: int
    not_decidable: int
    aborted: int
    failed: int
    in_progress: int
    duplicates: int
    """Asked again and answered with the stored result; no triggers of their own."""
    by_reason: dict[str, int]
    """Of everything that did not pass."""


def total_of(counted: Iterable[LedgerRow], in_progress: int = 0) -> LedgerTotal:
    """The sums over rows, and what is under way."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row in counted:
        outcomes[row.outcome] += row.count
        if row.reason_code and row.outcome != DUPLICATE:
            reasons[row.reason_code] += row.count
    done = {name: outcomes[name] for name in OUTCOMES}
    return LedgerTotal(
        triggers=sum(done.values()) + in_progress,
        **done,
        in_progress=in_progress,
        duplicates=outcomes[DUPLICATE],
        by_reason=dict(reasons.most_common()),
    )
