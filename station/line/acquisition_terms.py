"""What the acquisition goes by, what it tells of its camera, and whom it hands its frames to."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from station.core.frame import AnyFrame, Image
from station.core.reasons import StationReason
from station.line.settings import SelfTrigger
from station.line.tickets import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a frame is a part, and how a lost camera is opened again."""

    trigger_mode: Literal["continuous", "software", "hardware", "self"] = "continuous"
    self_trigger: SelfTrigger = field(default_factory=SelfTrigger)
    empty_scene: Image | None = None
    """What the camera shows without a part; None: what it shows first."""
    reject_window: int = 100
    exposure_within_s: float = 1.0
    """A trigger that waited longer for the camera gets no frame: its part may have moved on."""
    reconnect_s: tuple[float, float] = (1.0, 10.0)
    """The first and the longest wait, each a quarter longer or shorter by chance."""


class Intake(Protocol):
    """What the acquisition hands its frames to."""

    def frame(self, frame: AnyFrame, ticket: Ticket | None) -> None:
        """A frame, for a trigger or for nobody in particular."""

    def failed(
        self,
        reason: StationReason,
        text: str,
        ticket: Ticket | None,
        frame: AnyFrame | None = None,
    ) -> None:
        """A part was there, or asked for, and there is no usable frame of it; only this `frame`."""

    def fault(self, text: str) -> None:
        """The camera cannot be used as it is set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHealth:
    """How the camera is doing."""

    camera_id: str
    kind: str
    is_connected: bool
    has_ended: bool
    frames: int
    failures: int
    last_error: str
