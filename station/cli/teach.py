"""`station teach`: pictures in, model out."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from station.cli.home import correcting_cameras, model_dirs
from station.cli.stages import PIPED_WIDTH, shown_stages
from station.cli.teach_anomaly import anomaly
from station.cli.teach_colour import colour
from station.cli.teach_compare import compare
from station.cli.teach_locate import locate
from station.cli.teach_more import SeveralAfterOption, more
from station.cli.teach_presence import presence
from station.teach.classify import Lesson, Taught, teach_classifier
from station.teach.figures import Figures, Rate

STAGES = {
    "looking": "looking at the pictures",
    "learning": "learning",
    "proving": "proving the model",
}

app = typer.Typer(
    help="Teach models on your own pictures.", no_args_is_help=True, add_completion=False
)


app.command()(anomaly)
app.command()(colour)
app.command()(compare)
app.command()(locate)
app.command(cls=SeveralAfterOption)(more)
app.command()(presence)


@app.callback()
def teach() -> None:
    """Teach models on your own pictures."""
    for camera_id in correcting_cameras():
        typer.secho(
            f"warning: the calibration of camera {camera_id!r} corrects pictures before tools see "
            "them, and teaching takes pictures as they lie on the disk: for that camera teach from "
            f"corrected ones (station calibrate apply DIR OUT --camera-id {camera_id})",
            fg="yellow",
            err=True,
        )


@app.command()
def classify(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Holds one folder of pictures for each class.")
    ],
    name: Annotated[str, typer.Option(help="What the model is called.")],
    features: Annotated[
        str, typer.Option(help="Feature net: ocr, a name below models/features, or a .onnx file.")
    ] = "ocr",
    folds: Annotated[int, typer.Option(min=2, max=20, help="Parts for held-out figures.")] = 5,
    seed: Annotated[int, typer.Option(help="How the pictures are parted.")] = 0,
    size: Annotated[
        int | None, typer.Option(min=64, max=1024, help="Edge of the input in px. [default: 224]")
    ] = None,
    fit: Annotated[
        Literal["auto", "stretch", "letterbox"],
        typer.Option(help="How pictures come to the input's shape."),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Teach a classifier on DIR/<class>/…, with ok or good as the class of good parts.

    The other folders' names become the reason codes. The model is kept as the next version in
    models/NAME; earlier versions stay.
    """
    lesson = Lesson(
        root=folder,
        name=name,
        features=features,
        folds=folds,
        seed=seed,
        size_px=size,
        fit=None if fit == "auto" else fit,
    )
    taught = _taught(lesson)
    _tell(taught)
    if as_json:
        typer.echo(json.dumps(facts(taught)))


def _taught(lesson: Lesson) -> Taught:
    with shown_stages(STAGES) as progress:
        return teach_classifier(lesson, model_dirs(), progress)


def facts(taught: Taught) -> dict[str, JsonValue]:
    """What `--json` ends with."""
    figures = taught.figures
    limits = taught.card.limits
    return {
        "model": taught.card.reference,
        "sha256": taught.card.sha256,
        "folder": str(taught.folder),
        "pictures": dict(taught.pictures),
        "broken": len(taught.broken),
        "accuracy": _fact(figures.right),
        "class_accuracy": _fact(figures.class_right),
        "escape": _fact(figures.escapes),
        "overkill": _fact(figures.overkill),
        "not_decidable": _fact(figures.undecided),
        "accept_limit": limits.accept_limit if limits else None,
        "reject_limit": limits.reject_limit if limits else None,
        "size_bytes": taught.size_bytes,
        "ms_per_picture": round(taught.ms_per_picture, 2),
        "seconds": round(taught.seconds, 2),
        "warnings": list(taught.warnings),
    }


def _fact(rate: Rate | None) -> dict[str, JsonValue] | None:
    return rate.as_facts() if rate else None


def _tell(taught: Taught) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for warning in taught.warnings:
        typer.secho(f"warning: {warning}", fg="yellow")
    for broken in taught.broken[:5]:
        typer.secho(f"  left out: {broken}", fg="yellow")
    typer.echo("held-out pictures: what each class (row) was taken for (column)")
    console.print(_table(taught.figures))
    for line in in_words(taught.figures):
        typer.echo(line)
    card = taught.card
    if card.limits and card.good_class is not None:
        typer.echo(
            f"limits: OK up to a score of {card.limits.accept_limit:.3g}, "
            f"not OK from {card.limits.reject_limit:.3g}, between them a person looks"
        )
    typer.echo(
        f"model {card.reference}: {taught.size_bytes / 1e6:.2f} MB, "
        f"{taught.ms_per_picture:.1f} ms of CPU a picture, "
        f"taught in {taught.seconds:.0f} s, in {taught.folder}"
    )
    typer.echo(f"next: station inspect FOLDER --model {card.name}")


def in_words(figures: Figures) -> list[str]:
    """The held-out figures as sentences."""
    right = figures.right
    if figures.escapes is None or figures.overkill is None or figures.undecided is None:
        return [_sentence(right, "pictures named right:")]
    escapes, overkill, undecided = figures.escapes, figures.overkill, figures.undecided
    return [
        _sentence(escapes, "bad parts would have passed: escape rate"),
        _sentence(overkill, "good parts would have been rejected: overkill"),
        _sentence(undecided, "parts would have gone to a person:"),
        _sentence(right, "parts decided right:"),
    ]


def _sentence(rate: Rate, what: str) -> str:
    return f"{rate.count} of {rate.total} {what} {rate.in_words}"


def _table(figures: Figures) -> Table:
    table = Table()
    table.add_column("class", overflow="fold")
    answers = (*figures.classes, "a person looks")
    columns = list(range(len(answers) if figures.undecided else len(figures.classes)))
    for column in columns:
        table.add_column(answers[column], justify="right", overflow="fold")
    for row, name in enumerate(figures.classes):
        counts = figures.confusion[row]
        table.add_row(name, *(str(counts[column] or "") for column in columns))
    return table
