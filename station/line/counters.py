"""How many of what since the start; the sum always adds up to the unit."""

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from station.core.result import Result
from station.journal.ledger import OUTCOMES, outcome_of

RATE_WINDOW_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One consistent look at the counters: triggers = the five outcomes + in_progress."""

    triggers: int
    in_progress: int
    ok: int
    not_ok: int
    not_decidable: int
    aborted: int
    failed: int
    by_reason: dict[str, int]
    yield_ratio: float | None
    """OK / (OK + NOT_OK + NOT_DECIDABLE); None before the first part."""
    parts_per_s: float
    since: datetime


@dataclass(slots=True)
class Counters:
    """Counts triggers and outcomes; safe from several threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _triggers: int = 0
    _outcomes: Counter[str] = field(default_factory=Counter)
    _reasons: Counter[str] = field(default_factory=Counter)
    _recent_s: deque[float] = field(default_factory=deque)
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def triggered(self) -> None:
        """A job came to be."""
        with self._lock:
            self._triggers += 1

    def answered(self, result: Result) -> None:
        """A job got its one result."""
        with self._lock:
            self._outcomes[outcome_of(result)] += 1
            if result.reason_code:
                self._reasons[result.reason_code] += 1
            self._recent_s.append(time.monotonic())
            self._forget_old()

    def look(self) -> Counts:
        """All counters at one moment."""
        with self._lock:
            self._forget_old()
            done = sum(self._outcomes.values())
            judged = sum(self._outcomes[name] for name in ("ok", "not_ok", "not_decidable"))
            return Counts(
                triggers=self._triggers,
                in_progress=self._triggers - done,
                **{name: self._outcomes[name] for name in OUTCOMES},
                by_reason=dict(self._reasons.most_common()),
                yield_ratio=self._outcomes["ok"] / judged if judged else None,
                parts_per_s=self._rate(),
                since=self._since,
            )

    def _forget_old(self) -> None:
        oldest_s = time.monotonic() - RATE_WINDOW_S
        while self._recent_s and self._recent_s[0] < oldest_s:
            self._recent_s.popleft()

    def _rate(self) -> float:
        age_s = (datetime.now(UTC) - self._since).total_seconds()
        return len(self._recent_s) / max(1.0, min(RATE_WINDOW_S, age_s))
