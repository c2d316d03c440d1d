"""One camera opened through pylon: its nodes and its buffers."""

from pathlib import Path
from typing import Any

from station.core.errors import AcquisitionError, IncompleteFrameError, InUseError
from station.sources.basler.pylon import the_camera
from station.sources.buffer_feed import Shot
from station.sources.camera_nodes import NodeCamera, NodeSettings, Value
from station.sources.exclusive import exclusive
from station.vision.pixel_formats import to_image

READY_MS = 500
"""How long the camera may need until it takes the next trigger."""
UNKNOWN = 2**64 - 1
"""pylon's block id where the camera sends none."""


class PylonNodes:
    """See `Nodes`."""

    def __init__(self, camera: Any) -> None:
        from pypylon import genicam

        self._genicam, self._map = genicam, camera.GetNodeMap()

    def has(self, name: str) -> bool:
        """See `Nodes.has`."""
        node = self._map.GetNode(name)
        return bool(self._genicam.IsReadable(node) or self._genicam.IsWritable(node))

    def get(self, name: str) -> Value:
        """See `Nodes.get`."""
        value: Value = self._map.GetNode(name).Value
        return value

    def set(self, name: str, value: Value) -> None:
        """See `Nodes.set`."""
        self._map.GetNode(name).Value = value

    def execute(self, name: str) -> None:
        """Give a command."""
        self._map.GetNode(name).Execute()


class PylonDevice:
    """See `buffer_feed.Device`."""

    def __init__(
        self,
        wanted: NodeCamera,
        serial: str | None,
        *,
        is_emulated: bool,
        pictures: Path | None,
        pylon: Any,
    ) -> None:
        """Open the camera, set it and start it; on an error it is given back."""
        self._pylon, self._is_emulated = pylon, is_emulated
        found = the_camera(pylon, serial, is_emulated=is_emulated)
        self._serial = str(found.GetSerialNumber())
        self._what = f"camera {wanted.camera_id!r} (basler {self._serial})"
        self._held = None if is_emulated else exclusive(f"camera basler {self._serial}")
        try:
            self._camera = self._opened(found)
            try:
                self._set(wanted, pictures)
                self._start(wanted.buffers)
            except BaseException:
                self._camera.Close()
                raise
        except BaseException:
            self._release()
            raise

    @property
    def what(self) -> str:
        """See `Device.what`."""
        return self._what

    @property
    def origin(self) -> str:
        """See `Device.origin`."""
        return f"basler:{self._serial}"

    @property
    def is_simulated(self) -> bool:
        """See `Device.is_simulated`."""
        return self._is_emulated

    @property
    def exposure_s(self) -> float:
        """See `Device.exposure_s`."""
        return self._exposure_s

    @property
    def nodes(self) -> PylonNodes:
        """The camera's nodes."""
        return self._nodes

    def next_shot(self, wait_s: float) -> Shot | None:
        """See `Device.next_shot`."""
        result = self._camera.RetrieveResult(
            round(wait_s * 1e3), self._pylon.TimeoutHandling_Return
        )
        if result is None or not result.IsValid():
            return None
        try:
            return self._shot(result)
        finally:
            result.Release()

    def trigger(self) -> None:
        """See `Device.trigger`."""
        give_up = self._pylon.TimeoutHandling_Return
        if self._camera.CanWaitForFrameTriggerReady() and not (
            self._camera.WaitForFrameTriggerReady(READY_MS, give_up)
        ):
            raise AcquisitionError(f"it was not ready for a trigger within {READY_MS} ms")
        self._camera.ExecuteSoftwareTrigger()

    def check(self) -> None:
        """See `Device.check`."""
        if self._camera.IsCameraDeviceRemoved():
            raise AcquisitionError(f"{self._what} is lost: it was unplugged")

    def close(self) -> None:
        """See `Device.close`."""
        try:
            self._camera.StopGrabbing()
            self._camera.Close()
        finally:
            self._release()

    def _release(self) -> None:
        if self._held:
            self._held.release()

    def _opened(self, found: Any) -> Any:
        factory = self._pylon.TlFactory.GetInstance()
        try:
            camera = self._pylon.InstantCamera(factory.CreateDevice(found))
            camera.Open()
        except self._pylon.GenericException as error:
            if not factory.IsDeviceAccessible(found):
                raise InUseError(f"{self._what} is used by another station or program") from error
            raise AcquisitionError(f"{self._what} cannot be opened: {error}") from error
        return camera

    def _set(self, wanted: NodeCamera, pictures: Path | None) -> None:
        self._nodes = PylonNodes(self._camera)
        if pictures is not None:
            self._nodes.set("ImageFilename", str(pictures.resolve()))
            self._nodes.set("ImageFileMode", "On")
            self._nodes.set("TestImageSelector", "Off")
        settings = NodeSettings(self._nodes, self._what)
        settings.apply(wanted)
        self._pixel_format = settings.pixel_format()
        self._exposure_s = settings.exposure_s()
        self._tick_ns = 1.0
        if self._nodes.has("GevTimestampTickFrequency"):
            self._tick_ns = 1e9 / float(self._nodes.get("GevTimestampTickFrequency"))

    def _start(self, buffers: int) -> None:
        try:
            self._camera.MaxNumBuffer.Value = buffers
            self._camera.StartGrabbing(self._pylon.GrabStrategy_OneByOne)
        except self._pylon.GenericException as error:
            raise AcquisitionError(f"{self._what} cannot be started: {error}") from error

    def _shot(self, result: Any) -> Shot:
        frame_id = None if result.BlockID == UNKNOWN else int(result.BlockID)
        if not result.GrabSucceeded():
            return Shot(image=None, problem=str(result.ErrorDescription), frame_id=frame_id)
        width, height = int(result.GetWidth()), int(result.GetHeight())
        padding_bytes = int(result.GetPaddingX())
        try:
            raw = result.GetBuffer()
            image = to_image(raw, self._pixel_format, width, height, padding_bytes=padding_bytes)
        except IncompleteFrameError as error:
            return Shot(image=None, problem=str(error), frame_id=frame_id)
        stamp_ns = int(result.TimeStamp * self._tick_ns) or None
        return Shot(image=image, frame_id=frame_id, timestamp_ns=stamp_ns)
