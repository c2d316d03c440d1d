"""`station model`: what models there are, what they are, and whether card and file agree."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from station.cli.home import model_dirs
from station.cli.model_import import import_file, meaning_of
from station.cli.model_quantize import quantize_model
from station.cli.model_taught import check_taught, taught_folder, taught_lines, taught_rows
from station.cli.model_versions import diff, rollback, standing
from station.core.errors import ModelError
from station.core.frame import Image
from station.vision.card import CARD_FILE, ModelCard, find_model, list_models, read_card
from station.vision.model import Model, load_model
from station.vision.score import answer_of
from station.vision.taught import TaughtCard, read_taught_card

PICTURES = 20

app = typer.Typer(
    help="List, show, check and import models.", no_args_is_help=True, add_completion=False
)
app.command("import")(import_file)
app.command("quantize")(quantize_model)
app.command()(diff)
app.command()(rollback)


@app.command("list")
def list_all() -> None:
    """List every model, the station's own first."""
    dirs = model_dirs()
    references = list_models(dirs)
    taught = list(taught_rows())
    if not references and not taught:
        typer.echo("no models yet; teach one: station teach classify DIR --name NAME")
        return
    table = Table("model", "task", "classes", "MB", "made", "")
    broken = []
    for reference in references:
        folder = find_model(reference, dirs)
        try:
            card = read_card(folder)
            size = f"{(folder / card.file).stat().st_size / 1e6:.2f}"
        except (ModelError, OSError) as error:
            broken.append(f"{reference}: {error}")
            continue
        made = card.created_at.date().isoformat()
        mark = standing(card, folder)
        table.add_row(reference, card.task, ", ".join(card.classes), size, made, mark)
    for row in taught:
        table.add_row(*row)
    Console().print(table)
    if broken:
        raise ModelError("; ".join(broken))


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="name, name/version, or a model's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as it is.")] = False,
) -> None:
    """Show a model's card."""
    taught = taught_folder(model)
    card = read_taught_card(taught) if taught else read_card(find_folder(model))
    if as_json:
        typer.echo(card.model_dump_json())
        return
    for name, text in taught_lines(card) if isinstance(card, TaughtCard) else _lines_of(card):
        typer.echo(f"{name:14} {text}")


@app.command()
def check(
    model: Annotated[str, typer.Argument(help="name, name/version, or a model's folder.")],
) -> None:
    """Prove by running it that a model's card and file agree; exit code 2 where they do not."""
    taught = taught_folder(model)
    if taught:
        for line in check_taught(taught):
            typer.echo(f"ok  {line}")
        return
    folder = find_folder(model)
    card = read_card(folder)
    _check_place(folder, card)
    typer.echo(f"ok  card: {card.reference}, {card.task}, {card.description}")
    loaded = load_model(folder)
    typer.echo(f"ok  file: {card.file}, {(folder / card.file).stat().st_size / 1e6:.2f} MB")
    typer.echo(f"ok  sha256: {card.sha256}")
    typer.echo("ok  content: self-contained, standard operators only")
    typer.echo(f"ok  input: {card.input.dtype} {list(card.input.shape)}, {card.input.fit}")
    for output in card.outputs:
        typer.echo(f"ok  output: {output.name} {list(output.shape)}, {output.holds}")
    times_ms = run_pictures(loaded)
    typer.echo(f"ok  answers: {PICTURES} pictures, black, white and noise too, all finite")
    typer.echo("ok  repeat: the same picture gives the same bits")
    typer.echo(f"ok  speed: {float(np.median(times_ms)):.1f} ms a picture on one thread (p50)")


def find_folder(model: str) -> Path:
    """The folder of a model given by name, name/version or path.

    Raises:
        ModelError: there is none.
    """
    path = Path(model)
    if (path / CARD_FILE).is_file():
        return path
    if path.is_dir() and len(path.parts) > 1:
        raise ModelError(f"folder {path} holds no {CARD_FILE}; give the folder of one version")
    return find_model(model, model_dirs())


def run_pictures(model: Model) -> list[float]:
    """Milliseconds of each of twenty odd pictures, each looked at twice.

    Raises:
        ModelError: an answer is not finite, of the wrong shape, no probabilities, or not the same
            the second time; says for which picture.
    """
    times_ms = []
    look = _look_of(model)
    for name, image in _pictures():
        try:
            first = look(image)
            started_s = time.perf_counter()
            second = look(image)
            times_ms.append((time.perf_counter() - started_s) * 1e3)
        except ModelError as error:
            raise type(error)(f"on a {name} picture: {error}") from error
        if not np.array_equal(first, second):
            raise ModelError(
                f"model {model.card.reference} answers a {name} picture differently each time; "
                "a verdict must be repeatable: export it without random operators"
            )
    return times_ms


def _look_of(model: Model) -> Callable[[Image], NDArray[np.generic]]:
    """What is repeated and compared: for a detector or segmenter what is read from its answers."""
    if model.card.task in ("detect", "segment"):
        return lambda image: np.array([answer_of(model, image).score])
    return model.classify if model.card.task == "classify" else model.run


def _pictures() -> Iterator[tuple[str, Image]]:
    random = np.random.default_rng(0)
    yield "black", np.zeros((480, 640, 3), np.uint8)
    yield "white", np.full((480, 640, 3), 255, np.uint8)
    yield "grey", np.full((300, 300), 127, np.uint8)
    yield "one-pixel", np.full((1, 1, 3), 200, np.uint8)
    ramp = np.tile(np.linspace(0, 255, 640).astype(np.uint8), (480, 1))
    yield "ramp", ramp
    yield "striped", np.where(np.arange(640) % 2, ramp, 255 - ramp).astype(np.uint8)
    for index in range(PICTURES - 6):
        height, width = (int(side) for side in random.integers(16, 900, 2))
        shape = (height, width, 3) if index % 2 else (height, width)
        yield f"noise {width} x {height}", random.integers(0, 256, shape, np.uint8)


def _check_place(folder: Path, card: ModelCard) -> None:
    whole = folder.absolute()
    version = whole.name
    if version.isdigit() and (version, whole.parent.name) != (str(card.version), card.name):
        raise ModelError(
            f"the card in {whole.parent.name}/{version} calls itself {card.reference}; rename the "
            "folder to what the card says, or results name the wrong model"
        )


def _lines_of(card: ModelCard) -> Iterator[tuple[str, str]]:
    entry = card.input
    yield "model", card.reference
    yield "task", card.task
    yield "description", card.description
    yield "sha256", card.sha256
    yield "input", f"{entry.dtype} {list(entry.shape)} {entry.channel_order}, {entry.fit}"
    for output in card.outputs:
        yield "output", f"{output.name} {list(output.shape)}, {output.holds}"
    for name in card.classes:
        yield "class", f"{name} -> {meaning_of(card, name)}"
    if card.limits:
        limits = card.limits
        yield "limits", f"accept {limits.accept_limit:.4g}, reject {limits.reject_limit:.4g}"
    yield "licence", card.licence
    yield "made", card.created_at.isoformat()
    for key, value in card.training.items():
        yield from _facts(key, value)


def _facts(key: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, entry in value.items():
            yield from _facts(f"{key}.{inner}", entry)
    elif isinstance(value, list):
        yield key, ", ".join(str(entry) for entry in value)
    else:
        yield key, str(value)
