"""What many results say together: counts, reasons, latencies, scores, and errors against truth."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from station.core.result import Evaluation, ResultState, share_of
from station.quality.statistics import Rate, auroc, confusion, rate

GOOD = "ok"
DECISIONS = ("ok", "not_ok", "not_decidable", "aborted", "failed")
SHOWN = 200
"""At most so many pictures of a kind are kept to be shown."""

Record = Mapping[str, Any]
"""A Result as it stands in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Milliseconds of every inspected picture."""

    acquisition: "array[float]"
    processing: "array[float]"
    total: "array[float]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstTruth:
    """How the decisions compare with what the pictures are known to show."""

    good: int
    bad: int
    right: Rate
    """Good called OK or bad called NOT_OK, of all with truth."""
    escapes: Rate
    """Bad parts that passed, of the bad parts inspected."""
    overkills: Rate
    """Good parts that were rejected, of the good parts inspected."""
    reasons: Rate | None
    """Rejected bad parts with the right reason; None where the truth is not told in these codes."""
    undecided: int
    auroc: float
    confusion: Mapping[tuple[str, str], int]
    """(truth, decision) -> count; a decision is ok, a reason code, or a word of `DECISIONS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts over all results, and a bounded choice of them to look at."""

    inspected: int
    decisions: Mapping[str, int]
    by_reason: Mapping[str, int]
    """Reason code -> count, of parts that were inspected and did not pass; most frequent first."""
    by_station_reason: Mapping[str, int]
    """Reason code -> count, of parts that could not be inspected."""
    times: Times
    scores: Mapping[str, "array[float]"]
    """Scores of good parts, bad parts, and parts of unknown truth: keys good, bad, unknown."""
    truth: AgainstTruth | None
    escapes: tuple[Record, ...]
    overkills: tuple[Record, ...]
    rejected: tuple[Record, ...]
    failed: tuple[Record, ...]

    @property
    def not_inspected(self) -> int:
        """Results without a verdict."""
        return self.decisions["failed"] + self.decisions["aborted"]


def summarise(records: Iterable[Record], *, shown: int = SHOWN) -> Summary:
    """Read records once; memory grows by a few numbers a record."""
    tally = _Tally(shown=shown)
    for record in records:
        tally.add(record)
    return Summary(
        inspected=sum(tally.decisions.values()),
        decisions={name: tally.decisions[name] for name in DECISIONS},
        by_reason=dict(tally.reasons.most_common()),
        by_station_reason=dict(tally.station_reasons.most_common()),
        times=tally.times,
        scores=tally.scores,
        truth=_against_truth(tally),
        escapes=tuple(tally.escapes),
        overkills=tuple(tally.overkills),
        rejected=tuple(tally.rejected),
        failed=tuple(tally.failed),
    )


def decision_of(record: Record) -> str:
    """One of `DECISIONS`."""
    if record["result_state"] == ResultState.ABORTED:
        return "aborted"
    if record["result_state"] != ResultState.COMPLETED:
        return "failed"
    return {
        Evaluation.OK: "ok",
        Evaluation.NOT_OK: "not_ok",
        Evaluation.NOT_DECIDABLE: "not_decidable",
    }.get(record["evaluation"], "failed")


def score_of(record: Record) -> float | None:
    """The worst score of a result's findings; None where no tool gave one.

    Scores of several tools have no common scale; then it is the worst share of a reject limit, so
    that 1 and more rejects whichever tool says so.
    """
    findings = record["findings"]
    if len({found["tool"] for found in findings}) > 1:
        return max(
            share_of(found["score"], found["reject_limit"], found["evaluation"])
            for found in findings
        )
    return max((found["score"] for found in findings if found["score"] is not None), default=None)


@dataclass(slots=True, kw_only=True)
class _Tally:
    shown: int
    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    station_reasons: Counter[str] = field(default_factory=Counter)
    times: Times = field(
        default_factory=lambda: Times(
            acquisition=array("d"), processing=array("d"), total=array("d")
        )
    )
    scores: dict[str, "array[float]"] = field(
        default_factory=lambda: {name: array("d") for name in ("good", "bad", "unknown")}
    )
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds: Counter[tuple[bool, str]] = field(default_factory=Counter)
    escapes: list[Record] = field(default_factory=list)
    overkills: list[Record] = field(default_factory=list)
    rejected: list[Record] = field(default_factory=list)
    failed: list[Record] = field(default_factory=list)

    def add(self, record: Record) -> None:
        decision, truth, code = decision_of(record), record["truth"], record["reason_code"]
        self.decisions[decision] += 1
        if code:
            failed = decision in ("failed", "aborted")
            (self.station_reasons if failed else self.reasons)[code] += 1
        if decision not in ("failed", "aborted"):
            self._measure(record, truth)
        if truth is not None:
            self.pairs[truth, code if decision == "not_ok" else decision] += 1
            self.kinds[truth == GOOD, decision] += 1
        self._keep(record, decision, truth)

    def _measure(self, record: Record, truth: str | None) -> None:
        self.times.acquisition.append(record["acquisition_ms"])
        self.times.processing.append(record["processing_ms"])
        self.times.total.append(record["total_ms"])
        score = score_of(record)
        if score is not None:
            kind = "unknown" if truth is None else "good" if truth == GOOD else "bad"
            self.scores[kind].append(score)

    def _keep(self, record: Record, decision: str, truth: str | None) -> None:
        for fits, kept in (
            (decision == "ok" and truth not in (None, GOOD), self.escapes),
            (decision == "not_ok" and truth == GOOD, self.overkills),
            (decision in ("not_ok", "not_decidable"), self.rejected),
            (decision in ("failed", "aborted"), self.failed),
        ):
            if fits and len(kept) < self.shown:
                kept.append(record)


def _against_truth(tally: _Tally) -> AgainstTruth | None:
    if not tally.kinds:
        return None

    def inspected(is_good: bool) -> int:
        return sum(tally.kinds[is_good, name] for name in ("ok", "not_ok", "not_decidable"))

    right = tally.kinds[True, "ok"] + tally.kinds[False, "not_ok"]
    return AgainstTruth(
        good=sum(count for (is_good, _), count in tally.kinds.items() if is_good),
        bad=sum(count for (is_good, _), count in tally.kinds.items() if not is_good),
        right=rate(right, sum(tally.kinds.values())),
        escapes=rate(tally.kinds[False, "ok"], inspected(False)),
        overkills=rate(tally.kinds[True, "not_ok"], inspected(True)),
        reasons=_reasons(tally),
        undecided=tally.kinds[True, "not_decidable"] + tally.kinds[False, "not_decidable"],
        auroc=auroc(tally.scores["good"], tally.scores["bad"]),
        confusion=confusion(tally.pairs.elements()),
    )


def _reasons(tally: _Tally) -> Rate | None:
    rejected = {
        (truth, code): count
        for (truth, code), count in tally.pairs.items()
        if truth != GOOD and code not in DECISIONS
    }
    if not {truth for truth, _ in rejected} & {code for _, code in rejected}:
        return None
    named = sum(count for (truth, code), count in rejected.items() if truth == code)
    return rate(named, sum(rejected.values()))
