"""`station recipe teach-health`: the bands a picture must lie in to be judged at all."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from station.cli.home import Camera, told_site
from station.cli.recipe_files import find_recipe, own_recipe_path
from station.cli.recipe_versions import after_latest, keep_earlier
from station.core.errors import TeachError
from station.core.plugin import Site
from station.core.reasons import GOOD_CLASSES
from station.core.recipe import HealthLimits, Recipe, prepare, read_unsealed, write_recipe
from station.teach import health
from station.vision.images import find_pictures

_MEASURES = (
    ("mean", "mean grey", "mean_at_least", "mean_at_most"),
    ("contrast", "contrast", "contrast_at_least", None),
    ("dark_share", "share of black", None, "dark_share_at_most"),
    ("saturated_share", "share of white", None, "saturated_share_at_most"),
    ("sharpness", "sharpness", "sharpness_at_least", None),
    ("noise", "noise", None, "noise_at_most"),
    ("repeated_rows", "share of equal rows", None, "repeated_rows_at_most"),
    ("tear", "jump in a row", None, "tear_at_most"),
)
"""Measure, its name in words, its lower and its upper limit."""


def teach_health(
    which: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file or an id.")],
    pictures: Annotated[
        Path, typer.Argument(help="Good pictures of a shift; only its ok/ or good/ if it has one.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write here and not to recipes/NAME.json.")
    ] = None,
    camera: Camera = "camera",
) -> None:
    """Teach a recipe what fit pictures look like: light, focus, noise, whole frames.

    Measures good pictures, sets every band beyond what was seen, and writes the recipe's next
    version. A picture outside of a band is FAILED, never OK.
    """
    recipe = read_unsealed(find_recipe(which))[0]
    folder = _good_folder(pictures)
    taught = health.teach_health(tuple(find_pictures(folder)))
    path = out or own_recipe_path(recipe.recipe_id)
    changed = recipe.model_copy(update={"health": taught.limits})
    written = _write(changed, path, told_site(camera))
    console = Console(soft_wrap=False)
    console.print(_table(taught, folder))
    for line in _remarks(taught):
        typer.echo(line)
    typer.echo(f"{path}: {written.recipe_id} version {written.version}, hash {written.hash[:12]}")


def shown_bands(limits: HealthLimits) -> str:
    """The bands of a recipe in one line."""
    words = [_band(limits, low, high, name) for _, name, low, high in _MEASURES]
    size = [f"{limits.width_px or 'any'} x {limits.height_px or 'any'} px"]
    asked = size if limits.width_px or limits.height_px else []
    return ", ".join([*asked, *(word for word in words if word)])


def _write(recipe: Recipe, path: Path, place: Site) -> Recipe:
    following = after_latest(recipe, path)
    prepare(following, place)
    keep_earlier(path)
    write_recipe(following, path)
    return following


def _good_folder(pictures: Path) -> Path:
    if not pictures.is_dir():
        raise TeachError(f"{pictures} is no folder; give one with good pictures")
    inner = sorted(path for path in pictures.iterdir() if path.name.lower() in GOOD_CLASSES)
    return inner[0] if inner else pictures


def _table(taught: health.Taught, folder: Path) -> Table:
    table = Table(title=f"{len(taught.seen)} pictures of {folder}")
    for name in ("measure", "lowest", "median", "highest", "band"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    table.add_column("set by", overflow="fold")
    table.add_row("size", "", "", "", _size(taught.limits), "")
    for name, words, low, high in _MEASURES:
        ordered = sorted(taught.seen, key=lambda one: float(getattr(one, name)))
        values = [float(getattr(one, name)) for one in ordered]
        ends = [ordered[0]] * (low is not None) + [ordered[-1]] * (high is not None)
        band = _band(taught.limits, low, high) or "none"
        table.add_row(words, *_numbers(values), band, ", ".join(one.path.name for one in ends))
    return table


def _numbers(values: Sequence[float]) -> tuple[str, str, str]:
    return f"{values[0]:.4g}", f"{median(values):.4g}", f"{values[-1]:.4g}"


def _size(limits: HealthLimits) -> str:
    size = f"{limits.width_px or 'any'} x {limits.height_px or 'any'}"
    return f"{size}, {limits.channels or 'any number of'} channel(s)"


def _band(limits: HealthLimits, low: str | None, high: str | None, name: str = "") -> str:
    """A band in words; empty where the recipe has none."""
    least = getattr(limits, low) if low else None
    most = getattr(limits, high) if high else None
    ends = (("from", least), ("to", most))
    words = [f"{word} {limit:.4g}" for word, limit in ends if limit is not None]
    return f"{name} {' '.join(words)}".strip() if words else ""


def _remarks(taught: health.Taught) -> list[str]:
    odd = taught.held_out_faults
    lines = [f"held out: {len(odd)} of {len(taught.seen) + len(odd)} would have failed"]
    lines += [f"  unlike all others, so left out of the bands: {fault}" for fault in odd]
    if taught.widening > 1:
        lines.append(f"margins widened {taught.widening:g} times, for the pictures differ much")
    if taught.limits.sharpness_at_least is None:
        lines.append("no band for sharpness: a good picture shows no edges to see focus by")
    if taught.limits.width_px is None or taught.limits.height_px is None:
        lines.append("no band for the size: the pictures have several")
    if len(taught.seen) < 20:
        lines.append("from 20 pictures on, taken over a shift, the bands are worth more")
    return lines
