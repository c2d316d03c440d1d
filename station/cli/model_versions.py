"""`station model diff|rollback`: what a version changed, and going back to an earlier one."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Column, Table

from station.cli.home import home, model_dirs
from station.core.errors import ModelError, RecipeError
from station.core.recipe import read_unsealed
from station.teach.versions import COPY_OF, Difference, compare, roll_back, versions_of
from station.vision.card import CARD_FILE, ModelCard, find_model, read_card
from station.vision.model import load_model

TIMED_LOOKS = 15
LONGEST_CELL = 60


def diff(
    before: Annotated[str, typer.Argument(help="name/version, name, or a model's folder.")],
    after: Annotated[
        str | None, typer.Argument(help="The other; left out: the newest against the one before.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="What is the same too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
) -> None:
    """Set two models side by side: pictures, limits, features, size, time and figures."""
    first, second = _two_folders(before, after)
    one, other = read_card(first), read_card(second)
    rows = [*compare(one, other), *_measured(first, second)]
    if as_json:
        changes = [asdict(row) for row in rows if row.is_change or show_all]
        told = {"before": one.reference, "after": other.reference, "differences": changes}
        typer.echo(json.dumps(told))
        return
    table = Table(Column("", overflow="fold"), one.reference, other.reference, "change")
    for row in rows:
        if row.is_change or show_all:
            table.add_row(row.what, _short(row.before), _short(row.after), row.words)
    if table.row_count:
        Console().print(table)
    same = [row.what for row in rows if not row.is_change]
    if same and not show_all:
        typer.echo(f"the same in both: {', '.join(same)}")


def rollback(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    to: Annotated[
        int | None, typer.Option("--to", help="The version; else the one before the newest.")
    ] = None,
) -> None:
    """Make an earlier version the newest again, as a copy; nothing is deleted."""
    done = roll_back(name, model_dirs(), to)
    typer.echo(
        f"{done.card.reference} is now the newest: a copy of {done.source.reference}, in place of "
        f"{done.replaced.reference}; both stay where they are"
    )
    lines = list(recipes_naming(name, done.card.reference))
    for line in lines or ["no recipe in recipes/ names this model"]:
        typer.echo(line)


def standing(card: ModelCard, folder: Path) -> str:
    """How `station model list` marks a version: what its bare name means, what it is a copy of."""
    copied = card.training.get(COPY_OF)
    is_one_of_several = len(versions_of(card.name, model_dirs())) > 1
    is_newest = is_one_of_several and find_model(card.name, model_dirs()) == folder
    marks = [
        "newest" if is_newest else "",
        f"copy of {copied}" if copied else "",
    ]
    return ", ".join(mark for mark in marks if mark)


def _two_folders(before: str, after: str | None) -> tuple[Path, Path]:
    if after is not None:
        return _folder(before), _folder(after)
    newest = _folder(before)
    card = read_card(newest)
    earlier = [v for v in versions_of(card.name, model_dirs()) if v < card.version]
    if not earlier:
        raise ModelError(f"{card.reference} has no version before it; name the two to compare")
    return find_model(f"{card.name}/{earlier[-1]}", model_dirs()), newest


def _folder(model: str) -> Path:
    path = Path(model)
    return path if (path / CARD_FILE).is_file() else find_model(model, model_dirs())


def _measured(first: Path, second: Path) -> Iterator[Difference]:
    """Size and time, measured here and now on the same picture."""
    sizes = [(folder / read_card(folder).file).stat().st_size / 1e6 for folder in (first, second)]
    yield _numbers("size in MB", *sizes, digits=2)
    yield _numbers("ms a picture here", _time_ms(first), _time_ms(second), digits=1)


def _numbers(what: str, before: float, after: float, *, digits: int) -> Difference:
    first, second = (f"{value:.{digits}f}" for value in (before, after))
    words = f"{after - before:+.{digits}f}" if first != second else ""
    return Difference(what, first, second, words)


def _time_ms(folder: Path) -> float:
    """CPU milliseconds of one look, the median on one thread."""
    model = load_model(folder)
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    times_ms = []
    for _ in range(TIMED_LOOKS):
        started_s = time.thread_time()
        model.run_all(image)
        times_ms.append(1e3 * (time.thread_time() - started_s))
    return float(np.median(times_ms))


def recipes_naming(name: str, newest: str) -> Iterator[str]:
    """A line for each recipe that names a model, and how it would come to use `newest`."""
    for path in sorted((home() / "recipes").glob("*.json")):
        try:
            recipe, _, _ = read_unsealed(path)
        except RecipeError as error:
            yield f"recipes/{path.name} cannot be read: {error}"
            continue
        for tool in recipe.tools:
            entry = tool.as_entry()
            reference = str(entry.get("model", ""))
            if reference.partition("/")[0] == name:
                words = _told(reference, newest, is_pinned=bool(entry.get("model_sha256")))
                yield f"recipes/{path.name}: {words}"
                if "/" in reference or entry.get("model_sha256"):
                    yield (
                        f"    to use {newest}: station recipe new --from "
                        f"recipes/{path.name} --set tools.{tool.name}.model={newest}"
                    )


def _told(reference: str, newest: str, *, is_pinned: bool) -> str:
    if "/" in reference:
        return f"names {reference} and goes on with it"
    if is_pinned:
        return "names no version but pins the file: the next start refuses it if the file differs"
    return f"names no version: from the next start it uses {newest}"


def _short(text: str | None) -> str:
    if text is None:
        return "-"
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
