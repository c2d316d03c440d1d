"""`station measure`: how well a recipe's measurements repeat, and how far off they are."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from station.cli.home import Camera, told_site
from station.cli.recipe_files import find_recipe
from station.core.errors import SettingsError
from station.core.frame import Frame, Job
from station.core.recipe import PreparedRecipe, prepare, read_recipe
from station.core.result import Result, ResultState
from station.inspection import inspect
from station.quality.repeatability import CAPABLE, GaugeStudy, studies
from station.vision.images import find_pictures, read_image

app = typer.Typer(help="How well measurements repeat.", no_args_is_help=True, add_completion=False)


@app.callback()
def measure() -> None:
    """How well a recipe's measurements repeat, and how far off they are."""


@app.command()
def repeatability(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file or an id.")],
    pictures: Annotated[
        Path, typer.Argument(help="Pictures of one and the same part, laid in anew each time.")
    ],
    reference: Annotated[
        list[str] | None,
        typer.Option(help="The part's true value, as in hole_diameter=4.003; for the bias."),
    ] = None,
    camera: Camera = "camera",
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Measure one part again and again: mean, standard deviation, bias, Cg and Cgk.

    A type-1 study (VDA 5, Bosch Booklet 10) on at least 10 pictures, better 50. The repeatability
    it gives belongs into the recipe, where it widens the guard band.
    """
    prepared = prepare(read_recipe(find_recipe(recipe)), told_site(camera))
    known = dict(_reference(text) for text in reference or [])
    results = list(_results(pictures, prepared, camera))
    found = studies(results, known)
    Console(soft_wrap=False).print(_table(found, prepared, len(results)))
    for line in _remarks(found, results):
        typer.echo(line)
    if as_json:
        typer.echo(json.dumps({"pictures": len(results), "studies": [*map(_as_dict, found)]}))


def _results(folder: Path, prepared: PreparedRecipe, camera: str) -> Iterator[Result]:
    paths = list(find_pictures(folder)) if folder.is_dir() else []
    if not paths:
        raise SettingsError(f"there are no pictures below {folder}")
    for number, path in enumerate(paths, 1):
        frame = Frame(
            image=read_image(path),
            camera_id=camera,
            sequence=number,
            acquired_at=datetime.now(UTC),
            origin=str(path),
        )
        yield inspect(frame, prepared, Job())


def _reference(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not equals or not math.isfinite(number):
        raise SettingsError(f"--reference {text!r} must be NAME=VALUE, as in hole_diameter=4.003")
    return name.strip(), number


def _table(found: list[GaugeStudy], prepared: PreparedRecipe, count: int) -> Table:
    recipe = prepared.recipe
    table = Table(
        title=f"{recipe.recipe_id} version {recipe.version} on {count} pictures, "
        f"{prepared.configuration_id}",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("measurement", overflow="fold")
    for heading in ("n", "mean", "", "s", "T", "bias", "Cg", "Cgk"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    table.add_column("capable", no_wrap=True)
    for study in found:
        digits = _digits(study)
        table.add_row(
            _called(study, found),
            str(study.count),
            f"{study.mean:.{digits}f}",
            study.unit,
            f"{study.deviation:.{digits}f}",
            "-" if study.tolerance is None else f"{study.tolerance:g}",
            "-" if study.bias is None else f"{study.bias:+.{digits}f}",
            *(_figure(value) for value in (study.cg, study.cgk)),
            _verdict(study),
        )
    return table


def _digits(study: GaugeStudy) -> int:
    """Places after the point that show the scatter with two figures."""
    scatter = study.deviation or abs(study.mean) * 1e-4 or 1.0
    return min(9, max(0, 1 - math.floor(math.log10(scatter))))


def _remarks(found: list[GaugeStudy], results: list[Result]) -> Iterator[str]:
    failed = [result for result in results if result.result_state is not ResultState.COMPLETED]
    if failed:
        yield f"{len(failed)} pictures could not be inspected: {failed[0].reason_text}"
    yield f"Cg = 0.2 T / 6 s, Cgk = (0.1 T - |bias|) / 3 s; capable from {CAPABLE}"
    for study in found:
        called = _called(study, found)
        if study.deviation == 0:
            yield f"{called}: all values are equal; are these copies of one picture?"
            continue
        if study.missing:
            yield f"{called}: not measured in {study.missing} pictures, so not capable"
        yield (
            f"{called}: with 95 % confidence s is at most {study.deviation_upper:.3g} {study.unit};"
            f" --set tools.{study.tool}.measurements.{study.name}.repeatability="
            f"{study.deviation_upper:.3g}"
        )


def _called(study: GaugeStudy, found: list[GaugeStudy]) -> str:
    several = any(other.part != study.part for other in found)
    return f"{study.name} of part {study.part}" if several else study.name


def _verdict(study: GaugeStudy) -> str:
    if study.is_capable is None:
        return "-"
    return "yes" if study.is_capable else "no"


def _figure(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.2f}"


def _as_dict(study: GaugeStudy) -> dict[str, object]:
    figures = {"cg": study.cg, "cgk": study.cgk, "bias": study.bias}
    return {
        "tool": study.tool,
        "name": study.name,
        "part": study.part,
        "unit": study.unit,
        "n": study.count,
        "missing": study.missing,
        "mean": study.mean,
        "s": study.deviation,
        "s_upper_95": study.deviation_upper,
        "tolerance": study.tolerance,
        **{
            name: value if value is None or math.isfinite(value) else None
            for name, value in figures.items()
        },
        "is_capable": study.is_capable,
    }
