"""One image, the facts of its acquisition, and the order to inspect it."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from station.core.errors import JobValueError
from station.core.pose import Pose

Image = NDArray[np.uint8]
"""(height, width) grey or (height, width, 3) BGR, uint8, C-contiguous, read-only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One image and the facts of its acquisition; the image is locked against writing."""

    image: Image
    camera_id: str
    sequence: int
    acquired_at: datetime
    acquired_s: float | None = None
    """The same moment on this machine's monotonic clock: proof against a wall clock that jumps."""
    acquisition_ms: float = 0.0
    is_simulated: bool = False
    origin: str = ""
    """Where the image came from: a path, a URL, a device."""
    truth: str | None = None
    """The reference label where one is known: "ok" or a reason code."""
    device_frame_id: int | None = None
    """The camera's own number of the frame; it grows by one a frame where nothing was lost."""
    device_timestamp_ns: int | None = None
    """The camera's own clock at exposure, ns from an arbitrary start."""
    pose: Pose | None = None
    """Where `image` lies in the picture that was acquired, if it is the view of a located part."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What must be on the part (`job.lot`) and what earlier tools read there (`code.17`)."""

    def __post_init__(self) -> None:
        image = self.image
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.size == 0:
            raise ValueError(
                f"a frame needs a uint8 grey or BGR image, got {image.dtype} {image.shape}"
            )
        if image.ndim == 3 and image.shape[2] != 3:
            raise ValueError(f"a colour frame needs 3 channels, got {image.shape[2]}")
        image.setflags(write=False)

    def value(self, name: str) -> str:
        """What the job says (`job.NAME`) or an earlier tool read (`TOOL.NAME`).

        Raises:
            JobValueError: neither did, so that nothing can be compared with it.
        """
        if name not in self.values:
            known = ", ".join(sorted(self.values)) or "none"
            raise JobValueError(f"there is no value {name!r} for this part (there is: {known})")
        return self.values[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedFrame:
    """A picture from outside as it came, not yet decoded; a worker decodes it.

    A file that crashes a decoder then costs a worker, never the line.
    """

    data: bytes
    """One whole PNG, JPEG, BMP or TIFF file."""
    camera_id: str
    sequence: int
    acquired_at: datetime
    bits: int = 16
    """What the values of 16-bit pictures really fill: 8, 10, 12, 14 or 16."""
    acquired_s: float | None = None
    """The same moment on this machine's monotonic clock."""
    acquisition_ms: float = 0.0
    is_simulated: bool = False
    origin: str = ""
    truth: str | None = None


AnyFrame = Frame | EncodedFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One order to inspect one part."""

    job_id: str = field(default_factory=lambda: new_id())
    part_id: str = ""
    product_id: str = ""
    meas_id: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """What must be on this part, by name: lot, serial number, expiry date."""
    deadline_ms: float | None = None
    """Time from the trigger within which an answer is worth anything."""
    ledger_number: int = 0
    """Counts the triggers of this station, over restarts; given by the line."""
    trigger_sequence: int | None = None
    """The number the PLC gave the trigger; it grows by one a part."""
    encoder_count: int | None = None
    """The belt's encoder at the trigger, for the reject gate; handed back with the result."""
    gate_delay_ms: float | None = None
    """Time from the trigger until the part is at the reject gate; handed back with the result."""
    question_hash: str = ""
    """Of all that was asked of the part, the recipe and a picture sent along; given by the line."""
    triggered_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    triggered_s: float = field(default_factory=time.monotonic)
    """The trigger on the monotonic clock, for durations and deadlines."""


def new_id() -> str:
    """A new id of 32 hex digits that sorts by time (UUID version 7, RFC 9562 section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    head = (milliseconds << 16) | 0x7000 | (noise >> 68)
    tail = (0b10 << 62) | (noise & ((1 << 62) - 1))
    return f"{(head << 64) | tail:032x}"
