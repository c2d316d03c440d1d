"""One camera opened through Aravis: its nodes, set where they exist and read back."""

import ctypes
import math
from dataclasses import dataclass
from typing import Any

from station.core.errors import AcquisitionError, InUseError
from station.sources.aravis.library import AravisError, Library

CONTINUOUS = 0
AUTO_OFF = 0
CONTROL_PRIVILEGE = 0x0A00
"""GigE Vision's register that says whether somebody controls the camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """The part of the sensor that is read out."""

    x: int
    y: int
    width: int
    height: int


class Device:
    """An open camera; settings it has no node for, or does not take, are refused."""

    def __init__(self, library: Library, name: str) -> None:
        self._library = library
        self._what = f"camera {name!r}"
        try:
            self.handle: int | None = library.ask("arv_camera_new", name.encode())
        except AravisError as error:
            raise AcquisitionError(
                f"{self._what} cannot be opened: {error}; is it on, in this network, and the "
                "address, serial number or id right?"
            ) from error
        if not self.handle:
            raise AcquisitionError(f"{self._what} was not found; is it on and in this network?")
        self._device = library.call("arv_camera_get_device", self.handle)
        self.is_gv = bool(library.call("arv_camera_is_gv_device", self.handle))
        if self.is_gv and not library.call("arv_gv_device_is_controller", self._device):
            self.close()
            raise InUseError(f"{self._what} is controlled by another station or program")

    @property
    def device_id(self) -> str:
        """What the camera calls itself."""
        return str((self._ask("arv_camera_get_device_id") or b"").decode(errors="replace"))

    @property
    def payload_bytes(self) -> int:
        """The bytes of one frame as it is set now."""
        return int(self._ask("arv_camera_get_payload"))

    @property
    def exposure_time_us(self) -> float:
        """The exposure time, 0 where the camera does not tell."""
        if not self._ask("arv_camera_is_exposure_time_available"):
            return 0.0
        return float(self._ask("arv_camera_get_exposure_time"))

    def set_exposure_time_us(self, wanted: float) -> None:
        """Set the exposure time; automatic exposure goes off."""
        self._need("exposure_time_us", "arv_camera_is_exposure_time_available")
        if self._ask("arv_camera_is_exposure_auto_available"):
            self._set("exposure_time_us", "arv_camera_set_exposure_time_auto", AUTO_OFF)
        self._set("exposure_time_us", "arv_camera_set_exposure_time", wanted)
        self._same("exposure_time_us", wanted, float(self._ask("arv_camera_get_exposure_time")))

    def set_gain_db(self, wanted: float) -> None:
        """Set the gain; automatic gain goes off."""
        self._need("gain_db", "arv_camera_is_gain_available")
        if self._ask("arv_camera_is_gain_auto_available"):
            self._set("gain_db", "arv_camera_set_gain_auto", AUTO_OFF)
        self._set("gain_db", "arv_camera_set_gain", wanted)
        self._same("gain_db", wanted, float(self._ask("arv_camera_get_gain")))

    def set_pixel_format(self, wanted: str) -> None:
        """Set the pixel format by its name in the PFNC."""
        self._node("pixel_format", b"PixelFormat")
        setter = "arv_camera_set_pixel_format_from_string"
        self._set("pixel_format", setter, wanted.encode())
        if (got := self.pixel_format) != wanted:
            raise AcquisitionError(f"{self._what} took pixel_format {got}, not {wanted}")

    @property
    def pixel_format(self) -> str:
        """The name of the pixel format in the PFNC."""
        name = self._ask("arv_camera_get_pixel_format_as_string") or b""
        return str(name.decode(errors="replace"))

    def set_area(self, wanted: Area) -> None:
        """Read out only a part of the sensor."""
        self._node("region", b"Width")
        sides = (wanted.x, wanted.y, wanted.width, wanted.height)
        self._set("region", "arv_camera_set_region", *sides)
        if (got := self.area) != wanted:
            raise AcquisitionError(f"{self._what} took {got}, not {wanted}; choose what it can do")

    @property
    def area(self) -> Area:
        """What is read out."""
        x, y, width, height = (ctypes.c_int() for _ in range(4))
        refs = [ctypes.byref(side) for side in (x, y, width, height)]
        self._ask("arv_camera_get_region", *refs)
        return Area(x=x.value, y=y.value, width=width.value, height=height.value)

    def set_packet_size(self, wanted: int) -> None:
        """Set the largest packet, in bytes with its headers."""
        if not self.is_gv:
            raise AcquisitionError(f"{self._what} sends no packets: leave packet_size_bytes out")
        self._set("packet_size_bytes", "arv_camera_gv_set_packet_size", wanted)
        got = int(self._ask("arv_camera_gv_get_packet_size"))
        self._same("packet_size_bytes", wanted, got)

    def set_trigger(self, source: str | None) -> None:
        """Wait for `source` ("Software", "Line0") before each frame; None: run freely."""
        if self._ask("arv_camera_is_feature_available", b"AcquisitionMode"):
            self._set("acquisition mode", "arv_camera_set_acquisition_mode", CONTINUOUS)
        if source is None:
            if self._ask("arv_camera_is_feature_available", b"TriggerMode"):
                self._set("trigger_mode", "arv_camera_clear_triggers")
            return
        self._node("trigger_mode", b"TriggerMode")
        if source == "Software":
            self._need("trigger_mode", "arv_camera_is_software_trigger_supported")
        self._set("trigger_mode", "arv_camera_set_trigger", source.encode())

    def software_trigger(self) -> None:
        """Expose once."""
        self._ask("arv_camera_software_trigger")

    def start(self) -> None:
        """Begin to send frames."""
        self._ask("arv_camera_start_acquisition")

    def stop(self) -> None:
        """Send no more frames."""
        self._ask("arv_camera_stop_acquisition")

    def answers(self) -> bool:
        """Whether the camera still answers, as ours; may take some seconds if it does not."""
        value = ctypes.c_uint32()
        try:
            self._library.ask(
                "arv_device_read_register", self._device, CONTROL_PRIVILEGE, ctypes.byref(value)
            )
        except AravisError:
            return False
        return value.value != 0

    def close(self) -> None:
        """Give control back; a second call does nothing."""
        handle, self.handle = self.handle, None
        if handle:
            self._library.call("g_object_unref", handle)

    def _ask(self, name: str, *arguments: object) -> Any:
        return self._library.ask(name, self.handle, *arguments)

    def _set(self, setting: str, name: str, *arguments: object) -> None:
        try:
            self._ask(name, *arguments)
        except AravisError as error:
            raise AcquisitionError(f"{self._what} refuses {setting}: {error}") from error

    def _need(self, setting: str, name: str, *arguments: object) -> None:
        if not self._ask(name, *arguments):
            raise AcquisitionError(f"{self._what} has no {setting}: leave the setting out")

    def _node(self, setting: str, node: bytes) -> None:
        self._need(setting, "arv_camera_is_feature_available", node)

    def _same(self, setting: str, wanted: float, got: float) -> None:
        if not math.isclose(wanted, got, rel_tol=0.02, abs_tol=0.1):
            raise AcquisitionError(
                f"{self._what} took {setting} {got:g}, not {wanted:g}; choose what it can do"
            )
