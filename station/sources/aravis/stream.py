"""The frames of one camera as Aravis collects them from packets."""

import ctypes
from dataclasses import dataclass

from station.core.errors import AcquisitionError
from station.sources.aravis.device import Device
from station.sources.aravis.library import Library
from station.sources.aravis.socket_room import make_room

NO_PACKET_SOCKET = 1
FIXED_SIZE = 0
ROOM_FRAMES, MOST_ROOM_BYTES = 4, 1 << 28
"""What the system may keep until this process comes round to it; small packets take twice."""
SUCCESS = 0
STATUSES = {
    -1: "its state is unknown",
    1: "it was cleared",
    2: "it was not complete in time",
    3: "packets are missing",
    4: "packets have wrong numbers",
    5: "it is larger than announced",
    6: "it is not filled yet",
    7: "it was aborted",
    8: "its payload is not supported",
}
WITH_IMAGE = (0x0001, 0x0005, 0x4001)
"""Payload types: an image, an image among chunks, an image followed by chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """One frame that came, whole or not."""

    problem: str
    """Why it must not be used; empty: it is whole."""
    frame_id: int
    timestamp_ns: int
    """The camera's clock."""
    first_packet_ns: int
    """This machine's clock, ns since 1970."""
    width: int = 0
    height: int = 0
    pixels: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """How frames are received."""

    buffers: int
    resends: bool
    uses_packet_socket: bool


class Stream:
    """The receiving side; a bounded number of buffers goes round."""

    def __init__(self, library: Library, device: Device, rules: StreamRules) -> None:
        self._library = library
        if device.is_gv and not rules.uses_packet_socket:
            library.call("arv_camera_gv_set_stream_options", device.handle, NO_PACKET_SOCKET)
        handle = library.ask("arv_camera_create_stream", device.handle, None, None)
        if not handle:
            raise AcquisitionError("the camera's stream cannot be opened; is the network up?")
        self._handle: int | None = handle
        payload_bytes = device.payload_bytes
        if device.is_gv:
            room = min(payload_bytes * ROOM_FRAMES, MOST_ROOM_BYTES)
            self._set(b"packet-resend", int(rules.resends))
            self._set(b"socket-buffer", FIXED_SIZE)
            self._set(b"socket-buffer-size", room)
            make_room(library.call("arv_gv_stream_get_port", handle), room)
        for _ in range(rules.buffers):
            buffer = library.call("arv_buffer_new_allocate", payload_bytes)
            library.call("arv_stream_push_buffer", handle, buffer)

    def pop(self, timeout_s: float) -> Buffer | None:
        """The oldest frame not taken yet; None: none came in time."""
        name = "arv_stream_timeout_pop_buffer"
        handle = self._library.call(name, self._handle, max(int(timeout_s * 1e6), 0))
        if not handle:
            return None
        try:
            return self._copied(handle)
        finally:
            self._library.call("arv_stream_push_buffer", self._handle, handle)

    def drop_all(self) -> int:
        """Throw away what came and was not taken; how many frames that were."""
        dropped = 0
        while handle := self._library.call("arv_stream_try_pop_buffer", self._handle):
            self._library.call("arv_stream_push_buffer", self._handle, handle)
            dropped += 1
        return dropped

    def close(self) -> None:
        """Stop receiving and give the buffers back; a second call does nothing."""
        handle, self._handle = self._handle, None
        if handle:
            self._library.call("g_object_unref", handle)

    def _set(self, name: bytes, value: int) -> None:
        self._library.call("g_object_set", self._handle, name, value, None)

    def _copied(self, handle: int) -> Buffer:
        call = self._library.call
        status = int(call("arv_buffer_get_status", handle))
        problem = "" if status == SUCCESS else STATUSES.get(status, f"status {status}")
        if not problem and call("arv_buffer_get_payload_type", handle) not in WITH_IMAGE:
            problem = "it holds no image"
        size = ctypes.c_size_t()
        place = call("arv_buffer_get_image_data", handle, ctypes.byref(size)) if not problem else 0
        return Buffer(
            problem=problem,
            frame_id=call("arv_buffer_get_frame_id", handle),
            timestamp_ns=call("arv_buffer_get_timestamp", handle),
            first_packet_ns=call("arv_buffer_get_system_timestamp", handle),
            width=call("arv_buffer_get_image_width", handle) if place else 0,
            height=call("arv_buffer_get_image_height", handle) if place else 0,
            pixels=ctypes.string_at(place, size.value) if place else b"",
        )
