"""The operator's page and the process it lives in."""

import asyncio
import logging
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from station.core.sockets import bind
from station.hmi.alerts import banner_panel, notices_panel
from station.hmi.board import Board
from station.hmi.controls import controls
from station.hmi.guard import Guard
from station.hmi.link import Link
from station.hmi.panels import (
    counts_panel,
    header_panel,
    loss_panel,
    picture_panel,
    reasons_panel,
    trail_panel,
    verdict_panel,
)
from station.hmi.pictures import picture_router
from station.hmi.rejects import rejects_panel

TITLE = "Inspection station"
REFRESH_S = 0.2
SHUTDOWN_S = 1
_LOG = logging.getLogger(__name__)
ASSETS = Path(__file__).parent / "assets"


def run(api_url: str, host: str, port: int, *, ends_with_stdin: bool = False) -> None:
    """Serve the operator's page until SIGINT or SIGTERM.

    With `ends_with_stdin` also at the end of standard input: a child whose supervisor is gone,
    killed even, does not stay behind.

    Raises:
        SettingsError: the port cannot be used.
    """
    door = bind(host, port, "hmi.port")
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(api_url),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
            ws="wsproto",
        )
    )
    if ends_with_stdin:
        threading.Thread(target=_watch_stdin, args=(server,), name="stdin", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn stops on these and raises them again afterwards; by then nothing is left to end.
        signal.signal(number, lambda *_: None)
    server.run(sockets=[door])


def create_app(api_url: str) -> FastAPI:
    """The page's own web application; one a process, since NiceGUI holds one."""
    board = Board()
    link = Link(board, api_url)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        async with link:
            task = asyncio.create_task(link.run(), name="link")
            task.add_done_callback(_end_if_failed)
            yield
            task.cancel()
            await asyncio.wait([task])

    app = FastAPI(title=TITLE, lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(picture_router(link.picture))
    app.add_middleware(Guard)
    ui.page("/")(lambda: build(board, link))
    ui.run_with(
        app,
        title=TITLE,
        dark=True,
        favicon=(ASSETS / "favicon.svg").read_text(encoding="utf-8"),
        tailwind=False,
        binding_refresh_interval=None,
        show_welcome_message=False,
    )
    return app


def build(board: Board, link: Link) -> None:
    """One browser's page; it looks at the board five times a second and sends what changed."""
    ui.add_css(ASSETS / "style.css")
    ui.add_body_html(f"<script>{(ASSETS / 'watchdog.js').read_text(encoding='utf-8')}</script>")
    with ui.element("div").classes("page"):
        show_header = header_panel()
        with ui.element("div").classes("alerts"):
            show_banner = banner_panel(link)
            show_notices = notices_panel()
        with ui.element("div").classes("body"):
            with ui.element("div").classes("left"):
                show_verdict = verdict_panel()
                show_trail = trail_panel()
                with ui.element("div").classes("below"):
                    show_picture = picture_panel()
                    show_bars = reasons_panel()
            with ui.element("div").classes("right"):
                show_counts = counts_panel()
                show_rejects = rejects_panel(board)
            show_loss = loss_panel()
        show_keys = controls(board, link)

    def refresh() -> None:
        view = board.view(time.monotonic(), datetime.now(UTC))
        show_header(view.header)
        show_banner(view.banner)
        show_notices(view.notices)
        show_verdict(view.verdict)
        show_trail(view.trail)
        show_picture(view.picture)
        show_bars(view.bars)
        show_counts(view.counts)
        show_rejects(view.rejects)
        show_keys(view.keys)
        show_loss(view.loss)

    refresh()
    ui.timer(REFRESH_S, refresh)


def _end_if_failed(task: asyncio.Task[None]) -> None:
    """A page that cannot hear any more is of no use: end, so that the supervisor starts afresh."""
    if not task.cancelled() and (error := task.exception()):
        _LOG.error("the link to the station failed", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _watch_stdin(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True
