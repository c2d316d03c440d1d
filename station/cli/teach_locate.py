"""`station teach locate`: a picture of the part in, what `locate` finds it by out."""

import json
from pathlib import Path
from typing import Annotated

import typer

from station.cli.home import model_dirs
from station.core.errors import TeachError
from station.core.region import Rectangle
from station.teach.locate import LocateLesson, TaughtPart, teach_locate


def locate(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PICTURE", help="The part upright; or a folder of pictures of it, first one so."
        ),
    ],
    name: Annotated[str, typer.Option(help="What the taught part is called.")],
    region: Annotated[
        str, typer.Option(metavar="X,Y,W,H", help="The part in the first picture, in pixels.")
    ] = "",
    mask: Annotated[
        Path | None, typer.Option(help="Picture as large as the first: white where the part is.")
    ] = None,
    symmetry: Annotated[
        float | None,
        typer.Option(min=0, max=360, help="Smallest turn that changes nothing; 0: any turn."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Teach where a part is found by its edges; its view is what other tools will see.

    From several pictures only the edges that are in most of them are kept, so that neither the
    background nor what changes from part to part matters. The view is kept as reference.png.
    """
    lesson = LocateLesson(
        source=source, name=name, region=rectangle(region) if region else None, mask=mask,
        symmetry_deg=symmetry,
    )  # fmt: skip
    taught = teach_locate(lesson, model_dirs())
    tell(taught)
    if as_json:
        typer.echo(json.dumps(facts(taught)))


def rectangle(words: str) -> Rectangle:
    """A rectangle as typed: x,y,width,height.

    Raises:
        TeachError: it is none.
    """
    try:
        x, y, width, height = (float(word) for word in words.split(","))
        return Rectangle(x=x, y=y, width=width, height=height)
    except ValueError as error:
        raise TeachError(
            f"--region {words!r} is no rectangle ({error}); write x,y,width,height in pixels, "
            "as in 120,80,400,300"
        ) from None


def tell(taught: TaughtPart) -> None:
    """What was learned and how well it works."""
    for path in taught.not_found:
        typer.secho(f"warning: the part is not found in {path}; it did not serve", fg="yellow")
    used = taught.pictures - len(taught.not_found)
    plural = "s" if used > 1 else ""
    typer.echo(f"learned: {taught.points} edge points from {used} picture{plural}")
    typer.echo(f"symmetry: {_symmetry_in_words(taught.symmetry_deg)}")
    trial = taught.trial
    colour = None if trial.found == trial.tried else "yellow"
    typer.secho(
        f"finds itself turned, scaled and with noise: {trial.found} of {trial.tried}, a corner of "
        f"the view at most {trial.worst_px:.2f} px off; {trial.cpu_ms:.1f} ms of CPU a picture",
        fg=colour,
    )
    typer.echo(f"taught {taught.card.reference}, view in {taught.folder / 'reference.png'}")
    typer.echo(
        f'next: a tool with kind = "locate", taught = "{taught.card.name}" in the recipe; draw the '
        "regions of other tools on the view"
    )


def facts(taught: TaughtPart) -> dict[str, object]:
    """What `--json` ends with."""
    return {
        "taught": taught.card.reference,
        "hash": taught.card.hash,
        "folder": str(taught.folder),
        "symmetry_deg": taught.symmetry_deg,
        **taught.card.training,
    }


def _symmetry_in_words(symmetry_deg: float) -> str:
    if symmetry_deg >= 360:
        return "none, every angle is told apart"
    if symmetry_deg == 0:
        return "full, the angle is not told"
    return f"{symmetry_deg:g}°, the angle is told only up to that"
