"""The one extension idea: a frozen settings class with one method that returns the live thing."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.core.configuration import Configuration
from station.core.errors import PluginError, SettingsError
from station.core.frame import AnyFrame, Frame
from station.core.part import Found
from station.core.region import Region
from station.core.result import Finding, Result

ENTRY_POINT_GROUP = "station.plugins"


class Plugin(BaseModel):
    """Settings of one source, tool or sink; misspelt settings are refused.

    A family (`Source`, `Tool`, `Sink`) names the package its built-in kinds live in; a kind is
    made by subclassing the family: `class Brightness(Tool, kind="brightness")`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str] = ""
    package: ClassVar[str] = ""

    def __init_subclass__(cls, *, kind: str = "", package: str = "", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls.kind = kind
        if package:
            cls.package = package

    def as_entry(self) -> dict[str, Any]:
        """The settings as they stand in a recipe or station file, `kind` first."""
        return {
            "kind": self.kind,
            **self.model_dump(mode="json"),
        }


class Feed(Protocol):
    """An open source: gives frames until it is closed."""

    def grab(self, timeout_s: float) -> AnyFrame | None:
        """The next frame; None when the source has come to its end.

        Raises:
            NoFrameError: none came within `timeout_s` seconds.
            IncompleteFrameError: the camera lost a part of the frame; the next may be fine.
            PictureError: there was a picture, but it cannot be read; the next may be fine.
            AcquisitionError: the source is lost and must be opened again.
        """

    def close(self) -> None:
        """Give everything back; a second call does nothing."""


@runtime_checkable
class TriggeredFeed(Feed, Protocol):
    """An open camera that exposes when it is told to: one frame a call of `trigger`."""

    def trigger(self) -> None:
        """Expose now; the next new frame that `grab` gives belongs to this call and no other.

        Frames of earlier calls that nobody took are thrown away.

        Raises:
            AcquisitionError: the camera is lost and must be opened again.
        """


@runtime_checkable
class MonitoredFeed(Feed, Protocol):
    """An open camera that knows of itself whether it is still there, without giving a frame."""

    def check(self) -> None:
        """Return at once.

        Raises:
            AcquisitionError: the camera is lost and must be opened again.
        """


@runtime_checkable
class BufferedFeed(Feed, Protocol):
    """An open camera that runs by itself and keeps frames nobody has asked for."""

    def flush(self) -> None:
        """Throw away what waits: the next frame that `grab` gives arrived after this call."""


@runtime_checkable
class KeepingFeed(Feed, Protocol):
    """An open source that keeps what a frame came from until its result is stored."""

    def answered(self, frame: AnyFrame) -> None:
        """The result of this frame is stored. Returns at once; called from any thread.

        Of encoded bytes no more than the first one is given back: they may be many.
        """


class Source(Plugin, package="station.sources"):
    """Where frames come from."""

    camera_id: str = Field("camera", min_length=1, description="the id results are filed under")

    @property
    def is_live(self) -> bool:
        """True where the world goes on without us: a frame not taken in time is an overrun."""
        return True

    def is_there(self) -> bool:
        """Whether a device that was lost can be seen again: cheap, asked each second meanwhile.

        False also where the source cannot tell; then it is opened again after a while.
        """
        return False

    def open(self) -> Feed:
        """Open the device.

        Raises:
            AcquisitionError: it cannot be opened.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a tool may know of the station it is prepared on."""

    model_dirs: tuple[Path, ...]
    """Folders searched in order for `<name>/<version>/card.json`."""
    configuration: Configuration = field(default_factory=lambda: Configuration())


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A tool made ready: called from several threads at once, each time with one frame.

    `run` gives at least one finding a frame, and raises a `StationError` where it cannot.
    """

    run: Callable[[Frame], Sequence[Finding]]
    models: Mapping[str, str] = field(default_factory=dict)
    """Name/version -> sha256 of every model it runs."""
    reason_codes: frozenset[str] = frozenset()
    """Every reason code a finding of it can carry."""
    regions: tuple[Region, ...] | None = None
    """Where it looks, all within the frame it is given; None: everywhere.

    A located part may reach out of the image where no tool looks, and nowhere else.
    """
    proves: bool = True
    """False: its OK says nothing of the part; a recipe needs a tool whose OK does."""
    find: Callable[[Frame], Found] | None = None
    """Finds the parts that every other tool of the recipe then gets a view of, one at a time.

    Set by tools that locate; `run` then gives the findings of `find`.
    """
    compares_with: tuple[str, ...] = ()
    """Names of the values it compares with: `job.NAME`, or `TOOL.NAME` of an earlier tool."""
    view_px: tuple[int, int] | None = None
    """With `find`: width and height of the views it gives, where they are all alike."""
    score_map: Callable[[Frame], NDArray[np.float32]] | None = None
    """The evidence for a defect in every pixel, (height, width) of the frame, where a tool has it.

    Off the decision path: for pictures people look at and for acceptance tests with masks.
    """


class Tool(Plugin, package="station.tools"):
    """One look at the image."""

    name: str = Field(min_length=1, description="unique within the recipe; findings carry it")

    def prepare(self, site: Site) -> Check:
        """Load, verify and warm up whatever the look needs.

        Raises:
            StationError: something it needs is missing or wrong.
        """
        raise NotImplementedError


class Delivery(Protocol):
    """An open sink."""

    def deliver(self, result: Result, frame: AnyFrame | None) -> None:
        """Hand one result on; may be slow, runs off the decision path.

        After a crash or an error the same result comes again: the receiver knows it by its
        `job_id`. There is no frame where the result waited in the journal.

        Raises:
            DeliveryRefusedError: the receiver will never take this result.
            OSError: not now; it is tried again, and the results behind it wait.
        """

    def close(self) -> None:
        """Finish what is under way and give everything back."""


class Sink(Plugin, package="station.sinks"):
    """Where results go besides the journal."""

    name: str = Field("", max_length=64, description="unique on the station; none: the kind")

    @property
    def outlet_name(self) -> str:
        """What the station remembers under this name is how far the sink got."""
        return self.name or self.kind

    def open(self) -> Delivery:
        """Open the way out."""
        raise NotImplementedError


Family = TypeVar("Family", bound=Plugin)


def discover(family: type[Family]) -> dict[str, type[Family]]:
    """Every kind of a family: the built-in package walked, then the installed entry points.

    Raises:
        PluginError: a plug-in does not import, or two claim one kind.
    """
    _load_all(family.package)
    kinds: dict[str, type[Family]] = {}
    for found in _descendants(family):
        twin = kinds.setdefault(found.kind, found) if found.kind else found
        if twin.__module__ != found.__module__:
            raise PluginError(
                f"two plug-ins call themselves {found.kind!r}: {twin.__module__} and "
                f"{found.__module__}; rename or uninstall one"
            )
    return kinds


@cache
def _load_all(package_name: str) -> None:
    """Import what there is, once: looking through the installed packages takes 20 ms a time."""
    package = importlib.import_module(package_name)
    for module in pkgutil.iter_modules(package.__path__, f"{package_name}."):
        _load(module.name, partial(importlib.import_module, module.name))
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        _load(f"{entry.name} ({entry.value})", entry.load)


def parse(family: type[Family], entry: Mapping[str, Any]) -> Family:
    """The plug-in settings an entry of a recipe or station file describes.

    Raises:
        SettingsError: the kind is unknown or a setting is wrong; says which and what is allowed.
        PluginError: see `discover`.
    """
    kinds = discover(family)
    rest = dict(entry)
    kind = rest.pop("kind", None)
    if kind not in kinds:
        near = difflib.get_close_matches(str(kind), kinds, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(
            f"unknown {family.__name__.lower()} kind {kind!r}{hint} "
            f"(there is: {', '.join(sorted(kinds))})"
        )
    try:
        return kinds[kind].model_validate(rest)
    except ValidationError as error:
        raise SettingsError(
            f"{family.__name__.lower()} {kind!r}: {explain(error, kinds[kind])}"
        ) from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """A validation error in one line a line engineer can act on."""
    known = list(model.model_fields)
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(where, known, n=1)
            hint = f", did you mean {near[0]!r}?" if near else f" (there is: {', '.join(known)})"
            lines.append(f"{where} is not a setting{hint}")
        else:
            lines.append(f"{where}: {said}" if where else said)
    return "; ".join(lines)


def _load(name: str, load: Callable[[], object]) -> None:
    try:
        load()
    except Exception as error:
        raise PluginError(
            f"plug-in {name} does not import: {error}; repair or uninstall it"
        ) from error


def _descendants(family: type[Family]) -> Iterator[type[Family]]:
    for child in family.__subclasses__():
        yield child
        yield from _descendants(child)
