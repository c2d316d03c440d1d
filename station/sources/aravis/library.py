"""The Aravis C library, loaded when a camera is opened: its functions and its errors."""

import ctypes
import ctypes.util
from collections.abc import Callable
from ctypes import (
    POINTER,
    c_char_p,
    c_double,
    c_int,
    c_size_t,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import cache
from typing import Any

from station.core.errors import AcquisitionError

NAMES = ("libaravis-0.8.so.0", "libaravis-0.8.0.dylib", "libaravis-0.8-0.dll")

FALLIBLE: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "arv_camera_new": (c_void_p, (c_char_p,)),
    "arv_camera_create_stream": (c_void_p, (c_void_p, c_void_p, c_void_p)),
    "arv_camera_start_acquisition": (None, (c_void_p,)),
    "arv_camera_stop_acquisition": (None, (c_void_p,)),
    "arv_camera_software_trigger": (None, (c_void_p,)),
    "arv_camera_is_software_trigger_supported": (c_int, (c_void_p,)),
    "arv_camera_is_feature_available": (c_int, (c_void_p, c_char_p)),
    "arv_camera_is_exposure_time_available": (c_int, (c_void_p,)),
    "arv_camera_is_exposure_auto_available": (c_int, (c_void_p,)),
    "arv_camera_is_gain_available": (c_int, (c_void_p,)),
    "arv_camera_is_gain_auto_available": (c_int, (c_void_p,)),
    "arv_camera_set_exposure_time_auto": (None, (c_void_p, c_int)),
    "arv_camera_set_exposure_time": (None, (c_void_p, c_double)),
    "arv_camera_get_exposure_time": (c_double, (c_void_p,)),
    "arv_camera_set_gain_auto": (None, (c_void_p, c_int)),
    "arv_camera_set_gain": (None, (c_void_p, c_double)),
    "arv_camera_get_gain": (c_double, (c_void_p,)),
    "arv_camera_set_trigger": (None, (c_void_p, c_char_p)),
    "arv_camera_clear_triggers": (None, (c_void_p,)),
    "arv_camera_set_acquisition_mode": (None, (c_void_p, c_int)),
    "arv_camera_set_region": (None, (c_void_p, c_int, c_int, c_int, c_int)),
    "arv_camera_get_region": (None, (c_void_p, *(POINTER(c_int),) * 4)),
    "arv_camera_set_pixel_format_from_string": (None, (c_void_p, c_char_p)),
    "arv_camera_get_pixel_format_as_string": (c_char_p, (c_void_p,)),
    "arv_camera_get_device_id": (c_char_p, (c_void_p,)),
    "arv_camera_get_payload": (c_uint32, (c_void_p,)),
    "arv_camera_gv_set_packet_size": (None, (c_void_p, c_int)),
    "arv_camera_gv_get_packet_size": (c_uint32, (c_void_p,)),
    "arv_device_read_register": (c_int, (c_void_p, c_uint64, POINTER(c_uint32))),
}
"""Functions that end with a `GError **`."""

PLAIN: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "arv_camera_get_device": (c_void_p, (c_void_p,)),
    "arv_camera_gv_set_stream_options": (None, (c_void_p, c_int)),
    "arv_camera_is_gv_device": (c_int, (c_void_p,)),
    "arv_gv_device_is_controller": (c_int, (c_void_p,)),
    "arv_gv_stream_get_port": (c_uint16, (c_void_p,)),
    "arv_buffer_new_allocate": (c_void_p, (c_size_t,)),
    "arv_buffer_get_status": (c_int, (c_void_p,)),
    "arv_buffer_get_payload_type": (c_int, (c_void_p,)),
    "arv_buffer_get_frame_id": (c_uint64, (c_void_p,)),
    "arv_buffer_get_timestamp": (c_uint64, (c_void_p,)),
    "arv_buffer_get_system_timestamp": (c_uint64, (c_void_p,)),
    "arv_buffer_get_image_width": (c_int, (c_void_p,)),
    "arv_buffer_get_image_height": (c_int, (c_void_p,)),
    "arv_buffer_get_image_pixel_format": (c_uint32, (c_void_p,)),
    "arv_buffer_get_image_data": (c_void_p, (c_void_p, POINTER(c_size_t))),
    "arv_stream_push_buffer": (None, (c_void_p, c_void_p)),
    "arv_stream_try_pop_buffer": (c_void_p, (c_void_p,)),
    "arv_stream_timeout_pop_buffer": (c_void_p, (c_void_p, c_uint64)),
    "g_object_set": (None, (c_void_p, c_char_p, c_int, c_void_p)),
    "g_object_unref": (None, (c_void_p,)),
    "g_error_free": (None, (c_void_p,)),
}


class GError(ctypes.Structure):
    """How GLib tells of an error."""

    _fields_ = (("domain", c_uint32), ("code", c_int), ("message", c_char_p))


class AravisError(AcquisitionError):
    """A call of the library that failed, in its own words."""


class Library:
    """The loaded library; every call lets other threads run."""

    def __init__(self, loaded: ctypes.CDLL) -> None:
        self._plain = {name: _typed(loaded, name, *PLAIN[name]) for name in PLAIN}
        self._fallible = {
            name: _typed(loaded, name, result, (*arguments, POINTER(POINTER(GError))))
            for name, (result, arguments) in FALLIBLE.items()
        }

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function that cannot fail."""
        return self._plain[name](*arguments)

    def ask(self, name: str, *arguments: Any) -> Any:
        """Call a function that may fail.

        Raises:
            AravisError: it did.
        """
        error = POINTER(GError)()
        answer = self._fallible[name](*arguments, ctypes.byref(error))
        if error:
            message = (error.contents.message or b"").decode(errors="replace")
            self.call("g_error_free", error)
            raise AravisError(message or f"{name} failed")
        return answer


def _typed(
    loaded: ctypes.CDLL, name: str, result: Any, arguments: tuple[Any, ...]
) -> Callable[..., Any]:
    function = getattr(loaded, name)
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]


@cache
def load() -> Library:
    """The library of this machine.

    Raises:
        AcquisitionError: it is not installed.
    """
    found = ctypes.util.find_library("aravis-0.8")
    for name in (*NAMES, *([found] if found else [])):
        try:
            return Library(ctypes.CDLL(name))
        except OSError:
            continue
    raise AcquisitionError(
        "cameras of kind 'aravis' need the Aravis library 0.8, which is not installed; "
        "on Debian and Ubuntu: apt-get install libaravis-0.8-0"
    )
