"""station.toml: what this station is made of."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from station.core.errors import SettingsError
from station.core.plugin import Sink, Source, explain, parse
from station.journal.pictures import KeepPolicy

_CLOSED = ConfigDict(frozen=True, extra="forbid")


def _source(value: object) -> object:
    return parse(Source, value) if isinstance(value, Mapping) else value


def _sinks(value: object) -> object:
    return tuple(parse(Sink, v) if isinstance(v, Mapping) else v for v in _as_list(value))


def _as_list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError("sinks must be a list of tables: [[sinks]]")
    return list(value)


class LineSettings(BaseModel):
    """How the line works."""

    model_config = _CLOSED

    recipe: str = Field(min_length=1, description="recipe to start with: id, folder or file")
    workers: int = Field(2, ge=1, le=64, description="frames inspected at the same time")
    queue_size: int = Field(4, ge=1, le=1000, description="frames that may wait; full: overrun")
    deadline_ms: float = Field(5000, gt=0, description="for jobs that bring none of their own")
    grab_timeout_ms: float = Field(2000, gt=0, description="a trigger without a frame: no_frame")
    autostart: bool = Field(True, description="inspect continuously from the start")


class ApiSettings(BaseModel):
    """The one door."""

    model_config = _CLOSED

    host: str = "127.0.0.1"
    port: int = Field(8470, ge=0, le=65535)
    allowed_hosts: tuple[str, ...] = Field(
        ("localhost", "127.0.0.1", "[::1]"), description="names clients may call the station by"
    )
    max_body_bytes: int = Field(32_000_000, gt=0, description="larger pictures are refused (413)")


class HmiSettings(BaseModel):
    """The operator's page."""

    model_config = _CLOSED

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(8471, ge=0, le=65535)


class StationSettings(BaseModel):
    """The whole of station.toml."""

    model_config = _CLOSED

    name: str = "station"
    line: LineSettings
    source: Annotated[Source, BeforeValidator(_source)]
    sinks: Annotated[tuple[Sink, ...], BeforeValidator(_sinks)] = ()
    journal: KeepPolicy = KeepPolicy()
    api: ApiSettings = ApiSettings()
    hmi: HmiSettings = HmiSettings()


def parse_settings(content: Mapping[str, Any], where: str) -> StationSettings:
    """The settings in a parsed station.toml.

    Raises:
        SettingsError: something is misspelt, missing or out of range.
    """
    try:
        return StationSettings.model_validate(content)
    except ValidationError as error:
        raise SettingsError(f"{where}: {explain(error, StationSettings)}") from None


def read_settings(path: Path) -> StationSettings:
    """Read a station.toml.

    Raises:
        SettingsError: it is missing, no TOML, or a setting is wrong.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error
    return parse_settings(content, str(path))
