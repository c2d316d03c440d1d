"""The report: right numbers, self-contained, safe against odd names, bounded."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import pytest

from station.core.reasons import Reason
from station.core.recipe import Recipe, new_recipe
from station.quality.charts import confusion_table, pareto
from station.quality.pictures import thumbnails
from station.quality.report import ReportFacts, pictured, render_report
from station.quality.summary import Summary, summarise
from station.tools.classify import Classify
from tests.conftest import DrawPart

NOW = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)
OK, NOT_OK, NOT_DECIDABLE = 1, 2, 3


def record(
    origin: str = "a.png",
    evaluation: int = OK,
    *,
    truth: str | None = None,
    code: str | None = None,
    score: float = 0.1,
    state: int = 1,
    ms: float = 5.0,
) -> dict[str, Any]:
    """A result as it stands in JSON."""
    finding = {
        "tool": "surface", "evaluation": evaluation, "reason_code": code, "score": score,
        "accept_limit": 0.3, "reject_limit": 0.7, "measured": {}, "text": "",
        "region": {"x": 1.0, "y": 1.0, "width": 20.0, "height": 10.0, "angle_deg": 0.0},
    }  # fmt: skip
    stamp = NOW.isoformat()
    return {
        "job_id": "j", "part_id": "", "product_id": "", "meas_id": "", "camera_id": "batch",
        "sequence": 0, "result_state": state, "evaluation": evaluation,
        "passed": state == 1 and evaluation == OK, "reason_code": code,
        "reason_text": (code or "").replace("_", " "),
        "findings": [finding] if state == 1 else [], "recipe_id": "tiny", "recipe_version": 1,
        "recipe_hash": "0" * 64, "models": {}, "configuration_id": "", "software_version": "",
        "is_simulated": True, "is_partial": False, "origin": origin, "truth": truth,
        "triggered_at": stamp, "acquired_at": stamp, "completed_at": stamp,
        "acquisition_ms": 2.0, "processing_ms": ms - 2, "total_ms": ms,
    }  # fmt: skip


def mixed() -> Iterator[dict[str, Any]]:
    """50 good and 30 bad parts: 2 overkills, 1 escape, 3 undecided, 2 not inspected."""
    for number in range(46):
        yield record(f"ok/{number}.png", truth="ok", score=0.01 * (number % 20), ms=number)
    for number in range(2):
        yield record(f"ok/over{number}.png", NOT_OK, truth="ok", code="dent", score=0.8)
    for number in range(2):
        yield record(f"ok/mid{number}.png", NOT_DECIDABLE, truth="ok", code="scratch", score=0.5)
    for number in range(20):
        yield record(f"scratch/{number}.png", NOT_OK, truth="scratch", code="scratch", score=0.99)
    for number in range(6):
        yield record(f"dent/{number}.png", NOT_OK, truth="dent", code="dent", score=0.9)
    yield record("dent/escaped.png", OK, truth="dent", score=0.2)
    yield record("dent/mid.png", NOT_DECIDABLE, truth="dent", code="dent", score=0.4)
    for number in range(2):
        yield record(f"dent/{number}.jpg", 0, truth="dent", code="unreadable_image", state=4)


@pytest.fixture
def recipe() -> Recipe:
    tool = Classify(name="surface", model="m", accept_limit=0.3, reject_limit=0.7)
    reasons = (Reason(code="scratch", text="a scratch"), Reason(code="dent", text="a <b>dent</b>"))
    return new_recipe("tiny", (tool,), reasons)


def page_of(summary: Summary, recipe: Recipe, **more: Any) -> str:
    facts = ReportFacts(
        title="Inspection of parts",
        recipe=recipe,
        models={"m/1": "f" * 64},
        settings={"workers": "2"},
        made_at=NOW,
        **more,
    )
    return render_report(summary, facts)


def test_the_summary_counts_defects_and_the_stations_own_reasons_apart() -> None:
    summary = summarise(mixed())
    assert summary.inspected == 80
    assert summary.decisions == {
        "ok": 47,
        "not_ok": 28,
        "not_decidable": 3,
        "aborted": 0,
        "failed": 2,
    }
    assert summary.by_reason == {"scratch": 22, "dent": 9}
    assert summary.by_station_reason == {"unreadable_image": 2}
    assert len(summary.times.total) == 78


def test_the_summary_compares_with_the_truth() -> None:
    truth = summarise(mixed()).truth
    assert truth is not None
    assert (truth.good, truth.bad, truth.undecided) == (50, 30, 3)
    assert (truth.escapes.count, truth.escapes.total) == (1, 28)
    assert (truth.overkills.count, truth.overkills.total) == (2, 50)
    assert (truth.right.count, truth.right.total) == (46 + 26, 80)
    assert 0.9 < truth.auroc < 1
    assert truth.confusion["dent", "ok"] == 1
    assert truth.confusion["dent", "failed"] == 2
    assert truth.confusion["ok", "not_decidable"] == 2


def test_a_wrong_reason_is_counted_where_reasons_can_be_compared() -> None:
    named = [
        record(truth="dent", evaluation=NOT_OK, code=code) for code in ("dent", "dent", "chip")
    ]
    passed = record(truth="dent")
    truth = summarise([*named, passed]).truth
    assert truth is not None
    assert truth.reasons is not None
    assert (truth.reasons.count, truth.reasons.total) == (2, 3)
    vague = summarise([record(truth="defect", evaluation=NOT_OK, code="dent")]).truth
    assert vague is not None
    assert vague.reasons is None


def test_without_truth_nothing_is_claimed(recipe: Recipe) -> None:
    summary = summarise([record(), record(evaluation=NOT_OK, code="dent")])
    assert summary.truth is None
    assert "Escapes" not in page_of(summary, recipe)


def test_the_errors_come_first_and_every_one_is_shown(recipe: Recipe) -> None:
    page = page_of(summarise(mixed()), recipe)
    escaped, overkill = page.index("dent/escaped.png"), page.index("ok/over0.png")
    assert escaped < overkill < page.index("scratch/0.png")
    words = "1 of 28 = 3.57 %; with 95 % confidence between 0.09 % and 18.3 %"
    assert words in page.replace("\N{NO-BREAK SPACE}", " ")
    assert recipe.hash in page
    assert "f" * 64 in page


class Resources(HTMLParser):
    """Whatever a browser would fetch, and the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [
            value or ""
            for name, value in attrs
            if name in ("src", "srcset", "data", "poster") or (tag == "link" and name == "href")
        ]


