"""A teaching's stages on stderr: bars on a terminal, a line for each stage when piped."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

Show = Callable[[str, int, int], None]

EXIT_INTERRUPTED = 130
PIPED_WIDTH = 160
"""Columns of a table that goes to no terminal."""


@contextmanager
def shown_stages(stages: Mapping[str, str]) -> Iterator[Show]:
    """Show how far each stage is; `stages` is their keys -> words, in the order they come.

    Raises:
        Exit: Ctrl-C; a teaching writes nothing before it is done.
    """
    try:
        with _shown(stages) as show:
            yield show
    except KeyboardInterrupt:
        typer.echo("stopped; nothing was written", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None


@contextmanager
def _shown(stages: Mapping[str, str]) -> Iterator[Show]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console, stages)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stages[stage], total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def _lines(console: Console, stages: Mapping[str, str]) -> Show:
    begun: set[str] = set()

    def show(stage: str, done: int, total: int) -> None:
        if done == total and stage not in begun:
            begun.add(stage)
            console.out(f"{stages[stage]}: {done} of {total}", highlight=False)

    return show
