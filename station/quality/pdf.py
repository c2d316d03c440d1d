"""The report of an acceptance test as a PDF, set by Typst from the same words and charts."""

import base64
import json
import re
import tempfile
from dataclasses import replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from station.core.errors import PluginError, SettingsError
from station.quality.qualification_page import QualificationPage, Sheet
from station.quality.report import environment

TEMPLATE = "qualification.typ"
SHOWN_IN_PDF = 60
"""Pictures of each kind; the page has more, and the folder all."""

_SVG_FONT = 'text { font-family: "Liberation Sans", "DejaVu Sans", Arial, sans-serif; }'


def check_typst() -> None:
    """Make sure that a PDF can be made.

    Raises:
        PluginError: the typst package is not installed; says how to install it.
    """
    if find_spec("typst") is None:
        raise PluginError(
            "a PDF needs the Python package typst, which is not installed; install it with "
            "`pip install typst` (the extra [report]), or leave --pdf away: the HTML page "
            "prints as well"
        )


def render_pdf(page: QualificationPage) -> bytes:
    """The report as a PDF, A4.

    Raises:
        PluginError: see `check_typst`.
        SettingsError: Typst refuses the document.
    """
    check_typst()
    import typst

    with tempfile.TemporaryDirectory(prefix="station-report-") as name:
        folder = Path(name)
        content = _content(page, folder)
        (folder / "page.json").write_text(json.dumps(content), encoding="utf-8")
        source = files("station.quality") / "templates" / TEMPLATE
        (folder / TEMPLATE).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        try:
            made = typst.compile(folder / TEMPLATE, root=folder)
        except RuntimeError as error:
            raise SettingsError(f"Typst cannot set the report: {error}") from error
    if not isinstance(made, bytes):
        raise SettingsError("Typst gave no single document")
    return made


def _content(page: QualificationPage, folder: Path) -> dict[str, Any]:
    """What the template reads; charts and pictures become files in `folder`."""
    names = (
        "title", "subtitle", "verdict", "is_met", "sentences", "warnings", "reason_columns",
        "reason_rows", "rates", "limit_sentences", "command", "facts", "rules",
    )  # fmt: skip
    macros: Any = environment().get_template("macros.html.j2").module
    charts = [(chart.title, chart.note, macros.curve(chart)) for chart in page.curves]
    return {
        **{name: getattr(page, name) for name in names},
        "tiles": [(tile.number, tile.word, tile.bound, tile.kind) for tile in page.tiles],
        "confusion_columns": page.confusion.columns,
        "confusion_rows": page.confusion.rows,
        "histogram": _drawing(macros.histogram(page.scores), folder / "scores.svg")
        if page.scores
        else "",
        "curves": [
            (title, note, _drawing(svg, folder / f"curve{number}.svg"))
            for number, (title, note, svg) in enumerate(charts)
        ],
        "sheets": [_sheet(sheet, folder, number) for number, sheet in enumerate(page.sheets)],
    }


def _drawing(svg: Any, path: Path) -> str:
    """An SVG as a file that stands by itself: its styles in it, colours instead of variables."""
    templates = files("station.quality") / "templates"
    css = (templates / "report.css").read_text(encoding="utf-8")
    for name, colour in re.findall(r"--(\w+): (#\w+);", css):
        css = css.replace(f"var(--{name})", colour)
    rules = re.findall(r"^\.(?:chart|grid|limit|score-|curve|mark|running).*$", css, re.MULTILINE)
    style = f"<style>{_SVG_FONT} {' '.join(rules)}</style>"
    begin, rest = str(svg).strip().split(">", 1)
    text = f'{begin} xmlns="http://www.w3.org/2000/svg">{style}{rest}'
    path.write_text(text, encoding="utf-8")
    return path.name


def _sheet(sheet: Sheet, folder: Path, number: int) -> dict[str, Any]:
    shown = replace(sheet, cards=sheet.cards[:SHOWN_IN_PDF])
    cards = []
    for place, card in enumerate(shown.cards):
        name = ""
        if card.thumbnail:
            name = f"picture{number}-{place}.jpg"
            (folder / name).write_bytes(base64.b64decode(card.thumbnail.uri.split(",", 1)[1]))
        cards.append(
            {
                "picture": name,
                "reason": card.reason or "OK",
                "score": card.score,
                "truth": card.truth or "",
                "origin": card.origin,
                "decision": card.decision,
            }
        )
    return {
        "title": sheet.title, "total": sheet.total, "nothing": sheet.nothing, "cards": cards,
        "alarms": sheet.alarms,
    }  # fmt: skip
