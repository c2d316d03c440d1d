"""What `station doctor` looks at around the station: the driver of the camera, the service."""

import os
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from station.cli.looked_at import Line
from station.core.errors import StationError
from station.journal.lock import FolderLock
from station.sources.aravis.library import load

SYSTEMD = Path("/run/systemd/system")
UNIT = Path("/etc/systemd/system/station.service")


def driver(kind: str) -> Line | None:
    """What a camera of this kind needs beside the station; None: nothing."""
    look = _DRIVERS.get(kind)
    return look() if look else None


def _aravis() -> Line:
    try:
        load()
    except StationError as error:
        return Line("driver", "aravis: the library is missing", str(error))
    return Line("driver", "aravis: the library is there")


def _genicam() -> Line:
    package = _package("genicam", "harvesters")
    if not package.is_fine:
        return package
    folders = os.environ.get("GENICAM_GENTL64_PATH", "").split(os.pathsep)
    producers = [path for folder in folders if folder for path in Path(folder).glob("*.cti")]
    if producers:
        return Line("driver", f"{package.finding}, GenTL producers: {len(producers)}")
    return Line(
        "driver",
        f"{package.finding}, no GenTL producer in GENICAM_GENTL64_PATH",
        "install the camera maker's GenTL producer (a .cti file), unless the source names its own",
    )


def _basler() -> Line:
    return _package("basler", "pypylon")


def _package(kind: str, name: str) -> Line:
    try:
        return Line("driver", f"{kind}: {name} {version(name)}")
    except PackageNotFoundError:
        advice = f"install the station with the extra [{kind}], or: pip install {name}"
        return Line("driver", f"{kind}: {name} is missing", advice)


_DRIVERS: Mapping[str, Callable[[], Line]] = {
    "aravis": _aravis,
    "genicam": _genicam,
    "basler": _basler,
}


def journal(folder: Path) -> Line:
    """Whether the journal folder is free: one station writes into it."""
    if not folder.is_dir():
        return Line("journal", f"none yet; it will be made in {folder}")
    try:
        FolderLock(folder).release()
    except StationError as error:
        return Line("journal", f"{folder} cannot be used", str(error))
    return Line("journal", f"{folder} is free")


def watch() -> Line | None:
    """Whether systemd would start the station again; None where there is no systemd."""
    if not SYSTEMD.is_dir():
        return None
    if UNIT.is_file():
        return Line("service", f"{UNIT} is there")
    return Line(
        "service",
        "no systemd unit: nothing starts the station with the machine; see `station service`",
    )
