"""The strip below the top: the alarm that must be acknowledged, and the notices."""

from nicegui import ui

from station.hmi.controls import tells
from station.hmi.link import Link
from station.hmi.panels import Show, box, on_change
from station.hmi.views import BannerView, NoticeView

NOTICES = 3


def banner_panel(link: Link) -> Show[BannerView | None]:
    """The alarm, as wide as the page, with the button that takes it back."""
    with box("banner tone-alarm").props("role=alert") as banner:
        box("mark")
        with box("words"):
            word = ui.label().classes("word")
            text = ui.label().classes("text")
            facts = ui.label().classes("facts")
        button = ui.button("Acknowledge", icon="done", color=None).classes("key acknowledge")
        button.props("unelevated no-caps")
    tells(button, lambda: link.tell("reset"), "Acknowledged")

    def show(view: BannerView | None) -> None:
        banner.set_visibility(view is not None)
        if view:
            word.set_text(view.word)
            text.set_text(view.text)
            facts.set_text(view.facts)
            button.set_enabled(view.can_acknowledge)

    return on_change(show)


def notices_panel() -> Show[tuple[NoticeView, ...]]:
    """One line each; what does not fit any more is counted."""
    with box("notices") as panel:
        rows = [_row() for _ in range(NOTICES)]
        more = ui.label().classes("more")

    def show(notices: tuple[NoticeView, ...]) -> None:
        panel.set_visibility(bool(notices))
        for number, (row, title, text) in enumerate(rows):
            row.set_visibility(number < len(notices))
            if number < len(notices):
                one = notices[number]
                row.classes(replace="notice urgent" if one.is_urgent else "notice")
                title.set_text(one.title)
                text.set_text(one.text)
        hidden = len(notices) - NOTICES
        more.set_visibility(hidden > 0)
        more.set_text(f"and {hidden} more")

    return on_change(show)


def _row() -> tuple[ui.element, ui.label, ui.label]:
    with box("notice") as row:
        title, text = ui.label().classes("title"), ui.label().classes("text")
    return row, title, text
