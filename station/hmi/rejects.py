"""The last rejects, and one of them large with everything that was found."""

from collections.abc import Mapping
from datetime import UTC, datetime

from nicegui import ui

from station.core.result import Evaluation, Finding, Result
from station.hmi import words
from station.hmi.board import REJECTS, Board
from station.hmi.panels import Show, box, on_change
from station.hmi.views import RejectView

OPEN_S = 60.0
"""Left open it would hide the present verdict for good."""

_EVALUATIONS = {
    Evaluation.OK: "OK",
    Evaluation.NOT_OK: "NOT OK",
    Evaluation.NOT_DECIDABLE: "TO CHECK",
    Evaluation.UNDEFINED: "NOT DECIDED",
}


def rejects_panel(board: Board) -> Show[tuple[RejectView, ...]]:
    """Small pictures of the last rejects, the newest first; a click shows one large."""
    dialog = ui.dialog().classes("large")
    shown: tuple[RejectView, ...] = ()

    def enlarge(slot: int) -> None:
        result = board.reject(shown[slot].job_id) if slot < len(shown) else None
        if result:
            dialog.clear()
            with dialog:
                _sheet(result, dialog)
                ui.timer(OPEN_S, dialog.close, once=True)
            dialog.open()

    with box("rejects panel"):
        with box("title"):
            ui.label("Last rejects")
            ui.label("time, score").classes("detail")
        nothing = ui.label("None yet").classes("nothing")
        with box("slots"):
            slots = [_slot() for _ in range(REJECTS)]
    for number, (card, *_) in enumerate(slots):
        card.on("click", lambda number=number: enlarge(number), args=[])

    def show(rejects: tuple[RejectView, ...]) -> None:
        nonlocal shown
        shown = rejects
        nothing.set_visibility(not rejects)
        for number, (card, image, *labels) in enumerate(slots):
            card.set_visibility(number < len(rejects))
            if number < len(rejects):
                one = rejects[number]
                image.props(f"src=/pictures/{one.job_id}/small")
                texts = (one.reason, one.time, one.score, one.part)
                for label, text in zip(labels, texts, strict=True):
                    label.set_text(text)

    return on_change(show)


def _slot() -> tuple[ui.element, ui.element, ui.label, ui.label, ui.label, ui.label]:
    with box("reject", "button") as card:
        image = ui.element("img").props("alt=''")
        with box("lines"):
            reason = ui.label().classes("reason")
            with box("line"):
                time, score = ui.label().classes("time"), ui.label().classes("score")
            part = ui.label().classes("detail")
    return card, image, reason, time, score, part


def _sheet(result: Result, dialog: ui.dialog) -> None:
    """Everything about one reject."""
    with box("sheet"):
        with box("top tone-not_ok"):
            box("mark")
            ui.label(words.reason_of(result)).classes("reason")
            ui.button(icon="close", on_click=dialog.close, color=None).props(
                "flat round aria-label=Close"
            )
        with box("middle"):
            ui.element("img").props(f"src=/pictures/{result.job_id}/large alt=''")
            with box("side"):
                for title, value in _facts(result):
                    with box("fact"):
                        ui.label(title).classes("title")
                        ui.label(value).classes("value")
        with box("findings"):
            for finding in words.by_urgency(result.findings):
                _finding(finding, {result.reason_code or "": result.reason_text})


def _facts(result: Result) -> tuple[tuple[str, str], ...]:
    times = f"{result.processing_ms:.1f} ms inspection, {result.total_ms:.1f} ms in all"
    recipe = f"{result.recipe_id} v{result.recipe_version} · {result.recipe_hash[:8]}"
    if not result.is_qualified:
        recipe += " · not qualified"
    facts = (
        ("Part", words.part_of(result)),
        ("Time", words.recent_time(result.completed_at, datetime.now(UTC))),
        ("Product", result.product_id),
        ("Recipe", recipe),
        ("Took", times),
        ("Job", result.job_id),
    )
    return tuple((title, value) for title, value in facts if value)


def _finding(finding: Finding, texts_by_code: Mapping[str, str]) -> None:
    measured = ", ".join(f"{name} {value:.3g}" for name, value in finding.measured.items())
    read = ", ".join(f"{name} {value}" for name, value in finding.read.items())
    score = words.score_and_limit(finding)
    texts = (
        _EVALUATIONS[finding.evaluation],
        f"{finding.tool} · part {finding.part}" if finding.part > 1 else finding.tool,
        words.sentence(words.text_of(finding.reason_code or "", texts_by_code)),
        f"Score {score}" if score else "",
        " · ".join(filter(None, (finding.text, read, measured))),
    )
    with box(f"finding evaluation-{finding.evaluation.value}"):
        for text in texts:
            ui.label(text)
