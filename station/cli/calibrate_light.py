"""`station calibrate flat` and `station calibrate colour`: light and colours alike everywhere."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from rich.table import Table

from station.cli.calibration_files import (
    DueDays,
    Overdue,
    found_configuration,
    keep_step,
    show,
    warn,
)
from station.cli.calibration_shots import (
    STATION_TOML,
    Camera,
    CameraId,
    Folder,
    Origin,
    Seconds,
    Settings,
    SourceOf,
    one_size,
)
from station.core.errors import CalibrationError
from station.core.frame import Image
from station.vision.calibrating.colour import ColourFit, fit_colour
from station.vision.calibrating.colour_card import SRGB, CardView, find_card, read_values
from station.vision.calibrating.flat import FlatFit, fit_flat
from station.vision.correction import corrected_image


def flat(
    folder: Folder = None,
    camera: Camera = False,
    settings: Settings = STATION_TOML,
    source: SourceOf = None,
    camera_id: CameraId = None,
    pictures: Annotated[int, typer.Option(min=1, help="With --camera: how many of each.")] = 8,
    seconds: Seconds = 60,
    without_dark: Annotated[
        bool, typer.Option("--without-dark", help="Take the dark level as 0.")
    ] = False,
    due_days: DueDays = 365,
    when_overdue: Overdue = None,
) -> None:
    """Even out the light: DIR/bright of a blank, even surface, DIR/dark of a covered lens.

    Several pictures of each are averaged. Exposure, aperture, light and the place of the lamp must
    stay as they are from now on.
    """
    origin = Origin.of(folder, camera, settings, source, camera_id, seconds)
    before = found_configuration(origin.camera_id)
    dark = [] if without_dark else _dark(origin, pictures)
    if origin.source:
        _ask_for("put a blank, even surface before the lens (out of focus is best)")
    bright = origin.within("bright").pictures("bright", pictures)
    size = one_size([*bright, *dark])
    fit = fit_flat([image for _, image in bright], [image for _, image in dark])
    _tell_flat(fit)
    keep_step(
        before, "flat", fit.flat, size=size, due_days=due_days, when_overdue=when_overdue
    )  # fmt: skip


def colour(
    folder: Folder = None,
    camera: Camera = False,
    settings: Settings = STATION_TOML,
    source: SourceOf = None,
    camera_id: CameraId = None,
    pictures: Annotated[int, typer.Option(min=1, help="With --camera: how many pictures.")] = 5,
    seconds: Seconds = 60,
    encoding: Annotated[
        Literal["srgb", "linear"],
        typer.Option(help="linear: the camera's values are proportional to light (gamma 1)."),
    ] = "srgb",
    values: Annotated[
        Path | None, typer.Option(help="CSV patch,r,g,b: the card's colours as measured, sRGB.")
    ] = None,
    due_days: DueDays = 365,
    when_overdue: Overdue = None,
) -> None:
    """White balance and colour matrix from pictures of the card `station calibrate target` prints.

    Calibrate the flat field first: a card lit unevenly teaches wrong colours.
    """
    origin = Origin.of(folder, camera, settings, source, camera_id, seconds)
    before = found_configuration(origin.camera_id)
    reference = read_values(values) if values else np.array(SRGB, np.float64)
    shots = origin.pictures("colour", pictures, _judge)
    one_size(shots)
    light = before.model_copy(update={"lens": None, "colour": None, "plane": None})
    views: list[CardView] = []
    for name, image in shots:
        view = find_card(corrected_image(image, light))
        if view is None:
            warn(f"{name}: the card's four markers are not all seen")
        else:
            views.append(view)
    fit = fit_colour(views, reference, encoding)
    _tell_colour(fit)
    if before.flat_field is None:
        warn("there is no flat field: uneven light goes into the colours; station calibrate flat")
    keep_step(before, "colour", fit.colour, due_days=due_days, when_overdue=when_overdue)


def _dark(origin: Origin, count: int) -> list[tuple[str, Image]]:
    place = origin.within("dark")
    if place.folder is not None and not place.folder.is_dir():
        return []
    if origin.source:
        _ask_for("cover the lens")
    return place.pictures("dark", count)


def _ask_for(words: str) -> None:
    """Wait for a person, if there is one."""
    if sys.stdin.isatty():
        typer.prompt(f"{words}, then press Enter", default="", show_default=False)


def _judge(image: Image) -> str:
    try:
        return "" if find_card(image) else "the card's four markers are not all seen"
    except CalibrationError as error:
        return str(error)


def _tell_flat(fit: FlatFit) -> None:
    tried = "a picture held out" if fit.is_held_out else "a picture the fit has seen"
    typer.echo(
        f"brightest less darkest place, of the mean: {fit.uneven_before:.1%} before, "
        f"{fit.uneven_after:.1%} after, on {tried}; dark level {fit.dark_level:.1f}, "
        f"{len(fit.flat.defect_pixels)} defect pixels"
    )
    for words in fit.warnings:
        warn(words)


def _tell_colour(fit: ColourFit) -> None:
    table = Table()
    for column in ("patch", "before", "after"):
        table.add_column(column, justify="right")
    for number, (before, after) in enumerate(zip(fit.before, fit.after, strict=True), 1):
        if np.isnan(before):
            table.add_row(str(number), "saturated", "-")
        else:
            table.add_row(str(number), f"{before:.1f}", f"{after:.1f}")
    show("colour difference of each patch (CIEDE2000)", table)
    found = fit.colour
    gains = ", ".join(f"{gain:.3f}" for gain in found.gains)
    typer.echo(
        f"mean difference {found.delta_e_before:.2f} before, {found.delta_e_after:.2f} after, "
        f"{found.delta_e_held_out:.2f} on patches held out; gains of R G B: {gains}"
    )
    for words in fit.warnings:
        warn(words)
