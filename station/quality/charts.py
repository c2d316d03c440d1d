"""The geometry of the report's charts; the template only draws it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from station.quality.statistics import histogram, percentile
from station.quality.summary import Summary, Times

BINS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of a bar chart; shares lie between 0 and 1."""

    name: str
    text: str
    count: int
    share: float
    """Of all rows."""
    length: float
    """Of the longest row."""
    running: float
    """Share of this row and all before it."""


def pareto(counts: Mapping[str, int], texts: Mapping[str, str]) -> list[Bar]:
    """Rows by falling count, with the running share."""
    total, longest, running = sum(counts.values()), max(counts.values(), default=0), 0
    bars = []
    for name, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
        running += count
        text = texts.get(name, "")
        bars.append(
            Bar(
                name=name,
                text="" if text in (name, name.replace("_", " ")) else text,
                count=count,
                share=count / total,
                length=count / longest,
                running=running / total,
            )
        )
    return bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One step of a histogram: stacked heights between 0 and 1, on a root scale."""

    left: float
    width: float
    parts: tuple[tuple[str, float, float], ...]
    """(kind, bottom, height)."""
    counts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Scores in equal steps."""

    columns: tuple[Column, ...]
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """(place 0-1, label) along the scores."""
    levels: tuple[tuple[float, str], ...]
    """(height 0-1, label) of counts."""
    kinds: tuple[str, ...]
    limits: tuple[tuple[float, str], ...]
    """(place 0-1, label)."""


def score_histogram(summary: Summary, limits: Mapping[str, float]) -> Histogram | None:
    """Scores of good and bad parts; None without scores.

    Heights follow the square root of the counts, so that one part beside a thousand is seen.
    """
    scores = {kind: np.asarray(values) for kind, values in summary.scores.items() if len(values)}
    if not scores:
        return None
    low = min(0.0, *(float(values.min()) for values in scores.values()))
    high = max(1.0, *(float(values.max()) for values in scores.values()))
    counts = {kind: histogram(v, low=low, high=high, bins=BINS) for kind, v in scores.items()}
    top = max(sum(column) for column in zip(*counts.values(), strict=True))
    columns = [
        _column({kind: values[place] for kind, values in counts.items()}, place, top, low, high)
        for place in range(BINS)
    ]
    return Histogram(
        columns=tuple(columns),
        low=low,
        high=high,
        ticks=tuple((part / 4, f"{low + (high - low) * part / 4:.3g}") for part in range(5)),
        levels=tuple((math.sqrt(level / top), str(level)) for level in _levels(top)),
        kinds=tuple(counts),
        limits=tuple(
            ((value - low) / (high - low), f"{name} {value:.3g}") for name, value in limits.items()
        ),
    )


def _column(counts: Mapping[str, int], place: int, top: int, low: float, high: float) -> Column:
    total = sum(counts.values())
    height, bottom, parts = math.sqrt(total / top), 0.0, []
    for kind, count in counts.items():
        if count:
            share = height * count / total
            parts.append((kind, bottom, share))
            bottom += share
    step = (high - low) / BINS
    span = f"{low + place * step:.3g} to {low + (place + 1) * step:.3g}"
    words = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return Column(
        left=place / BINS, width=1 / BINS, parts=tuple(parts), counts=f"score {span}: {words}"
    )


def _levels(top: int) -> Sequence[int]:
    levels = [1, 10, 100, 1000, 10_000, 100_000]
    return [level for level in levels if level < top * 0.7] + [top]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRow:
    """Percentiles of one duration, in milliseconds."""

    name: str
    p50: float
    p90: float
    p99: float
    highest: float


def time_rows(times: Times) -> list[TimeRow]:
    """Reading and decoding, inspecting, and both."""
    named = (
        ("read and decode", times.acquisition),
        ("inspect", times.processing),
        ("file to verdict", times.total),
    )
    return [
        TimeRow(
            name=name,
            p50=percentile(values, 0.5),
            p90=percentile(values, 0.9),
            p99=percentile(values, 0.99),
            highest=percentile(values, 1.0),
        )
        for name, values in named
        if len(values)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Truths in rows, decisions in columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, str], ...], int], ...]
    """(truth, (count, kind) of every column, sum); kind: right, wrong, escape, open or none."""


def confusion_table(counts: Mapping[tuple[str, str], int]) -> Confusion:
    """The table of (truth, decision) counts, good parts first."""
    truths = sorted({truth for truth, _ in counts}, key=lambda name: (name != "ok", name))
    last = ("not_decidable", "failed", "aborted")
    decisions = {decision for _, decision in counts}
    columns = [
        "ok",
        *sorted(decisions - {"ok", *last}),
        *(name for name in last if name in decisions),
    ]
    return Confusion(
        columns=tuple(columns),
        rows=tuple(
            (
                truth,
                tuple(
                    (n, _kind(truth, name, n))
                    for name in columns
                    for n in [counts.get((truth, name), 0)]
                ),
                sum(count for (row, _), count in counts.items() if row == truth),
            )
            for truth in truths
        ),
    )


def _kind(truth: str, decision: str, count: int) -> str:
    if not count:
        return "none"
    if decision in ("not_decidable", "failed", "aborted"):
        return "open"
    if truth == "ok":
        return "right" if decision == "ok" else "wrong"
    return "escape" if decision == "ok" else "right" if decision == truth else "other"
