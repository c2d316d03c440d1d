"""`station teach anomaly`: pictures of good parts in, a model that knows them out."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from station.cli.home import model_dirs
from station.cli.stages import PIPED_WIDTH, shown_stages
from station.teach.anomaly import AnomalyLesson, Taught, teach_anomaly
from station.teach.anomaly.card import merit_facts
from station.teach.anomaly.finish import Made

STAGES = {
    "finding": "finding the pictures",
    "looking": "looking at the pictures",
    "comparing": "comparing them with each other",
    "trying": "trying ways of looking",
    "learning": "learning",
    "weighing": "looking at whole pictures",
    "holding out": "looking at the other good pictures",
    "proving": "proving the model",
}


def anomaly(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Holds good/ with pictures of good parts.")
    ],
    name: Annotated[str, typer.Option(help="What the model is called.")],
    defects: Annotated[
        Path | None, typer.Option(help="Pictures of defects with masks, boxes or outlines.")
    ] = None,
    features: Annotated[
        str, typer.Option(help="Feature net: auto, ocr, a name below models/features, or a file.")
    ] = "auto",
    fast: Annotated[bool, typer.Option("--fast", help="Take the first way, without a search.")] = (
        False
    ),
    false_rejects: Annotated[
        float,
        typer.Option(min=1e-6, max=0.2, help="The share of good parts that may be rejected."),
    ] = 0.005,
    size: Annotated[
        int | None, typer.Option(min=64, max=1280, help="Edge of the input in px. [default: auto]")
    ] = None,
    fit: Annotated[
        Literal["auto", "stretch", "letterbox"],
        typer.Option(help="How pictures come to the input's shape."),
    ] = "auto",
    ms_at_most: Annotated[float, typer.Option(help="CPU ms a picture may take.")] = 1000.0,
    mb_at_most: Annotated[float, typer.Option(help="Size the model may have, in MB.")] = 64.0,
    seed: Annotated[int, typer.Option(help="How pictures are chosen and defects drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Teach what good parts look like, from DIR/good/… (ten pictures or more).

    Folders of defects in DIR with masks in DIR/ground_truth, and --defects, sharpen it. The model
    is kept as the next version in models/NAME; earlier versions stay.
    """
    lesson = AnomalyLesson(
        root=folder,
        name=name,
        defects=defects,
        features=features,
        fast=fast,
        false_reject_rate=false_rejects,
        seed=seed,
        size_px=size,
        fit=None if fit == "auto" else fit,
        ms_at_most=ms_at_most,
        mb_at_most=mb_at_most,
    )
    taught = _taught(lesson)
    tell(taught)
    if as_json:
        typer.echo(json.dumps(facts(taught)))


def _taught(lesson: AnomalyLesson) -> Taught:
    with shown_stages(STAGES) as progress:
        return teach_anomaly(lesson, model_dirs(), progress, lambda made: costs(lesson, made))


def costs(lesson: AnomalyLesson, made: Made) -> None:
    """What the model will cost, said before it is written."""
    typer.echo(
        f"costs: {len(made.data) / 1e6:.2f} MB (allowed {lesson.mb_at_most:g}), "
        f"{made.ms_per_picture:.1f} ms of CPU a picture (allowed {lesson.ms_at_most:g})",
        err=True,
    )


def tell(taught: Taught) -> None:
    """What was chosen and why, the limit, and what the model costs."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for warning in taught.warnings:
        typer.secho(f"warning: {warning}", fg="yellow")
    for broken in taught.broken[:5]:
        typer.secho(f"  left out: {broken}", fg="yellow")
    if taught.trials:
        typer.echo("ways tried, by how well they part good from defects they were never shown:")
        console.print(_table(taught))
    typer.echo(f"chosen: {taught.way.in_words}")
    for line in limit_in_words(taught):
        typer.echo(line)
    card = taught.card
    typer.echo(
        f"model {card.reference}: {taught.size_bytes / 1e6:.2f} MB, "
        f"{taught.ms_per_picture:.1f} ms of CPU a picture, taught in {taught.seconds:.0f} s, "
        f"in {taught.folder}"
    )
    typer.echo(f"next: station inspect FOLDER --model {card.name}")


def limit_in_words(taught: Taught) -> list[str]:
    """What the limit promises, and how sure that is."""
    limit = taught.limit
    rate = float(str(_asked_rate(taught)))
    found = f"{limit.method} from {limit.scores} held-out scores, {limit.above} of them above"
    sure = f"{limit.low / limit.limit:.2f} and {limit.high / limit.limit:.2f}"
    promise = f"limit: score 1, so that {rate:.2%} of good parts are rejected"
    lines = [f"{promise}: by {found}; 95 % sure that it lies between {sure}"]
    if limit.scores * rate < 1:
        lines.append(
            f"  {limit.scores} good pictures cannot prove a rate of {rate:.2%}: "
            f"{round(3 / rate):,} would; the limit is extrapolated, qualify it"
        )
    return lines


def _asked_rate(taught: Taught) -> JsonValue:
    found = taught.card.training["limit"]
    return found["false_reject_rate"] if isinstance(found, dict) else None


def facts(taught: Taught) -> dict[str, JsonValue]:
    """What `--json` ends with."""
    return {
        "model": taught.card.reference,
        "sha256": taught.card.sha256,
        "folder": str(taught.folder),
        "pictures": dict(taught.pictures),
        "chosen": taught.way.in_words,
        "merit": merit_facts(taught.reading),
        "tried": len(taught.trials),
        "limit": taught.card.training["limit"],
        "size_bytes": taught.size_bytes,
        "ms_per_picture": round(taught.ms_per_picture, 2),
        "seconds": round(taught.seconds, 2),
        "warnings": list(taught.warnings),
    }


def _table(taught: Taught) -> Table:
    table = Table("way")
    for column in ("pictures", "patches", "marked", "ms"):
        table.add_column(column, justify="right")
    for trial in taught.trials:
        merit = trial.reading.merit
        is_chosen = trial is taught.best
        marked = "" if merit.marked is None else f"{merit.marked:.3f}"
        cells = (trial.way.in_words, f"{merit.pictures:.3f}", f"{merit.patches:.3f}", marked)
        table.add_row(*cells, f"{trial.ms:.1f}", style="bold" if is_chosen else None)
    return table
