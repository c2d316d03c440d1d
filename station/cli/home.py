"""Where things lie: the station's home folder, and what ships with the program."""

import os
from pathlib import Path
from typing import Annotated

import typer

import station
from station.core.configuration import Configuration, load_configuration
from station.core.errors import SettingsError
from station.core.plugin import Site

Camera = Annotated[
    str, typer.Option("--camera", metavar="ID", help="Whose calibration the pictures are from.")
]


def home() -> Path:
    """The folder the station's own files live in: `STATION_HOME`, or the present folder."""
    return Path(os.environ.get("STATION_HOME", ".")).absolute()


def shipped() -> Path:
    """The folder with the shipped `models`, `sample_images` and `calibration`: the checkout."""
    return Path(station.__file__).parent.parent


def model_dirs() -> tuple[Path, ...]:
    """Where models are looked for: the station's own first, then the shipped ones."""
    return tuple(dict.fromkeys((home() / "models", shipped() / "models")))


def correcting_cameras() -> list[str]:
    """Every camera whose calibration changes pictures before tools see them.

    Raises:
        SettingsError: a Configuration file is wrong.
    """
    return [name for name in _calibrated() if site(name).configuration.corrects_pixels]


def calibration_dirs() -> tuple[Path, ...]:
    """Where Configurations are looked for: the station's own first, then the shipped ones."""
    return tuple(dict.fromkeys((home() / "calibration", shipped() / "calibration")))


def told_site(camera_id: str) -> Site:
    """The same as `site`, and on stderr whose calibration is used, or that another's is not.

    Raises:
        SettingsError: as `site`.
    """
    found = site(camera_id)
    if found.configuration != Configuration(camera_id=camera_id):
        typer.echo(f"calibration of camera {camera_id!r}: {found.configuration.in_words}", err=True)
        return found
    try:
        others = _calibrated()
    except SettingsError as error:  # of another camera: no reason to stop for this one
        others = [f"others, one of them broken ({error})"]
    if others:
        typer.secho(
            f"warning: camera {camera_id!r} is not calibrated, so nothing is corrected and nothing "
            f"is in mm; there are calibrations of {', '.join(others)}: say --camera ID",
            fg="yellow",
            err=True,
        )
    return found


def site(camera_id: str = "camera") -> Site:
    """This station as tools see it, with the Configuration of one camera; identity without one.

    Raises:
        SettingsError: the Configuration file is wrong, or another camera's.
    """
    for folder in calibration_dirs():
        path = folder / f"{camera_id}.json"
        if path.is_file():
            found = load_configuration(path)
            if found.camera_id != camera_id:
                raise SettingsError(
                    f"configuration {path} is of camera {found.camera_id!r}: another camera's "
                    "calibration proves nothing for this one; calibrate it"
                )
            return Site(model_dirs=model_dirs(), configuration=found)
    return Site(model_dirs=model_dirs(), configuration=Configuration(camera_id=camera_id))


def _calibrated() -> list[str]:
    """Every camera there is a Configuration of that is not the identity."""
    paths = (path for folder in calibration_dirs() for path in folder.glob("*.json"))
    names = sorted({path.stem for path in paths if not path.stem.endswith(".schema")})
    return [name for name in names if site(name).configuration != Configuration(camera_id=name)]
