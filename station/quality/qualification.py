"""What an acceptance test counts: error rates with bounds, over all parts and per reason."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from station.core.reasons import StationReason
from station.quality.statistics import (
    Rate,
    auroc,
    percentile,
    rate,
    upper_bound,
)
from station.quality.summary import GOOD, Record, decision_of, score_of


class Seen(NamedTuple):
    """One finding: whose, what it says, and what decided."""

    tool: str
    evaluation: int
    score: float | None
    accept_limit: float | None
    reject_limit: float | None
    is_count: bool = False
    """It says how many things there are: limits mean something else to it than to a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One labelled picture and what became of it."""

    origin: str
    truth: str
    decision: str
    """One of `summary.DECISIONS`."""
    reason_code: str | None
    score: float | None
    """The highest of its findings' scores."""
    processing_ms: float
    seen: tuple["Seen", ...]
    """Every finding, as far as figures need it."""

    @property
    def is_good(self) -> bool:
        """By its folder."""
        return self.truth == GOOD

    @property
    def is_unreadable(self) -> bool:
        """The file holds no picture: it says nothing about the recipe."""
        return self.reason_code == StationReason.UNREADABLE_IMAGE

    @property
    def is_decided(self) -> bool:
        """The job ended with an evaluation."""
        return self.decision in ("ok", "not_ok", "not_decidable")

    @property
    def decision_code(self) -> str:
        """The reason code of a rejected part, else the decision's word."""
        return self.reason_code or "" if self.decision == "not_ok" else self.decision

    @property
    def is_escape(self) -> bool:
        """Bad, and passed."""
        return not self.is_good and self.decision == "ok"

    @property
    def is_overkill(self) -> bool:
        """Good, and stopped by the station alone: as NOT_OK, or because the inspection failed."""
        stopped = ("not_ok", "failed", "aborted")
        return self.is_good and not self.is_unreadable and self.decision in stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An error rate: what was seen, the exact two-sided interval, and the one-sided promise."""

    rate: Rate
    upper_95: float
    """One-sided: with 95 % confidence the true rate is at most this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """How the bad parts of one folder fared."""

    reason: str
    parts: int
    rejected: int
    to_person: int
    escapes: Bound
    named_right: int
    """Rejected with this very reason code."""
    not_inspected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of an acceptance test.

    Good parts count unless their file is unreadable; NOT_DECIDABLE is no overkill but a review;
    a good part whose inspection failed is overkill. Bad parts count when they were evaluated;
    NOT_DECIDABLE is no escape; one that failed did not pass, yet proves nothing about escapes,
    and so it is left out of the rate and counted apart.
    """

    good: int
    bad: int
    escapes: Bound
    overkills: Bound
    not_decidable: Rate
    not_decidable_good: int
    not_decidable_bad: int
    failed_good: int
    failed_bad: int
    unreadable: int
    auroc: float
    without_score: int
    p50_ms: float
    p99_ms: float
    reasons: tuple[ReasonRow, ...]

    @property
    def not_inspected(self) -> int:
        """Pictures that ended without an evaluation."""
        return self.failed_good + self.failed_bad + self.unreadable


def part_of(record: Record) -> Part:
    """What of a result's JSON the figures need; the record must carry a truth."""
    return Part(
        origin=record["origin"],
        truth=record["truth"],
        decision=decision_of(record),
        reason_code=record["reason_code"],
        score=score_of(record),
        processing_ms=record["processing_ms"],
        seen=tuple(_seen(finding) for finding in record["findings"]),
    )


def judge(parts: Sequence[Part]) -> Figures:
    """The figures over all parts; rates of nothing are NaN with a bound of 1."""
    good = [part for part in parts if part.is_good and not part.is_unreadable]
    bad = [part for part in parts if not part.is_good and part.is_decided]
    decided = [part for part in parts if part.is_decided]
    times = [part.processing_ms for part in decided]
    open_parts = Counter(part.is_good for part in decided if part.decision == "not_decidable")
    return Figures(
        good=len(good),
        bad=len(bad),
        escapes=_bound(bad, sum(part.is_escape for part in bad)),
        overkills=_bound(good, sum(part.is_overkill for part in good)),
        not_decidable=rate(open_parts.total(), len(decided)),
        not_decidable_good=open_parts[True],
        not_decidable_bad=open_parts[False],
        failed_good=sum(not part.is_decided for part in good),
        failed_bad=sum(
            not (part.is_good or part.is_decided or part.is_unreadable) for part in parts
        ),
        unreadable=sum(part.is_unreadable for part in parts),
        auroc=auroc(_scores(decided, is_good=True), _scores(decided, is_good=False)),
        without_score=sum(part.score is None for part in decided),
        p50_ms=percentile(times, 0.5),
        p99_ms=percentile(times, 0.99),
        reasons=tuple(_reason_rows(parts)),
    )


def _seen(finding: Record) -> Seen:
    return Seen(
        tool=finding["tool"],
        evaluation=finding["evaluation"],
        score=finding["score"],
        accept_limit=finding["accept_limit"],
        reject_limit=finding["reject_limit"],
        is_count="count" in finding["measured"],
    )


def _bound(parts: Sequence[Part], count: int) -> Bound:
    return Bound(rate=rate(count, len(parts)), upper_95=upper_bound(count, len(parts)))


def _scores(parts: Iterable[Part], *, is_good: bool) -> list[float]:
    return [part.score for part in parts if part.score is not None and part.is_good is is_good]


def _reason_rows(parts: Sequence[Part]) -> Iterable[ReasonRow]:
    for reason in sorted({part.truth for part in parts if not part.is_good}):
        those = [part for part in parts if part.truth == reason]
        decided = [part for part in those if part.is_decided]
        decisions = Counter(part.decision for part in decided)
        yield ReasonRow(
            reason=reason,
            parts=len(those),
            rejected=decisions["not_ok"],
            to_person=decisions["not_decidable"],
            escapes=_bound(decided, decisions["ok"]),
            named_right=sum(
                part.decision == "not_ok" and part.reason_code == reason for part in those
            ),
            not_inspected=len(those) - len(decided),
        )


def as_line(figures: Figures, pixel_auroc: float | None) -> dict[str, float | int | None]:
    """The line `station qualify --json` ends with; null where a figure is not defined."""
    escapes, overkills = figures.escapes, figures.overkills
    return {
        "n_good": figures.good,
        "n_bad": figures.bad,
        "escapes": escapes.rate.count,
        "escape_rate": _rounded(escapes.rate.share),
        "escape_upper_95": _rounded(escapes.upper_95) if figures.bad else None,
        "overkills": overkills.rate.count,
        "overkill_rate": _rounded(overkills.rate.share),
        "overkill_upper_95": _rounded(overkills.upper_95) if figures.good else None,
        "not_decidable": figures.not_decidable.count,
        "auroc": _rounded(figures.auroc),
        "pixel_auroc": None if pixel_auroc is None else _rounded(pixel_auroc),
        "p50_ms": _rounded(figures.p50_ms, 3),
        "p99_ms": _rounded(figures.p99_ms, 3),
    }


def _rounded(value: float, digits: int = 6) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
