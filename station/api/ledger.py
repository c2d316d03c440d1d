"""The ledger: how many triggers ended how, by shift, recipe and reason, over restarts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from station.api.context import Station
from station.api.problems import REFUSALS
from station.journal.ledger import LedgerRow, LedgerTotal, PlcCounts, total_of

router = APIRouter(prefix="/ledger", tags=["ledger"])

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Rows of the ledger, their sum, and what the PLC counted in the same shifts."""

    rows: list[LedgerRow]
    total: LedgerTotal
    plc: list[PlcCounts]
    """Empty where no PLC told its counters."""


@router.get("", responses=REFUSALS)
def get_ledger(
    context: Station,
    since: Annotated[
        AwareDatetime | None, Query(description="only shifts that began then or later")
    ] = None,
    shift: Annotated[
        Literal["current", "day"] | None,
        Query(description="only the present shift, or those of the last 24 hours"),
    ] = None,
) -> Ledger:
    """All counts, newest shift first; `in_progress` is what is under way now."""
    journal = context.line.journal
    present = journal.shifts.start_of(datetime.now(UTC))
    begins = {"current": present, "day": present - DAY}.get(shift or "", since)
    begin = max(filter(None, (since, begins)), default=None)
    rows = journal.ledger(begin)
    under_way = context.line.counters.look().in_progress
    return Ledger(rows=rows, total=total_of(rows, under_way), plc=journal.plc_counts(begin))
