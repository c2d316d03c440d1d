"""Runs the API until somebody ends it."""

import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import uvicorn

from station.api.app import create_app
from station.api.context import Context
from station.core.sockets import bind
from station.line.line import Line
from station.line.settings import ApiSettings, StationSettings
from station.line.shelf import Shelf

KEEP_ALIVE_S = 75
SHUTDOWN_S = 1


def listen(settings: ApiSettings) -> socket.socket:
    """Bind the API's port.

    Raises:
        SettingsError: somebody else has it.
    """
    return bind(settings.host, settings.port, "api.port")


def serve(
    line: Line,
    shelf: Shelf,
    settings: StationSettings,
    door: socket.socket,
    *,
    ends_with_stdin: bool = False,
) -> None:
    """Answer requests on a bound socket until SIGINT or SIGTERM.

    With `ends_with_stdin` also at the end of standard input: a child whose supervisor is gone,
    killed even, does not stay behind.
    """
    pool = ThreadPoolExecutor(settings.line.workers, thread_name_prefix="api")
    context = Context(line=line, shelf=shelf, settings=settings, pool=pool)
    server = _Server(
        uvicorn.Config(
            create_app(context),
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
            ws="none",
        )
    )
    if ends_with_stdin:
        threading.Thread(target=_watch_stdin, args=(server,), name="stdin", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn stops on these and raises them again afterwards; by then there is work to do.
        signal.signal(number, lambda *_: None)
    server.run(sockets=[door])
    pool.shutdown(wait=False, cancel_futures=True)


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop once: at a second Ctrl-C uvicorn would drop what is still being recorded."""
        if not self.should_exit:
            super().handle_exit(sig, frame)


def _watch_stdin(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True
