"""Cameras of any maker through its GenTL producer (Harvesters, extra `genicam`)."""

from pydantic import Field

from station.core.errors import AcquisitionError
from station.sources.buffer_feed import RunningFeed, SoftwareFeed
from station.sources.camera_nodes import NodeCamera
from station.sources.genicam.device import GenTLDevice
from station.sources.genicam.producer import producer, producer_files


class GenICam(NodeCamera, kind="genicam"):
    """A camera with a GenTL producer: the .cti file its maker installs.

    Settings that are left out stay as they are in the camera; a setting the camera has no node
    for is an error.
    """

    producer: str | None = Field(
        None, min_length=1, description="the .cti file; none: those in GENICAM_GENTL64_PATH"
    )
    serial: str | None = Field(None, min_length=1, description="the camera's serial number")
    index: int | None = Field(
        None, ge=0, description="which camera in the producer's order, where there is no serial"
    )

    def is_there(self) -> bool:
        """Whether the producer sees the camera."""
        return producer(producer_files(self.producer)).sees(self.serial, self.index)

    def open(self) -> RunningFeed | SoftwareFeed:
        """Take the camera, set it and start it.

        Raises:
            InUseError: another station or program has it.
            AcquisitionError: the extra, the producer or the camera is missing, or a setting is
                refused.
        """
        if self.serial is not None and self.index is not None:
            raise AcquisitionError("give serial or index of the genicam camera, not both")
        shared = producer(producer_files(self.producer))
        device = GenTLDevice(shared, shared.take(self.serial, self.index), self)
        watchdog_s = self.watchdog_ms / 1e3
        if self.trigger_mode == "software":
            return SoftwareFeed(device, camera_id=self.camera_id, watchdog_s=watchdog_s)
        return RunningFeed(
            device,
            camera_id=self.camera_id,
            watchdog_s=watchdog_s,
            runs_freely=self.trigger_mode == "off",
            keep=self.buffers,
        )
