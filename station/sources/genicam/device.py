"""One camera opened through Harvesters: its nodes and its buffers."""

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from station.core.errors import AcquisitionError, IncompleteFrameError
from station.sources.buffer_feed import Shot
from station.sources.camera_nodes import NodeCamera, NodeSettings, Value
from station.vision.pixel_formats import to_image

if TYPE_CHECKING:
    from station.sources.genicam.producer import Producer

POLL_MS = 1
"""The driver's own wait keeps all threads of Python waiting: so it is kept short."""
USABLE = {2, 3, 4}
"""GenApi's access modes write-only, read-only and read-write."""


class GenTLNodes:
    """See `Nodes`."""

    def __init__(self, node_map: Any) -> None:
        self._map = node_map

    def has(self, name: str) -> bool:
        """See `Nodes.has`."""
        return bool(self._map.has_node(name)) and (
            self._map.get_node(name).node.get_access_mode() in USABLE
        )

    def get(self, name: str) -> Value:
        """See `Nodes.get`."""
        value: Value = getattr(self._map, name).value
        return value

    def set(self, name: str, value: Value) -> None:
        """See `Nodes.set`."""
        getattr(self._map, name).value = value

    def execute(self, name: str) -> None:
        """Give a command."""
        getattr(self._map, name).execute()


class GenTLDevice:
    """See `buffer_feed.Device`."""

    def __init__(self, shared: "Producer", acquirer: Any, wanted: NodeCamera) -> None:
        """Set the camera and start it; on an error it is given back."""
        self._shared, self._acquirer = shared, acquirer
        found = acquirer.device
        self._what = f"camera {wanted.camera_id!r} (genicam {found.id_})"
        self._origin = f"genicam:{found.id_}"
        self._torn = 0
        self._pause = threading.Event()
        try:
            self._nodes = GenTLNodes(acquirer.remote_device.node_map)
            settings = NodeSettings(self._nodes, self._what)
            settings.apply(wanted)
            settings.pixel_format()
            self._exposure_s = settings.exposure_s()
            self._start(wanted.buffers)
        except BaseException:
            shared.release(acquirer)
            raise

    @property
    def what(self) -> str:
        """See `Device.what`."""
        return self._what

    @property
    def origin(self) -> str:
        """See `Device.origin`."""
        return self._origin

    @property
    def is_simulated(self) -> bool:
        """Nothing in GenTL tells a simulator from a camera."""
        return False

    @property
    def exposure_s(self) -> float:
        """See `Device.exposure_s`."""
        return self._exposure_s

    def next_shot(self, wait_s: float) -> Shot | None:
        """See `Device.next_shot`."""
        before = self._torn
        buffer = self._acquirer.try_fetch(timeout=POLL_MS / 2e3)
        if buffer is None:
            if self._torn > before:
                return Shot(image=None, problem="the driver marked it as incomplete")
            self._pause.wait(wait_s)
            return None
        try:
            return _shot(buffer)
        finally:
            buffer.queue()

    def trigger(self) -> None:
        """See `Device.trigger`."""
        self._nodes.execute("TriggerSoftware")

    def check(self) -> None:
        """GenTL has no cheap way to ask: only missing frames tell."""

    def close(self) -> None:
        """See `Device.close`."""
        self._shared.release(self._acquirer)

    def _start(self, buffers: int) -> None:
        from harvesters.core import Callback, ImageAcquirer

        device = self

        class Incomplete(Callback):  # type: ignore[misc] # Harvesters has no types
            """Counts the buffers Harvesters throws away."""

            def emit(self, context: object = None) -> None:  # noqa: ARG002 - its signature
                """One more."""
                device._torn += 1

        acquirer = self._acquirer
        acquirer.timeout_period_on_update_event_data_call = POLL_MS
        acquirer.add_callback(ImageAcquirer.Events.INCOMPLETE_BUFFER, Incomplete())
        acquirer.num_buffers = max(buffers, acquirer.min_num_buffers)
        try:
            acquirer.start()
        except Exception as error:
            raise AcquisitionError(f"{self._what} cannot be started: {error}") from error


def _shot(buffer: Any) -> Shot:
    """The first picture in the buffer, copied."""
    module = buffer.module
    frame_id = _told(module, "frame_id")
    timestamp_ns = _told(module, "timestamp_ns")
    parts = [part for part in buffer.payload.components if hasattr(part, "data_format")]
    if not parts:
        return Shot(image=None, problem="it holds no picture", frame_id=frame_id)
    part = parts[0]
    raw = _raw(module, part)
    try:
        image = to_image(
            raw, part.data_format, part.width, part.height, padding_bytes=_padding(part)
        )
    except IncompleteFrameError as error:
        return Shot(image=None, problem=str(error), frame_id=frame_id)
    return Shot(image=image, frame_id=frame_id, timestamp_ns=timestamp_ns)


def _raw(module: Any, part: Any) -> memoryview:
    """What the camera really sent of the part; Harvesters' own array is longer where it is torn."""
    filled = _told(module, "size_filled")
    raw = memoryview(module.raw_buffer)[part.data_offset :]
    return raw if filled is None else raw[: max(filled - part.data_offset, 0)]


def _padding(part: Any) -> int:
    return 0 if part.has_part() else int(part.x_padding)


def _told(module: Any, name: str) -> int | None:
    """What the driver says of a buffer; None where it says nothing."""
    from genicam.gentl import GenericException

    with suppress(GenericException):
        return int(getattr(module, name))
    return None
