"""`station teach presence`: complete parts and a bill of positions in, what each looks like out."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from station.cli.home import model_dirs
from station.cli.stages import PIPED_WIDTH, shown_stages
from station.teach.presence import PresenceLesson, TaughtPositions, teach_presence

STAGES = {"learning": "learning the groups of positions"}


def presence(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Complete parts in it or in ok; other states in STATE or STATE/POSITION.",
        ),
    ],
    name: Annotated[str, typer.Option(help="What is taught is called so.")],
    positions: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="The bill: a TOML file, its entries under \\[[positions]]."
        ),
    ],
    locate: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="If the part moves: what `teach locate` made, or a draft (.toml)."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Teach what must be where on a part, from one to some ten pictures of complete parts.

    Each position has a name, x, y, width and height in the taught view, and if wanted a group of
    like things, an expected state (present, absent, a variant) and shift_at_most_px. Pictures in
    absent/ or in a variant's folder show the other states, so that recipes can choose among them.
    """
    lesson = PresenceLesson(folder=folder, name=name, positions=positions, locate=locate)
    with shown_stages(STAGES) as told:
        taught = teach_presence(lesson, model_dirs(), told)
    tell(taught)
    if as_json:
        typer.echo(json.dumps(facts(taught)))


def tell(taught: TaughtPositions) -> None:
    """What was learned, and what to do next."""
    for warning in taught.warnings:
        typer.secho(f"warning: {warning}", fg="yellow")
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    typer.echo("held-out scores: OK up to 0.9, not OK from 1.1, between them a person looks")
    console.print(_table(taught))
    card = taught.card
    plural = "s" if taught.pictures > 1 else ""
    typer.echo(
        f"taught {card.reference} from {taught.pictures} picture{plural} in "
        f"{taught.seconds:.0f} s, in {taught.folder}"
    )
    typer.echo(f'next: a tool with kind = "presence", taught = "{card.name}" in the recipe')


def facts(taught: TaughtPositions) -> dict[str, object]:
    """What `--json` ends with."""
    return {
        "taught": taught.card.reference,
        "hash": taught.card.hash,
        "folder": str(taught.folder),
        "pictures": taught.pictures,
        "groups": {
            family: {
                state: {
                    "examples": one.examples,
                    "highest": round(one.highest, 4),
                    "lowest_other": None
                    if one.lowest_other is None
                    else round(one.lowest_other, 4),
                }
                for state, one in known.items()
            }
            for family, known in taught.fitted.items()
        },
        "warnings": list(taught.warnings),
    }


def _table(taught: TaughtPositions) -> Table:
    table = Table()
    for title in ("group", "state"):
        table.add_column(title, overflow="fold")
    for title in ("examples", "highest score", "lowest of other states"):
        table.add_column(title, justify="right")
    for family, known in taught.fitted.items():
        for state, one in known.items():
            other = "" if one.lowest_other is None else f"{one.lowest_other:.2f}"
            table.add_row(family, state, str(one.examples), f"{one.highest:.2f}", other)
    return table
