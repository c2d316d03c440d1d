"""`station teach colour`: pictures of good parts in, their colours and limits out."""

import json
from pathlib import Path
from typing import Annotated

import typer

from station.cli.home import model_dirs
from station.cli.teach_locate import rectangle
from station.teach.colour import TOLERANCE, ColourLesson, TaughtColour, teach_colour
from station.teach.part_views import pictures_at


def colour(
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="Pictures of good parts; or one picture.")
    ],
    name: Annotated[str, typer.Option(help="What the taught colours are called.")],
    locate: Annotated[
        str, typer.Option(help="What `teach locate` made: the part's view is looked at.")
    ] = "",
    region: Annotated[
        str, typer.Option(metavar="X,Y,W,H", help="Where to look, in pixels of the view.")
    ] = "",
    patch: Annotated[
        str,
        typer.Option(
            metavar="X,Y,W,H",
            help="Where the view shows the colour whose area counts. [default: the most usual]",
        ),
    ] = "",
    tolerance: Annotated[
        float, typer.Option(min=0.5, max=50, help="CIEDE2000 up to which it is that colour still.")
    ] = TOLERANCE,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Teach the colours of good parts: their mean, how they are mixed, the area of one of them.

    Limits come from the good parts: each is judged by the others. One part is enough for limits
    that only allow for drifting lamps.
    """
    lesson = ColourLesson(
        pictures=tuple(pictures_at(source)),
        name=name,
        locate=locate,
        region=rectangle(region) if region else None,
        patch=rectangle(patch) if patch else None,
        tolerance=tolerance,
    )
    taught = teach_colour(lesson, model_dirs())
    tell(taught)
    if as_json:
        typer.echo(json.dumps(facts(taught)))


def tell(taught: TaughtColour) -> None:
    """What was learned, in CIELAB, and the limits."""
    limits = taught.limits
    least, most = taught.shares
    typer.echo(f"learned from {taught.parts} good part(s): mean {_words(taught.mean)}")
    typer.echo(f"limits: mean up to {limits.delta_e_at_most:.2f} (CIEDE2000) away,")
    typer.echo(f"  histogram up to {limits.histogram_at_most:.2f} away,")
    typer.echo(
        f"  {limits.share_at_least:.1%} to {limits.share_at_most:.1%} of the area within "
        f"{limits.tolerance:g} of {_words(taught.colour)}"
    )
    typer.echo(f"  (good parts: {least:.1%} to {most:.1%})")
    typer.echo(f"taught {taught.card.reference} in {taught.folder}")
    typer.echo(f'next: a tool with kind = "colour", taught = "{taught.card.name}" in the recipe')


def facts(taught: TaughtColour) -> dict[str, object]:
    """What `--json` ends with."""
    return {
        "taught": taught.card.reference,
        "hash": taught.card.hash,
        "folder": str(taught.folder),
        **taught.card.settings,
        **taught.card.training,
    }


def _words(lab: tuple[float, float, float]) -> str:
    lightness, a, b = lab
    return f"L* {lightness:.1f} a* {a:.1f} b* {b:.1f}"
