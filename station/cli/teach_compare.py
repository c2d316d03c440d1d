"""`station teach compare`: pictures of good parts in, a golden template out."""

import json
from pathlib import Path
from typing import Annotated

import typer

from station.cli.home import model_dirs
from station.cli.teach_locate import rectangle
from station.teach.compare import CompareLesson, TaughtCompare, teach_compare
from station.teach.part_views import pictures_at


def compare(
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="Pictures of good parts; or one picture.")
    ],
    name: Annotated[str, typer.Option(help="What the template is called.")],
    locate: Annotated[
        str, typer.Option(help="What `teach locate` made: the part's view is compared.")
    ] = "",
    region: Annotated[
        str, typer.Option(metavar="X,Y,W,H", help="What is compared, in pixels of the view.")
    ] = "",
    ignore: Annotated[
        Path | None,
        typer.Option(help="Picture as large as the view or region: white where nobody looks."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Teach a golden template: what each pixel of a good part may look like.

    One good part is enough; from several, what differs between them is tolerated where it differs.
    The mean is kept as reference.png: a mask for --ignore is best painted on it.
    """
    lesson = CompareLesson(
        pictures=tuple(pictures_at(source)),
        name=name,
        locate=locate,
        region=rectangle(region) if region else None,
        ignore=ignore,
    )
    taught = teach_compare(lesson, model_dirs())
    tell(taught)
    if as_json:
        typer.echo(json.dumps(facts(taught)))


def tell(taught: TaughtCompare) -> None:
    """What was learned, and how good parts fare that were left out."""
    wide, tall = taught.size
    typer.echo(f"learned: {wide} x {tall} px from {taught.parts} good part(s)")
    if taught.held_out:
        count = len(taught.held_out_rejected)
        typer.secho(
            f"good parts left out in turn that would not have passed: {count} of {taught.held_out}",
            fg="yellow" if count else None,
        )
    else:
        typer.echo("with three good parts or more, each is left out in turn and tried")
    for name in taught.held_out_rejected:
        typer.secho(
            f"  look at {name}: is it good? more good parts widen the tolerance", fg="yellow"
        )
    typer.echo(f"taught {taught.card.reference}, mean in {taught.folder / 'reference.png'}")
    typer.echo(f'next: a tool with kind = "compare", taught = "{taught.card.name}" in the recipe')


def facts(taught: TaughtCompare) -> dict[str, object]:
    """What `--json` ends with."""
    return {
        "taught": taught.card.reference,
        "hash": taught.card.hash,
        "folder": str(taught.folder),
        "size_px": list(taught.size),
        "held_out": taught.held_out,
        **taught.card.training,
    }
