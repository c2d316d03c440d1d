"""The parts of the page: each builds its elements and gives the function that fills them."""

import time
from collections.abc import Callable
from typing import TypeVar

from nicegui import ui
from nicegui.element import Element

from station.hmi.views import (
    BarView,
    CountsView,
    HeaderView,
    LossView,
    PictureView,
    Tone,
    VerdictView,
)

V = TypeVar("V")
Show = Callable[[V], None]

BARS = 6
LOADING_S = 5.0
"""A browser that has not said for so long that it drew a picture gets the next one all the same."""
LONG_TEXT = 70
"""More letters do not fit below a large word."""


def on_change(show: Show[V]) -> Show[V]:
    """`show`, called only with what differs from the last time."""
    last: list[V] = []

    def maybe(view: V) -> None:
        if last != [view]:
            last[:] = [view]
            show(view)

    return maybe


def box(classes: str, tag: str = "div") -> Element:
    """A bare element with classes of the style sheet."""
    return ui.element(tag).classes(classes)


def header_panel() -> Show[HeaderView]:
    """The strip along the top: which station, what it does, by which recipe, what time."""
    with box("head", "header"):
        state = _chip("Station", "chip state")
        recipe = _chip("Recipe", "chip")
        camera = _chip("Camera", "chip")
        name = ui.label().classes("name")
        with box("clock"):
            clock = ui.label().classes("time").props("id=clock")
            date = ui.label().classes("date")

    def show(view: HeaderView) -> None:
        state(view.state, "", view.state_tone)
        recipe(view.recipe, view.recipe_detail, Tone.IDLE)
        camera(view.camera, "", view.camera_tone)
        name.set_text(view.name)
        clock.set_text(view.clock)
        date.set_text(view.date)

    return on_change(show)


def _chip(title: str, classes: str) -> Callable[[str, str, Tone], None]:
    with box(classes) as chip:
        ui.label(title).classes("title")
        value = ui.label().classes("value")
        detail = ui.label().classes("detail")

    def show(text: str, more: str, tone: Tone) -> None:
        chip.classes(replace=f"{classes} tone-{tone}")
        value.set_text(text)
        detail.set_text(more)

    return show


def verdict_panel() -> Show[VerdictView]:
    """The field that is read from five metres."""
    with box("verdict") as field:
        box("mark")
        with box("words"):
            word = ui.label().classes("word")
            text = ui.label().classes("text")
            facts = ui.label().classes("facts")

    def show(view: VerdictView) -> None:
        length = "is-long" if len(view.text) > LONG_TEXT else ""
        field.classes(replace=f"verdict tone-{view.tone} {length}")
        word.set_text(view.word)
        word.style(replace=f"--letters: {len(view.word)}")
        text.set_text(view.text)
        facts.set_text(view.facts)

    return on_change(show)


def trail_panel() -> Show[tuple[Tone, ...]]:
    """How the last parts went, the newest at the right."""
    with box("trail panel"):
        ui.label("Last parts").classes("title")
        marks = ui.html(sanitize=False).classes("marks")

    def show(tones: tuple[Tone, ...]) -> None:
        marks.set_content("".join(f'<i class="mark tone-{tone}"></i>' for tone in tones))

    return on_change(show)


def picture_panel() -> Show[PictureView]:
    """The live picture; a browser gets the next one only when it has drawn the last."""
    with box("picture panel") as panel:
        image = ui.element("img").props("alt=''")
        with box("caption"):
            caption = ui.label()
            ui.label("not the present part").classes("old")
    loading_s = -LOADING_S
    shown = ""

    def show(wanted: PictureView) -> None:
        nonlocal loading_s, shown
        is_past = wanted.job_id and not wanted.is_present
        panel.classes(replace="picture panel is-past" if is_past else "picture panel")
        image.set_visibility(bool(wanted.job_id))
        if wanted.job_id and wanted.job_id != shown:  # the same again loads nothing
            shown, loading_s = wanted.job_id, time.monotonic()
            image.props(f"src=/pictures/{wanted.job_id}/live")
        caption.set_text(wanted.caption or "No picture yet")

    def loaded() -> None:
        nonlocal loading_s
        loading_s = -LOADING_S

    image.on("load", loaded, args=[])
    image.on("error", loaded, args=[])
    changed = on_change(show)
    return lambda view: None if time.monotonic() - loading_s < LOADING_S else changed(view)


def counts_panel() -> Show[CountsView]:
    """The counters since the start; the five outcomes add up to the triggers."""
    tiles = (
        ("ok", "OK", Tone.OK),
        ("not_ok", "Not OK", Tone.NOT_OK),
        ("to_check", "To check", Tone.TO_CHECK),
        ("yield_percent", "Yield", None),
        ("aborted", "Aborted", Tone.NOT_INSPECTED),
        ("failed", "Failed", Tone.NOT_INSPECTED),
        ("triggers", "Triggers", None),
        ("parts_per_s", "Parts/s", None),
    )
    labels: dict[str, ui.label] = {}
    with box("counts panel"):
        with box("title"):
            ui.label("Since the start")
            since = ui.label().classes("detail")
        with box("tiles"):
            for name, title, tone in tiles:
                with box(f"tile tone-{tone}" if tone else "tile"):
                    with box("title"):
                        if tone:
                            box("mark", "i")
                        ui.label(title)
                    labels[name] = ui.label().classes("number").props(f"data-count={name}")

    def show(view: CountsView) -> None:
        since.set_text(f"from {view.since}" if view.since else "")
        for name, label in labels.items():
            label.set_text(getattr(view, name))

    return on_change(show)


def reasons_panel() -> Show[tuple[BarView, ...]]:
    """The most frequent reasons, the longest bar on top."""
    with box("reasons panel"):
        ui.label("Top reasons").classes("title")
        nothing = ui.label("None yet").classes("nothing")
        rows = []
        for _ in range(BARS):
            with box("bar") as row:
                with box("line"):
                    text, count = ui.label().classes("text"), ui.label().classes("count")
                with box("rail"):
                    fill = box("fill")
            rows.append((row, text, count, fill))

    def show(bars: tuple[BarView, ...]) -> None:
        nothing.set_visibility(not bars)
        for number, (row, text, count, fill) in enumerate(rows):
            row.set_visibility(number < len(bars))
            if number < len(bars):
                bar = bars[number]
                row.classes(replace=f"bar tone-{Tone.NOT_OK if bar.is_defect else 'station'}")
                text.set_text(bar.text)
                count.set_text(f"{bar.count:,}")
                fill.style(replace=f"width: {bar.share:.1%}")

    return on_change(show)


def loss_panel() -> Show[LossView | None]:
    """What covers everything else while the station cannot be reached."""
    with box("loss") as cover:
        box("mark")
        ui.label("NO CONNECTION").classes("word")
        ui.label("Parts are not inspected as far as this page knows: hold them back.").classes(
            "text"
        )
        text = ui.label().classes("facts")
        since = ui.label().classes("facts")
        ui.label(
            "It is tried again all the time. If it stays like this, start the station again."
        ).classes("facts")

    def show(view: LossView | None) -> None:
        cover.set_visibility(view is not None)
        if view:
            text.set_text(f"{view.text}.")
            since.set_text(f"Since {view.since}." if view.since else "")

    return on_change(show)
