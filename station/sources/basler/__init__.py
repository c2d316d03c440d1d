"""Basler cameras through pylon (extra `basler`), real ones or pylon's emulation."""

from pathlib import Path

from pydantic import Field

from station.core.errors import AcquisitionError
from station.sources.basler.device import PylonDevice
from station.sources.basler.pylon import found_cameras, with_emulation
from station.sources.buffer_feed import RunningFeed, SoftwareFeed
from station.sources.camera_nodes import NodeCamera


class Basler(NodeCamera, kind="basler"):
    """A Basler camera, opened by serial number.

    With `emulate` pylon makes up cameras (serials 0815-0000, 0815-0001, ...) and no real one is
    opened; their frames are marked as simulated.
    """

    serial: str | None = Field(None, min_length=1, description="none: the only camera there is")
    emulate: int = Field(0, ge=0, le=16, description="so many emulated cameras; 0: real cameras")
    pictures: Path | None = Field(
        None, description="with emulate: a folder of PNG or TIFF files the camera plays by name"
    )

    def is_there(self) -> bool:
        """Whether pylon sees the camera."""
        pylon = with_emulation(self.emulate)
        return bool(found_cameras(pylon, self.serial, is_emulated=self.emulate > 0))

    def open(self) -> RunningFeed | SoftwareFeed:
        """Take the camera, set it and start it.

        Raises:
            InUseError: another station or program has it.
            AcquisitionError: the extra or the camera is missing, or a setting is refused.
        """
        device = PylonDevice(
            self,
            self.serial,
            is_emulated=self.emulate > 0,
            pictures=self._checked_pictures(),
            pylon=with_emulation(self.emulate),
        )
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

    def _checked_pictures(self) -> Path | None:
        if self.pictures is None:
            return None
        if not self.emulate:
            raise AcquisitionError("basler: pictures are played by emulated cameras: set emulate")
        if not self.pictures.is_dir():
            raise AcquisitionError(f"basler: there is no folder {self.pictures} to play")
        if not any(_is_played(file) for file in self.pictures.iterdir()):
            raise AcquisitionError(f"basler: there is no PNG or TIFF file in {self.pictures}")
        return self.pictures


def _is_played(file: Path) -> bool:
    return file.suffix.lower() in {".png", ".tif", ".tiff"}
