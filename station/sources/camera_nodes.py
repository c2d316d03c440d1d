"""Camera settings by their SFNC names, written to the nodes a camera has and read back."""

import math
from typing import Literal, Protocol

from pydantic import Field

from station.core.errors import AcquisitionError
from station.core.plugin import Source
from station.sources.aravis import SensorRegion
from station.vision.pixel_formats import layout_of

Value = str | int | float


class Nodes(Protocol):
    """The nodes of one open camera; every method may raise whatever its driver raises."""

    def has(self, name: str) -> bool:
        """Whether there is a node of this name that can be used now."""

    def get(self, name: str) -> Value:
        """What it holds."""

    def set(self, name: str, value: Value) -> None:
        """Write it."""


class NodeCamera(Source):
    """What can be set on every camera that follows GenICam.

    Settings that are left out stay as they are in the camera; a setting the camera has no node
    for is an error.
    """

    exposure_time_us: float | None = Field(None, gt=0, description="none: as the camera has it")
    gain_db: float | None = Field(None, ge=0, description="none: as the camera has it")
    trigger_mode: Literal["off", "software", "hardware"] = Field(
        "off", description="off: it runs freely; software: the station triggers; hardware: a line"
    )
    trigger_source: str = Field(
        "Line1", min_length=1, description="with trigger_mode hardware: which line"
    )
    region: SensorRegion | None = Field(None, description="read out only this part")
    pixel_format: str | None = Field(None, min_length=1, description="its name, as BayerRG8")
    buffers: int = Field(8, ge=2, le=64, description="frames that may wait to be taken")
    watchdog_ms: float = Field(
        1000,
        ge=200,
        le=60_000,
        description="so long without a frame, where one must come, is lost; "
        "more than two frame periods",
    )


class NodeSettings:
    """Writes settings to one camera's nodes."""

    def __init__(self, nodes: Nodes, what: str) -> None:
        self._nodes, self._what = nodes, what

    def apply(self, wanted: NodeCamera) -> None:
        """Write what was asked for, and nothing else but how frames are started.

        Raises:
            AcquisitionError: the camera has no such node, or does not take the value.
        """
        if wanted.pixel_format is not None:
            self._write("pixel_format", ("PixelFormat",), wanted.pixel_format)
        if wanted.region:
            self._apply_region(wanted.region)
        if wanted.exposure_time_us is not None:
            self._write_if_there("ExposureAuto", "Off")
            nodes = ("ExposureTime", "ExposureTimeAbs")
            self._write("exposure_time_us", nodes, wanted.exposure_time_us)
        if wanted.gain_db is not None:
            self._write_if_there("GainAuto", "Off")
            self._write("gain_db", ("Gain",), wanted.gain_db)
        self._apply_trigger(wanted)

    def pixel_format(self) -> str:
        """The format frames will have.

        Raises:
            AcquisitionError: the station cannot read it.
        """
        name = str(self._nodes.get("PixelFormat"))
        try:
            layout_of(name)
        except AcquisitionError as error:
            raise AcquisitionError(f"{self._what}: {error}") from None
        return name

    def exposure_s(self) -> float:
        """The exposure time, 0 where the camera does not tell."""
        for name in ("ExposureTime", "ExposureTimeAbs"):
            if self._nodes.has(name):
                return float(self._nodes.get(name)) / 1e6
        return 0.0

    def _apply_region(self, region: SensorRegion) -> None:
        for name in ("OffsetX", "OffsetY"):
            self._write_if_there(name, 0)
        self._write("region", ("Width",), region.width)
        self._write("region", ("Height",), region.height)
        for name, offset in (("OffsetX", region.x), ("OffsetY", region.y)):
            if offset:
                self._write("region", (name,), offset)

    def _apply_trigger(self, wanted: NodeCamera) -> None:
        self._write_if_there("AcquisitionMode", "Continuous")
        self._write_if_there("TriggerSelector", "FrameStart")
        if wanted.trigger_mode == "off":
            self._write_if_there("TriggerMode", "Off")
            return
        source = "Software" if wanted.trigger_mode == "software" else wanted.trigger_source
        self._write("trigger_mode", ("TriggerMode",), "On")
        self._write("trigger_source", ("TriggerSource",), source)
        if wanted.trigger_mode == "software" and not self._nodes.has("TriggerSoftware"):
            raise self._missing("trigger_mode", "TriggerSoftware")

    def _write_if_there(self, name: str, value: Value) -> None:
        if self._nodes.has(name):
            self._write(name, (name,), value)

    def _write(self, setting: str, names: tuple[str, ...], value: Value) -> None:
        """Write the first of the nodes that is there, and see that it took the value."""
        name = next((name for name in names if self._nodes.has(name)), None)
        if name is None:
            raise self._missing(setting, names[0])
        try:
            if self._nodes.get(name) != value:  # some nodes can only be read
                self._nodes.set(name, value)
            got = self._nodes.get(name)
        except Exception as error:
            raise AcquisitionError(
                f"{self._what} refuses {setting} {value} (node {name}): {error}"
            ) from error
        if not _is_same(value, got):
            raise AcquisitionError(
                f"{self._what} took {setting} {got}, not {value} (node {name}); "
                "choose what it can do"
            )

    def _missing(self, setting: str, name: str) -> AcquisitionError:
        return AcquisitionError(
            f"{self._what} has no node {name} for {setting}: leave the setting out"
        )


def _is_same(wanted: Value, got: Value) -> bool:
    if isinstance(wanted, float) and not isinstance(got, str):
        return math.isclose(wanted, got, rel_tol=0.02, abs_tol=0.1)
    return wanted == got
