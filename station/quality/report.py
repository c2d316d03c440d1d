"""The report of a batch: one HTML file that needs nothing beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from station.core.recipe import Recipe
from station.quality.charts import confusion_table, pareto, score_histogram, time_rows
from station.quality.pictures import Thumbnail
from station.quality.statistics import percent
from station.quality.summary import SHOWN, Record, Summary, decision_of, score_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """What the report says besides the results."""

    title: str
    recipe: Recipe
    models: Mapping[str, str]
    settings: Mapping[str, str]
    """Name -> value, as they are to be read."""
    made_at: datetime
    thumbnails: Mapping[str, Thumbnail] = field(default_factory=dict)
    annotated: Mapping[str, str] = field(default_factory=dict)
    """Origin -> relative link to the full annotated picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One picture of a contact sheet."""

    origin: str
    truth: str | None
    decision: str
    reason: str
    score: str
    thumbnail: Thumbnail | None
    link: str


def render_report(summary: Summary, facts: ReportFacts) -> str:
    """The page as text."""
    page = environment().get_template("report.html.j2")
    return page.render(
        facts=facts,
        recipe=facts.recipe,
        summary=summary,
        shown=SHOWN,
        reasons=pareto(summary.by_reason, _texts(facts.recipe, summary.by_reason)),
        station_reasons=pareto(
            summary.by_station_reason, _texts(facts.recipe, summary.by_station_reason)
        ),
        scores=score_histogram(summary, limits_of(facts.recipe)),
        times=time_rows(summary.times),
        confusion=confusion_table(summary.truth.confusion) if summary.truth else None,
        escapes=cards(summary.escapes, facts.thumbnails, facts.annotated),
        overkills=cards(summary.overkills, facts.thumbnails, facts.annotated),
        rejected=cards(_by_reason(summary), facts.thumbnails, facts.annotated),
        failed=cards(summary.failed, facts.thumbnails, facts.annotated),
    )


def pictured(summary: Summary) -> list[Record]:
    """The records the report shows a picture of."""
    return [*summary.escapes, *summary.overkills, *summary.rejected, *summary.failed]


def cards(
    records: Iterable[Record],
    thumbnails: Mapping[str, Thumbnail],
    annotated: Mapping[str, str],
) -> list[Card]:
    """What a contact sheet shows of each record."""
    return [
        _card(record, thumbnails.get(record["origin"]), annotated.get(record["origin"], ""))
        for record in records
    ]


def environment() -> Environment:
    """The templates, and the filters they write numbers with."""
    made = Environment(
        loader=PackageLoader("station.quality"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["percent"] = percent
    made.filters["unbroken"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")
    return made


def _by_reason(summary: Summary) -> list[Record]:
    """The rejected parts, the most frequent reason first, the surest first within one."""
    order = list(summary.by_reason)
    return sorted(
        summary.rejected,
        key=lambda record: (order.index(record["reason_code"]), -(score_of(record) or 0.0)),
    )


def _card(record: Record, thumbnail: Thumbnail | None, link: str) -> Card:
    score = score_of(record)
    meaning = record["reason_text"] or record["reason_code"] or ""
    return Card(
        origin=record["origin"],
        truth=record["truth"],
        decision=decision_of(record),
        reason=": ".join(filter(None, (meaning, record.get("reason_detail")))),
        score="" if score is None else f"{score:.3f}",
        thumbnail=thumbnail,
        link=link,
    )


def _texts(recipe: Recipe, codes: Mapping[str, int]) -> dict[str, str]:
    return {code: recipe.text_of(code) for code in codes}


def limits_of(recipe: Recipe) -> dict[str, float]:
    """The limits to mark beside the scores, where one tool alone makes them."""
    if len(recipe.tools) != 1:
        return {}
    settings = recipe.tools[0].as_entry()
    named = {"accept": settings.get("accept_limit"), "reject": settings.get("reject_limit")}
    return {name: float(value) for name, value in named.items() if value is not None}
