"""`station calibrate apply`: pictures as the tools see them, to teach from."""

from pathlib import Path
from typing import Annotated

import typer

from station.cli.home import site
from station.core.configuration import Configuration
from station.core.errors import CalibrationError, StationError
from station.core.files import write_whole
from station.core.frame import Image
from station.vision.correction import corrected_image
from station.vision.images import encode_png, find_pictures, read_image


def apply(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Pictures as acquired.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the corrected ones go.")],
    camera_id: Annotated[str, typer.Option(help="Whose calibration.")] = "camera",
) -> None:
    """Write corrected copies (PNG, same names and folders) of the pictures below DIR.

    For teaching from them, and for drawing regions. Inspect and qualify with the pictures as they
    were acquired: there the correction is applied anyway.
    """
    configuration = site(camera_id).configuration
    if not configuration.corrects_pixels:
        raise CalibrationError(f"the calibration of {camera_id} corrects no pixels")
    if out.resolve().is_relative_to(folder.resolve()):
        raise CalibrationError(f"{out} lies in {folder}; write the copies elsewhere")
    paths = list(find_pictures(folder))
    for path in paths:
        image = _corrected(path, configuration)
        copy = (out / path.relative_to(folder)).with_suffix(".png")
        write_whole(copy, encode_png(image), durable=False)
    typer.echo(f"{len(paths)} pictures corrected with {configuration.configuration_id}, in {out}")


def _corrected(path: Path, configuration: Configuration) -> Image:
    image = read_image(path)
    try:
        return corrected_image(image, configuration)
    except StationError as error:
        raise type(error)(f"{path}: {error}") from error
