"""Where things lie: the station's home folder, and what ships with the program."""

import os
from pathlib import Path

import station
from station.core.configuration import Configuration, load_configuration
from station.core.errors import SettingsError
from station.core.plugin import Site


def home() -> Path:
    """The folder the station's own files live in: `STATION_HOME`, or the present folder."""
    return Path(os.environ.get("STATION_HOME", ".")).absolute()


def shipped() -> Path:
    """The folder with the shipped `models`, `sample_images` and `calibration`: the checkout."""
    return Path(station.__file__).parent.parent


def model_dirs() -> tuple[Path, ...]:
    """Where models are looked for: the station's own first, then the shipped ones."""
    return tuple(dict.fromkeys((home() / "models", shipped() / "models")))


def site(camera_id: str = "camera") -> Site:
    """This station as tools see it, with the Configuration of one camera; identity without one.

    Raises:
        SettingsError: the Configuration file is wrong, or another camera's.
    """
    for folder in dict.fromkeys((home() / "calibration", shipped() / "calibration")):
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
