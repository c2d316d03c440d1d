"""GigE Vision cameras of any maker through the Aravis library (LGPL, installed by the system)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from station.core.plugin import Source
from station.sources.aravis.device import Area, Device
from station.sources.aravis.feed import (
    AravisFeed,
    LineTriggeredFeed,
    SoftwareTriggeredFeed,
)
from station.sources.aravis.library import load
from station.sources.aravis.stream import Stream, StreamRules
from station.vision.pixel_formats import decoder, layout_of


class SensorRegion(BaseModel):
    """The part of the sensor that is read out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: int = Field(0, ge=0, description="its left edge, sensor px")
    y: int = Field(0, ge=0, description="its upper edge, sensor px")
    width: int = Field(gt=0, description="sensor px", examples=[640])
    height: int = Field(gt=0, description="sensor px", examples=[480])


class Aravis(Source, kind="aravis"):
    """A GigE Vision camera, opened by address, serial number or id.

    Settings that are left out stay as they are in the camera; a setting the camera has no node
    for is an error.
    """

    camera: str = Field(
        min_length=1,
        description="IP address, serial number, or id as in `arv-tool-0.8`",
        examples=["192.168.1.20"],
    )
    exposure_time_us: float | None = Field(None, gt=0, description="none: as the camera has it")
    gain_db: float | None = Field(None, ge=0, description="none: as the camera has it")
    trigger_mode: Literal["off", "software", "hardware"] = Field(
        "off", description="off: it runs freely; software: the station triggers; hardware: a line"
    )
    trigger_source: str = Field(
        "Line0", min_length=1, description="with trigger_mode hardware: which line"
    )
    region: SensorRegion | None = Field(None, description="read out only this part")
    pixel_format: str = Field("Mono8", description="a PFNC name: Mono8, Mono12, BayerRG8, RGB8")
    packet_size_bytes: int | None = Field(
        None, ge=576, le=16000, description="none: as the camera has it"
    )
    packet_resend: bool = Field(True, description="ask the camera for lost packets again")
    packet_socket: bool = Field(
        False,
        description="receive past the system's network stack; needs the right CAP_NET_RAW. "
        "Without it net.core.rmem_max must be larger than a frame, or frames come torn",
    )
    buffers: int = Field(8, ge=2, le=64, description="frames that may wait to be taken")
    watchdog_ms: float = Field(
        1000,
        ge=200,
        le=60_000,
        description="so long without an answer, or without a frame if it runs freely, is lost; "
        "more than two frame periods",
    )

    def open(self) -> AravisFeed:
        """Take control of the camera, set it and start it.

        Raises:
            InUseError: another station or program controls it.
            AcquisitionError: the library or the camera is missing, or a setting is refused.
        """
        layout_of(self.pixel_format)
        library = load()
        device = Device(library, self.camera)
        try:
            self._set(device)
            stream = Stream(library, device, self._rules)
        except BaseException:
            device.close()
            raise
        try:
            device.start()
            return self._feed(device, stream)
        except BaseException:
            stream.close()
            device.close()
            raise

    @property
    def _rules(self) -> StreamRules:
        return StreamRules(
            buffers=self.buffers,
            resends=self.packet_resend,
            uses_packet_socket=self.packet_socket,
        )

    def _set(self, device: Device) -> None:
        device.set_pixel_format(self.pixel_format)
        if self.region:
            device.set_area(Area(**self.region.model_dump()))
        if self.packet_size_bytes is not None:
            device.set_packet_size(self.packet_size_bytes)
        if self.exposure_time_us is not None:
            device.set_exposure_time_us(self.exposure_time_us)
        if self.gain_db is not None:
            device.set_gain_db(self.gain_db)
        sources = {"off": None, "software": "Software", "hardware": self.trigger_source}
        device.set_trigger(sources[self.trigger_mode])

    def _feed(self, device: Device, stream: Stream) -> AravisFeed:
        feeds = {
            "off": AravisFeed,
            "software": SoftwareTriggeredFeed,
            "hardware": LineTriggeredFeed,
        }
        return feeds[self.trigger_mode](
            device,
            stream,
            camera_id=self.camera_id,
            decode=decoder(self.pixel_format),
            watchdog_s=self.watchdog_ms / 1e3,
        )
