"""The answers: every ticket gets its one result, recorded first and told afterwards."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from station.core.errors import JournalError
from station.core.frame import AnyFrame
from station.core.reasons import StationReason
from station.core.result import Result, ResultState
from station.inspection import unanswered
from station.journal.records import Journal
from station.line.tickets import Ticket

MOST_RESERVE_S = 0.02
"""The longest time that is kept free before a deadline for the record of a late answer."""

Told = Callable[[Result, AnyFrame | None], None]
_LOG = logging.getLogger(__name__)


class Answers:
    """All tickets under way; the one place a result leaves from."""

    def __init__(self, journal: Journal, told: Told, *, camera_id: str) -> None:
        """`told` is called with every recorded result, in the journal's thread."""
        self.journal_error = ""
        self._journal, self._told, self._camera_id = journal, told, camera_id
        self._lock = threading.Lock()
        self._open: dict[int, Ticket] = {}
        self._commit_s = 0.0

    def recovered(self) -> None:
        """The journal works again; called in its thread."""
        self.journal_error = ""

    def expect(self, ticket: Ticket) -> None:
        """A ticket that must get a result."""
        with self._lock:
            self._open[ticket.job.ledger_number] = ticket

    @property
    def under_way(self) -> list[Ticket]:
        """Tickets without a recorded result."""
        with self._lock:
            return list(self._open.values())

    @property
    def reserve_s(self) -> float:
        """How long a record takes at present: a late answer is begun so long before it is due."""
        return min(MOST_RESERVE_S, self._commit_s)

    def give(self, ticket: Ticket, frame: AnyFrame | None, result: Result) -> None:
        """The result of a look; if the ticket was answered as late, it is kept beside that."""
        if ticket.claim():
            self._record(ticket, frame, result)
        elif ticket.is_late:
            self._journal.record_late(result)

    def give_up(
        self,
        ticket: Ticket,
        state: ResultState,
        reason: StationReason,
        text: str = "",
        frame: AnyFrame | None = None,
    ) -> None:
        """There is no look, or nobody waits for it."""
        if ticket.claim(is_late=reason is StationReason.LATE):
            self._record(ticket, frame, self._without_look(ticket, state, reason, text, frame))

    def _without_look(
        self,
        ticket: Ticket,
        state: ResultState,
        reason: StationReason,
        text: str,
        frame: AnyFrame | None,
    ) -> Result:
        return unanswered(
            ticket.job, ticket.prepared, state, reason, text,
            camera_id=self._camera_id, frame=frame,
        )  # fmt: skip

    def _record(self, ticket: Ticket, frame: AnyFrame | None, result: Result) -> None:
        on_recorded = partial(self._recorded, ticket, frame, time.monotonic())
        self._journal.record(result, on_recorded, due_s=ticket.due_s)

    def _recorded(
        self,
        ticket: Ticket,
        frame: AnyFrame | None,
        since_s: float,
        result: Result,
        error: JournalError | None,
    ) -> None:
        """Called in the journal's thread: only now may anybody hear of the result."""
        self._commit_s += 0.1 * (time.monotonic() - since_s - self._commit_s)
        self.journal_error = str(error) if error else ""
        if error:
            _LOG.error("%s", error)
            state, reason = ResultState.FAILED, StationReason.NO_RECORD
            result = self._without_look(ticket, state, reason, str(error), frame)
        with self._lock:
            self._open.pop(ticket.job.ledger_number, None)
        self._told(result, frame)
        ticket.future.set_result(result)
