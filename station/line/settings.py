"""station.toml: what this station is made of."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from station.core.errors import SettingsError
from station.core.plugin import Sink, Source, explain, parse
from station.journal.pictures import KeepPolicy
from station.line.fitting import misfit
from station.line.priority import Priority

LONGEST_IN_THREAD_S = 2.5
_CLOSED = ConfigDict(frozen=True, extra="forbid")


def _source(value: object) -> object:
    return parse(Source, value) if isinstance(value, Mapping) else value


def _sinks(value: object) -> object:
    sinks = tuple(parse(Sink, v) if isinstance(v, Mapping) else v for v in _as_list(value))
    names = [sink.outlet_name for sink in sinks if isinstance(sink, Sink)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two sinks are called {twice[0]!r}: give each a name of its own")
    return sinks


def _as_list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError("sinks must be a list of tables: [[sinks]]")
    return list(value)


class SelfTrigger(BaseModel):
    """When a part seen by the camera itself is inspected: there, still and sharp, once a part."""

    model_config = _CLOSED

    x: int = Field(0, ge=0, description="left edge of the watched region, px")
    y: int = Field(0, ge=0, description="its upper edge, px")
    width: int | None = Field(None, ge=8, description="px; none: to the edge of the image")
    height: int | None = Field(None, ge=8, description="px; none: to the edge of the image")
    empty_scene: Path | None = Field(
        None, description="picture of this camera without a part; none: what it shows first"
    )
    change_at_least: float = Field(
        12.0, gt=0, le=255, description="mean grey difference from the empty scene: a part is there"
    )
    motion_at_most: float = Field(
        2.0, gt=0, le=255, description="mean grey difference between two frames: it stands still"
    )
    sharpness_at_least: float = Field(0.0, ge=0, le=1, description="see `health`; 0: not asked")
    still_frames: int = Field(2, ge=1, le=100, description="so many frames in a row")


class LineSettings(BaseModel):
    """How the line works."""

    model_config = _CLOSED

    recipe: str = Field(
        min_length=1, description="recipe to start with: id, folder or file", examples=["ring"]
    )
    workers: int = Field(2, ge=1, le=64, description="frames inspected at the same time")
    queue_size: int = Field(4, ge=1, le=1000, description="frames that may wait; full: overrun")
    deadline_ms: float = Field(
        5000, gt=0, le=600_000, description="then a part is `late`; for jobs that bring none"
    )
    grab_timeout_ms: float = Field(
        2000, gt=0, le=600_000, description="a trigger without a frame: no_frame"
    )
    autostart: bool = Field(True, description="begin to inspect at the start, without a command")
    trigger_mode: Literal["continuous", "software", "hardware", "self"] = Field(
        "continuous",
        description="continuous: every frame is a part; software: API and PLC trigger; hardware: "
        "the camera is triggered, a frame it lost is a part too; self: see line.self_trigger",
    )
    self_trigger: SelfTrigger = SelfTrigger()
    isolation: Literal["process", "thread"] = Field(
        "process", description="process: a crash or hang in a look costs a worker, not the line"
    )
    priority: Priority = Field(
        Priority.HIGH,
        description="against other programs of this PC, where the system permits it: normal, "
        "high, or realtime (a line that is overloaded then leaves them next to nothing)",
    )
    exposure_within_ms: float = Field(
        1000,
        gt=0,
        le=600_000,
        description="a trigger the camera was too busy for so long gets no_frame",
    )
    stall_s: float = Field(
        2.5, gt=0, le=60, description="a worker silent for so long is ended: worker_lost"
    )
    duplicate_window_s: float = Field(
        30.0, ge=0, description="the same part id again within it gets the stored answer; 0: never"
    )
    reject_window: int = Field(
        100, ge=0, description="parts between trigger and gate: so many lost triggers are answered"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.isolation == "thread" and self.stall_s > LONGEST_IN_THREAD_S:
            raise ValueError(
                f'stall_s is {self.stall_s:g}, and with isolation = "thread" at most '
                f"{LONGEST_IN_THREAD_S:g}: a thread that looks gives no sign of life, and a line "
                'without one for 3 s is ended; use isolation = "process" for looks that take longer'
            )
        return self


class AlarmSettings(BaseModel):
    """When parts that were not judged ask for the line to be stopped; defects never do."""

    model_config = _CLOSED

    unjudged_in_row: int = Field(5, ge=0, description="so many in a row; 0: never")
    unjudged_of_100: int = Field(20, ge=0, le=100, description="so many of the last 100; 0: never")


class PlcSettings(BaseModel):
    """The doors for controllers."""

    model_config = _CLOSED

    enabled: bool = Field(True, description="false: no door for controllers is opened")
    host: str = Field(
        "127.0.0.1",
        description="the station's address in the PLC's network; there is no password, so whoever "
        "reaches the ports can trigger parts",
    )
    port: int = Field(8472, ge=0, le=65535, description="HTTP; see station/api/plc/contract.md")
    modbus_port: int | None = Field(None, ge=0, le=65535, description="Modbus TCP; none: off")
    ascii_port: int | None = Field(None, ge=0, le=65535, description="ASCII over TCP; none: off")
    recipes: dict[Annotated[int, Field(ge=1, le=65535)], str] = Field(
        default_factory=dict, description='number a PLC may ask for -> recipe_id: { 1 = "ring" }'
    )


class ApiSettings(BaseModel):
    """The API; the operator's page asks it, too."""

    model_config = _CLOSED

    host: str = Field(
        "127.0.0.1",
        description="address the API listens at; there is no password: leave it at this PC, or "
        "at a network of the machine's own",
    )
    port: int = Field(8470, ge=0, le=65535, description="HTTP")
    allowed_hosts: tuple[str, ...] = Field(
        ("localhost", "127.0.0.1", "[::1]"), description="names clients may call the station by"
    )
    max_body_bytes: int = Field(32_000_000, gt=0, description="larger pictures are refused (413)")


class HmiSettings(BaseModel):
    """The operator's page."""

    model_config = _CLOSED

    enabled: bool = Field(True, description="false: the page is not started")
    host: str = Field(
        "127.0.0.1",
        description="address the page listens at; there is no password: whoever opens the page "
        "can stop the line",
    )
    port: int = Field(8471, ge=0, le=65535, description="HTTP")


class StationSettings(BaseModel):
    """The whole of station.toml."""

    model_config = _CLOSED

    name: str = Field("station", description="shown on the operator's page and by the API")
    line: LineSettings
    source: Annotated[Source, BeforeValidator(_source)]
    sinks: Annotated[tuple[Sink, ...], BeforeValidator(_sinks)] = ()
    journal: KeepPolicy = KeepPolicy()
    api: ApiSettings = ApiSettings()
    hmi: HmiSettings = HmiSettings()
    plc: PlcSettings = PlcSettings()
    alarms: AlarmSettings = AlarmSettings()
    shifts: tuple[str, ...] = Field(
        ("06:00", "14:00", "22:00"), description="when shifts begin, local time, for the ledger"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if wrong := misfit(self.line.trigger_mode, self.source):
            raise ValueError(wrong)
        return self


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
