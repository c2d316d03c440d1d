"""How many connections a door keeps open, and how long it bears with each."""

import asyncio
import math

from station.core.plc_words import KEEP_ALIVE_S

RECEIPT_S = 5.0
"""A request must have come in whole within this time from its first byte."""
MOST_VISITS = 64


class Room:
    """At most so many connections; a new one takes the place of the one idle longest."""

    def __init__(
        self, most: int = MOST_VISITS, *, idle_s: float = KEEP_ALIVE_S, receipt_s: float = RECEIPT_S
    ) -> None:
        self._most = most
        self.idle_s, self.receipt_s = idle_s, receipt_s
        self._visits: dict[Visit, None] = {}

    def __len__(self) -> int:
        return len(self._visits)

    def enter(self, transport: asyncio.Transport, *, may_stay: bool = False) -> "Visit":
        """Let a connection in, or close it at once where all others are at work.

        `may_stay`: it may be idle for ever, until its place is needed or its peer is gone.
        """
        visit = Visit(self, transport, math.inf if may_stay else self.idle_s)
        if len(self._visits) < self._most or self._make_place():
            self._visits[visit] = None
            visit.waits()
        else:
            transport.abort()
        return visit

    def leave(self, visit: "Visit") -> None:
        """A connection is closed."""
        self._visits.pop(visit, None)

    def touch(self, visit: "Visit") -> None:
        """The idle connections stand in the order in which they became idle."""
        if visit in self._visits:
            del self._visits[visit]
            self._visits[visit] = None

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for visit in [visit for visit in self._visits if visit.is_idle]:
            visit.end()

    def close_all(self) -> None:
        """Close every connection."""
        for visit in list(self._visits):
            visit.end()

    def _make_place(self) -> bool:
        for visit in self._visits:
            if visit.is_idle:
                visit.end()
                return True
        return False


class Visit:
    """One open connection and what it is given time for."""

    def __init__(self, room: Room, transport: asyncio.Transport, idle_s: float) -> None:
        self._room, self._transport, self._idle_s = room, transport, idle_s
        self._timer: asyncio.TimerHandle | None = None
        self._is_receiving = False
        self.is_idle = False

    def waits(self) -> None:
        """Nothing is under way: a request may begin within the idle time."""
        self.is_idle, self._is_receiving = True, False
        self._set_timer(self._idle_s)
        self._room.touch(self)

    def receives(self) -> None:
        """A request has begun to come in; the time for it counts from its beginning."""
        if not self._is_receiving:
            self.is_idle, self._is_receiving = False, True
            self._set_timer(self._room.receipt_s)

    def works(self) -> None:
        """The request is whole; its answer has a deadline of its own."""
        self.is_idle = self._is_receiving = False
        self._stop_timer()

    def end(self) -> None:
        """Close the connection at once."""
        self.leaves()
        self._transport.abort()

    def leaves(self) -> None:
        """The connection is closed."""
        self._stop_timer()
        self._room.leave(self)

    def _set_timer(self, seconds: float) -> None:
        self._stop_timer()
        if seconds < math.inf:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
