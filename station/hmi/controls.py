"""The buttons: what the station can be told, and the changeover to another recipe."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from station.hmi.answers import ShelfEntry
from station.hmi.board import Board
from station.hmi.link import Link
from station.hmi.panels import Show, box, on_change
from station.hmi.views import KeysView

REFUSED_MS = 10_000
DONE_MS = 3_000
ASKED_S = 20.0
"""An open question hides the present verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked before something that costs parts is done."""

    title: str
    text: str
    answer: str


_ABORT = Question(
    title="Abort what is under way?",
    text="Parts that are being inspected get no verdict and are rejected as aborted. "
    "The station stops; Run starts it again.",
    answer="Abort now",
)
_HALT = Question(
    title="Halt the station?",
    text="Parts that are being inspected are rejected as aborted, and so is every part after "
    "them. Reset ends the halt; then press Run.",
    answer="Halt now",
)


def controls(board: Board, link: Link) -> Show[KeysView]:
    """The strip along the bottom."""
    with box("keys", "footer"):
        start = _key("Run", "play_arrow", "run")
        stop = _key("Stop", "stop", "stop")
        reset = _key("Reset", "restart_alt", "reset")
        box("gap")
        abort = _key("Abort", "cancel", "abort")
        halt = _key("Halt", "front_hand", "halt")
        change = _key("Change recipe", "swap_horiz", "change")
    tells(start, lambda: link.tell("start"), "The station runs")
    tells(stop, lambda: link.tell("stop"), "The station stopped")
    tells(reset, lambda: link.tell("reset"), "Reset done")
    _asks(abort, _ABORT, lambda: link.tell("abort"), "Aborted")
    _asks(halt, _HALT, lambda: link.tell("halt"), "The station is halted")
    dialog = ui.dialog().props("persistent")

    async def choose() -> None:
        entries, trouble = await link.shelf()
        if trouble:
            refused(trouble)
            return
        dialog.clear()
        with dialog:
            _changeover(dialog, entries, board.recipe_name, link)
        dialog.open()

    change.on_click(choose)

    def show(view: KeysView) -> None:
        start.set_enabled(view.can_run)
        stop.set_enabled(view.can_stop)
        reset.set_enabled(view.can_reset)
        reset.classes(replace="key reset leads-out" if view.leads_out else "key reset")
        abort.set_enabled(view.can_abort)
        halt.set_enabled(view.can_halt)
        change.set_enabled(view.can_change)

    return on_change(show)


def refused(why: str) -> None:
    """Tell that something was not done, and why."""
    ui.notify(
        f"Not done: {why}", type="negative", position="top", close_button="Close",
        multi_line=True, timeout=REFUSED_MS,
    )  # fmt: skip


def done(what: str) -> None:
    """Tell that something was done."""
    ui.notify(what, type="positive", position="top", timeout=DONE_MS)


def tells(
    button: ui.button,
    tell: Callable[[], Awaitable[str]],
    success: str,
    then: Callable[[], object] | None = None,
) -> None:
    """Let a press of the button tell the station something, and say how it took it."""

    async def press() -> None:
        button.props("loading")
        refusal = await tell()
        button.props(remove="loading")
        if then:
            then()
        if refusal:
            refused(refusal)
        else:
            done(success)

    button.on_click(press)


def _key(text: str, icon: str, name: str) -> ui.button:
    button = ui.button(text, icon=icon, color=None).classes(f"key {name}")
    return button.props("unelevated no-caps")


def _asks(
    key: ui.button, question: Question, tell: Callable[[], Awaitable[str]], success: str
) -> None:
    """Ask before the station is told; a question nobody answers goes away."""
    dialog = ui.dialog()

    def ask() -> None:
        dialog.clear()
        with dialog, box("sheet question"):
            ui.label(question.title).classes("reason")
            ui.label(question.text)
            with box("answers"):
                no = ui.button("Do nothing", on_click=dialog.close, color=None)
                no.props("unelevated no-caps")
                yes = ui.button(question.answer, color=None).classes("confirm danger")
                yes.props("unelevated no-caps")
            ui.timer(ASKED_S, dialog.close, once=True)
        tells(yes, tell, success, dialog.close)
        dialog.open()

    key.on_click(ask)


def _changeover(dialog: ui.dialog, entries: list[ShelfEntry], active: str, link: Link) -> None:
    """Choose one of the recipes and confirm."""
    usable = {entry.recipe_id: _title(entry) for entry in entries if not entry.problem}
    with box("sheet changeover"):
        ui.label("Change recipe").classes("reason")
        ui.label(f"Active now: {active}").classes("detail")
        choice = ui.radio(usable).classes("choice")
        for entry in entries:
            if entry.problem:
                ui.label(f"{entry.recipe_id} cannot be used: {entry.problem}").classes("problem")
        if not entries:
            ui.label("There are no recipes on this station.").classes("problem")
        ui.label("Parts that come from then on are judged by the new recipe.").classes("detail")
        with box("answers"):
            ui.button("Keep", on_click=dialog.close, color=None).props("unelevated no-caps")
            confirm = ui.button("Change over", color=None).classes("confirm")
            confirm.props("unelevated no-caps").set_enabled(False)

    async def change() -> None:
        recipe_id = str(choice.value)
        confirm.props("loading")
        refusal = await link.change_over(recipe_id)
        confirm.props(remove="loading")
        dialog.close()
        if refusal:
            refused(refusal)
        else:
            done(f"Parts are judged by {usable[recipe_id]} now")

    choice.on_value_change(lambda event: confirm.set_enabled(event.value is not None))
    confirm.on_click(change)


def _title(entry: ShelfEntry) -> str:
    what = f": {entry.description}" if entry.description else ""
    return f"{entry.recipe_id} v{entry.version}{what}"
