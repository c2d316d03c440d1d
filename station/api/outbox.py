"""What the sinks have not got, what they refused, and how to hand that over once more."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, HTTPException

from station.api.context import Station
from station.api.problems import REFUSALS
from station.api.station import OutletStatus, outlet_status
from station.journal.dead_letters import dead_letters
from station.journal.records import Journal
from station.line.outlets import Outlet

router = APIRouter(prefix="", tags=["outbox"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A result that a sink refused for good."""

    job_id: str
    given_up_at: datetime
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """One sink, and its dead letters: the oldest hundred."""

    sink: OutletStatus
    letters: list[Letter]


@router.get("/outbox")
def list_outboxes(context: Station) -> list[Outbox]:
    """Every sink with what waits for it, what was lost, and what it refused."""
    return [_outbox(outlet, context.line.journal) for outlet in context.line.outlets]


@router.post("/outbox:resend", responses=REFUSALS)
def resend(sink: str, context: Station) -> Outbox:
    """Hand a sink its dead letters once more; what it takes is none any longer."""
    for outlet in context.line.outlets:
        if outlet.name == sink:
            outlet.resend()
            return _outbox(outlet, context.line.journal)
    names = ", ".join(outlet.name for outlet in context.line.outlets) or "none"
    raise HTTPException(404, f"there is no sink {sink!r} (there is: {names})")


def _outbox(outlet: Outlet, journal: Journal) -> Outbox:
    letters = [
        Letter(job_id=letter.job_id, given_up_at=letter.given_up_at, error=letter.error)
        for letter in dead_letters(journal, outlet.name)
    ]
    return Outbox(sink=outlet_status(outlet), letters=letters)
