"""A batch run to its end: a bar with rate and time left on a terminal, plain lines when piped."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from station.cli.stages import EXIT_INTERRUPTED
from station.line.batch import Batch, Progress
from station.line.batch_store import BatchStore

STOPPED = "stopped; run the same command again to go on"
STOP_S = 1.5
"""How long pictures under way may take to end after Ctrl-C."""
REDRAW_S = 0.1
LINE_EVERY_S = 5.0

Show = Callable[[Progress], None]


def run_to_end(batch: Batch, store: BatchStore, total: int, *, stopped: str = STOPPED) -> None:
    """Start a batch and show how far it is until it ends; closes the store.

    Raises:
        StationError: what ended the batch early.
        KeyboardInterrupt: Ctrl-C; the pictures under way are finished, or the process is left.
    """
    try:
        batch.start()
        with shown_progress(total) as show:
            while not batch.wait(REDRAW_S):
                show(batch.progress)
            show(batch.progress)
    except KeyboardInterrupt:
        batch.stop()
        if not batch.wait(STOP_S):
            _leave_at_once(stopped)
        raise
    finally:
        store.close()


def _leave_at_once(stopped: str) -> None:
    """End although a picture is still under way: a thread inside a library cannot be stopped."""
    typer.echo(stopped, err=True)
    sys.stderr.flush()
    os._exit(EXIT_INTERRUPTED)


@contextmanager
def shown_progress(total: int) -> Iterator[Show]:
    """Gives a function to be called now and then with how far the batch is; writes to stderr."""
    console = Console(stderr=True)
    if not total:
        yield lambda _: None
    elif console.is_terminal:
        with _bar(console, total) as show:
            yield show
    else:
        yield _lines(console, total)


@contextmanager
def _bar(console: Console, total: int) -> Iterator[Show]:
    columns = (
        TextColumn("inspecting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rejected]}"),
    )
    with RichProgress(*columns, console=console) as bars:
        task = bars.add_task("", total=total, rate="", rejected="")

        def show(progress: Progress) -> None:
            rejected = progress.inspected - progress.passed
            bars.update(
                task,
                completed=progress.inspected,
                rate=f"{_rate(progress):.1f}/s",
                rejected=f"[red]{rejected} not passed" if rejected else "",
            )

        yield show


def _lines(console: Console, total: int) -> Show:
    last_s = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal last_s
        done, now_s = progress.inspected, time.monotonic()
        if done < total and now_s - last_s < LINE_EVERY_S:
            return
        last_s = now_s
        left_s = (total - done) / _rate(progress) if done else 0.0
        console.out(
            f"inspected {done} of {total}, {_rate(progress):.1f}/s, "
            f"{progress.inspected - progress.passed} not passed, {left_s:.0f} s left",
            highlight=False,
        )

    return show


def _rate(progress: Progress) -> float:
    return progress.inspected / progress.elapsed_s if progress.elapsed_s > 0 else 0.0