def test_the_page_needs_nothing_beside_it(
    recipe: Recipe, tmp_path: Path, draw_part: DrawPart
) -> None:
    (tmp_path / "scratch").mkdir()
    cv2.imwrite(str(tmp_path / "scratch" / "0.png"), draw_part(90))
    summary = summarise(mixed())
    small = thumbnails(pictured(summary), tmp_path)
    assert list(small) == ["scratch/0.png"]
    page = page_of(summary, recipe, thumbnails=small)
    resources = Resources()
    resources.feed(page)
    assert resources.fetched
    assert all(fetched.startswith("data:") for fetched in resources.fetched)
    assert not {"script", "iframe", "object", "embed"} & set(resources.tags)
    assert not re.search(r"url\(|@import|https?://", page)


def test_the_charts_are_well_formed(recipe: Recipe) -> None:
    page = page_of(summarise(mixed()), recipe)
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(charts) == 3
    for chart in charts:
        ElementTree.fromstring(chart)  # noqa: S314 - our own page


def test_odd_names_do_no_harm(recipe: Recipe) -> None:
    name = '<img src=x onerror="alert(1)">/"&.png'
    page = page_of(summarise([record(name, NOT_OK, code="dent")]), recipe)
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "<b>dent</b>" not in page


def test_contact_sheets_are_bounded_and_say_so(recipe: Recipe) -> None:
    many = (record(f"{number}.png", NOT_OK, code="dent") for number in range(1234))
    summary = summarise(many)
    page = page_of(summary, recipe)
    assert page.count("<figure") == 200
    assert "The first 200 of 1234 are shown" in page


@pytest.mark.parametrize(
    "records",
    [
        [],
        [record()],
        [record(state=4, evaluation=0, code="unreadable_image")],
        [record(truth="ok")],
        [record(truth="dent", evaluation=NOT_OK, code="dent", score=17.5)],
        [record(truth="dent", state=3, evaluation=0, code="aborted")],
    ],
)
def test_the_smallest_batches_have_a_report(recipe: Recipe, records: list[dict[str, Any]]) -> None:
    assert "</html>" in page_of(summarise(records), recipe)


def test_a_pareto_runs_up_to_all() -> None:
    bars = pareto({"dent": 1, "scratch": 3}, {"scratch": "scratch", "dent": "a dent"})
    assert [(bar.name, bar.text, bar.count) for bar in bars] == [
        ("scratch", "", 3),
        ("dent", "a dent", 1),
    ]
    assert [bar.running for bar in bars] == [0.75, 1.0]


def test_the_confusion_table_tells_escapes_from_wrong_reasons() -> None:
    table = confusion_table({("dent", "ok"): 1, ("dent", "scratch"): 2, ("ok", "ok"): 5})
    assert table.columns == ("ok", "scratch")
    assert table.rows == (
        ("ok", ((5, "right"), (0, "none")), 5),
        ("dent", ((1, "escape"), (2, "other")), 3),
    )
