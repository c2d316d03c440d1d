"""What `station doctor` looks at around the station: the driver of the camera, the service."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from station.cli.looked_at import Line
from station.core.errors import StationError
from station.journal.lock import FolderLock
from station.line.self_trigger import empty_scene
from station.line.settings import LineSettings
from station.sources.aravis.library import load
from station.sources.genicam.producer import producer_files

SYSTEMD = Path("/run/systemd/system")
UNIT = Path("/etc/systemd/system/station.service")


def driver(kind: str, producer: str | None = None) -> Line | None:
    """What a camera of this kind needs beside the station; None: nothing."""
    match kind:
        case "aravis":
            return _aravis()
        case "genicam":
            return _genicam(producer)
        case "basler":
            return _package("basler", "pypylon")
    return None


def _aravis() -> Line:
    try:
        load()
    except StationError as error:
        return Line("driver", "aravis: the library is missing", str(error))
    return Line("driver", "aravis: the library is there")


def _genicam(producer: str | None) -> Line:
    package = _package("genicam", "harvesters")
    if not package.is_fine:
        return package
    try:
        files = producer_files(producer)
    except StationError as error:
        return Line("driver", f"{package.finding}, no GenTL producer", str(error))
    return Line("driver", f"{package.finding}, GenTL producers: {len(files)}")


def _package(kind: str, name: str) -> Line:
    try:
        return Line("driver", f"{kind}: {name} {version(name)}")
    except PackageNotFoundError:
        advice = f"install the station with the extra [{kind}], or: pip install {name}"
        return Line("driver", f"{kind}: {name} is missing", advice)


def journal(folder: Path) -> Line:
    """Whether the journal folder is free: one station writes into it."""
    if not folder.is_dir():
        return Line("journal", f"none yet; it will be made in {folder}")
    try:
        FolderLock(folder).release()
    except StationError as error:
        return Line("journal", f"{folder} cannot be used", str(error))
    return Line("journal", f"{folder} is free")


def self_trigger(line: LineSettings) -> Line | None:
    """Whether a camera that triggers itself knows the place without a part."""
    if line.trigger_mode != "self":
        return None
    try:
        empty = empty_scene(line)
    except StationError as error:
        return Line("trigger", "self", str(error))
    if empty is None:
        return Line(
            "trigger",
            "self: what the camera shows first is taken for the place without a part",
            "give a picture of it: line.self_trigger.empty_scene",
        )
    return Line("trigger", f"self: without a part it looks like {line.self_trigger.empty_scene}")


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
