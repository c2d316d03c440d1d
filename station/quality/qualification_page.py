"""The report of an acceptance test: one HTML file that needs nothing beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from station.quality.charts import Confusion, Histogram
from station.quality.curves import Curve
from station.quality.report import Card, environment

RULES = (
    "The folders say what is true: ok or good, or the reason a part is bad.",
    (
        "Escape: a bad part that passed. Overkill: a good part that was called NOT OK, or whose "
        "inspection failed."
    ),
    "NOT DECIDABLE is neither: a person looks. It stays in the number of parts of both rates.",
    (
        "A bad part whose inspection failed did not pass, but it proves nothing about escapes: it "
        "is left out of the escape rate and counted apart. A file that cannot be read is in no "
        "rate."
    ),
    (
        "Bounds are exact (Clopper-Pearson, Biometrika 26, 1934). \u201cBelow x with 95 % "
        "confidence\u201d is the one-sided bound, intervals are two-sided. They hold for parts "
        "drawn independently, as the line will see them: copies, or views of one part, prove less."
    ),
    (
        "AUROC: the chance that a bad part scores above a good one, ties counting half. Pixel "
        "AUROC: the same of marked and good pixels."
    ),
    (
        "AUPRO: mean overlap with each marked region (8-connected), integrated to a false-positive "
        "rate of 30 % and divided by it (Bergmann et al., IJCV 129, 2021)."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number to be seen at once."""

    number: str
    word: str
    bound: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Pictures of one kind: the first of `total` shown, the rest named."""

    title: str
    cards: Sequence[Card]
    total: int
    nothing: str
    more: Sequence[tuple[str, str]] = ()
    """(origin, link to its annotated picture beside the page) of those not shown; may be empty."""
    alarms: bool = False
    """Such parts must not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualificationPage:
    """All that the report says, as it is to be read."""

    title: str
    subtitle: str
    verdict: str
    """Empty where nothing was asked for."""
    is_met: bool
    sentences: Sequence[str]
    warnings: Sequence[str]
    tiles: Sequence[Tile]
    reason_columns: Sequence[str]
    reason_rows: Sequence[Sequence[str]]
    """The last one is the sum."""
    confusion: Confusion
    rates: Sequence[tuple[str, str, str, bool]]
    """(name, what it is, value, whether it alarms)."""
    scores: Histogram | None
    curves: Sequence[Curve]
    limit_sentences: Sequence[str]
    command: str
    sheets: Sequence[Sheet]
    facts: Sequence[tuple[str, str]]
    rules: Sequence[str] = RULES


def render_qualification(page: QualificationPage) -> str:
    """The page as HTML."""
    return environment().get_template("qualification.html.j2").render(page=page)
