"""What a station's settings need of the system that a closed service does not have by itself."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from station.line.settings import StationSettings

FIRST_FREE_PORT = 1024
"""Ports below it are the system's; who binds one needs CAP_NET_BIND_SERVICE."""
SYSTEM_FOLDERS = tuple(map(Path, ("/usr", "/boot", "/efi", "/etc")))
"""Read from, a certificate for example, and never opened for writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Folders outside the station's own, ports of the system, packets past the network stack."""

    folders: tuple[Path, ...] = ()
    uses_low_port: bool = False
    uses_packet_socket: bool = False


def needs_of(settings: StationSettings, home: Path) -> Needs:
    """What these settings need of a service whose station lies in `home`."""
    paths = [
        home / value
        for plugin in (settings.source, *settings.sinks)
        for _, value in _values(plugin)
        if isinstance(value, Path)
    ]
    doors = (settings.plc, settings.api, settings.hmi, settings.source)
    return Needs(
        folders=tuple(sorted({folder for path in paths if (folder := _outside(path, home))})),
        uses_low_port=any(0 < port < FIRST_FREE_PORT for door in doors for port in _ports(door)),
        uses_packet_socket=("packet_socket", True) in _values(settings.source),
    )


def _outside(path: Path, home: Path) -> Path | None:
    """The folder to write to for this path; None: it need not be named."""
    path = path.resolve()
    folder = path.parent if _is_file(path) else path
    known = (home.resolve(), *SYSTEM_FOLDERS)
    is_known = any(folder.is_relative_to(one) for one in known) or folder == Path(folder.anchor)
    return None if is_known else folder


def _is_file(path: Path) -> bool:
    """Whether a setting means a file: by its name where nothing is there, or nobody may look."""
    with suppress(OSError):
        if path.exists():
            return not path.is_dir()
    return bool(path.suffix)


def _ports(door: BaseModel) -> Iterator[int]:
    if getattr(door, "enabled", True):
        for name, value in _values(door):
            if isinstance(value, int) and name.endswith(("port", "ports")):
                yield value


def _values(settings: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every single value, however deep it lies, under the name of its field."""
    if isinstance(settings, BaseModel):
        for field in type(settings).model_fields:
            yield from _values(getattr(settings, field), field)
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from _values(value, name)
    elif isinstance(settings, tuple | list | set | frozenset):
        for value in settings:
            yield from _values(value, name)
    else:
        yield name, settings
