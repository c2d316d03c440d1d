"""The plan of the demo board: what sits where, in part coordinates, and how it may look."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from station.core.pose import Pose
from station.core.region import Rectangle

WIDTH_PX, HEIGHT_PX = 880, 620
"""The board; its top left corner is the origin of part coordinates."""
PICTURE_PX = (1280, 1024)
GTIN = "04012345678901"
TEXT = Rectangle(x=66, y=545, width=470, height=44)
"""Around the line of text, `LOT A4711 SN 004213`."""
CODE = Rectangle(x=686, y=424, width=136, height=136)
"""The white label with the DataMatrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place on the board: the middle, the turn, and the size before turning.

    `part` is the sort that belongs there (None: nothing does), `wrong` the one that is mistaken
    for it, `is_polar` says that a half turn is a fault.
    """

    name: str
    x: float
    y: float
    angle_deg: int
    width: int
    height: int
    footprint: str
    part: str | None
    wrong: str | None = None
    is_polar: bool = False

    @property
    def region(self) -> Rectangle:
        """The upright box around the component, in part coordinates."""
        is_turned = self.angle_deg % 180 != 0
        width, height = (self.height, self.width) if is_turned else (self.width, self.height)
        return Rectangle(x=self.x - width / 2, y=self.y - height / 2, width=width, height=height)


def _resistor(
    name: str, x: float, y: float, value: str, wrong: str, *, angle_deg: int = 0
) -> Position:
    return Position(
        name=name, x=x, y=y, angle_deg=angle_deg, width=92, height=28, footprint="axial",
        part=f"resistor_{value}", wrong=f"resistor_{wrong}",
    )  # fmt: skip


def _chip(name: str, x: float, y: float, *, angle_deg: int = 0) -> Position:
    return Position(
        name=name, x=x, y=y, angle_deg=angle_deg, width=48, height=28, footprint="chip",
        part="ceramic_100n", wrong="ceramic_1u",
    )  # fmt: skip


def _polar(
    name: str, x: float, y: float, size: tuple[int, int], footprint: str, part: str,
    *, angle_deg: int = 0,
) -> Position:  # fmt: skip
    return Position(
        name=name, x=x, y=y, angle_deg=angle_deg, width=size[0], height=size[1],
        footprint=footprint, part=part, is_polar=True,
    )  # fmt: skip


POSITIONS: tuple[Position, ...] = (
    _polar("J1", 190, 78, (150, 66), "header", "header"),
    Position(
        name="J2", x=700, y=80, angle_deg=0, width=150, height=74, footprint="terminal",
        part="terminal_green", wrong="terminal_blue",
    ),
    _polar("J3", 430, 72, (98, 86), "socket", "socket"),
    _resistor("R1", 80, 200, "4k7", "10k", angle_deg=90),
    _resistor("R2", 136, 200, "10k", "220r", angle_deg=90),
    _resistor("R3", 265, 312, "220r", "4k7"),
    _resistor("R4", 265, 360, "4k7", "10k"),
    _resistor("R5", 400, 312, "1m", "10k"),
    _resistor("R6", 400, 360, "10k", "220r"),
    _chip("C1", 404, 172),
    _chip("C2", 404, 226),
    _chip("C3", 636, 180, angle_deg=90),
    _chip("C4", 636, 262, angle_deg=90),
    _chip("C5", 640, 400),
    _polar("C6", 330, 462, (88, 88), "can", "can_470u", angle_deg=90),
    _polar("U1", 270, 205, (152, 86), "soic16", "soic16"),
    _polar("U2", 736, 212, (84, 86), "soic8", "soic8", angle_deg=270),
    _polar("U3", 736, 342, (84, 86), "soic8", "soic8", angle_deg=90),
    _polar("U4", 520, 232, (120, 120), "qfp", "qfp"),
    Position(
        name="Y1", x=530, y=360, angle_deg=0, width=102, height=42, footprint="crystal",
        part="crystal", wrong="crystal_low",
    ),
    _polar("D1", 96, 318, (48, 36), "led", "led_red"),
    _polar("D2", 110, 396, (76, 28), "axial_small", "diode"),
    _polar("D3", 110, 462, (76, 28), "axial_small", "diode", angle_deg=180),
    _polar("Q1", 216, 446, (54, 52), "sot", "sot"),
)  # fmt: skip
"""The 24 components, and then those places that stay free."""
FREE: tuple[Position, ...] = (
    Position(
        name="X1", x=470, y=462, angle_deg=0, width=92, height=28, footprint="axial",
        part=None, wrong="resistor_220r",
    ),
    Position(
        name="X2", x=590, y=462, angle_deg=0, width=48, height=28, footprint="chip",
        part=None, wrong="ceramic_100n",
    ),
    Position(
        name="X3", x=600, y=546, angle_deg=0, width=84, height=86, footprint="soic8",
        part=None, wrong="soic8",
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Position] = MappingProxyType({at.name: at for at in (*POSITIONS, *FREE)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A component as it was put: its sort, and off its place by px and degrees."""

    position: str
    part: str
    dx: float = 0.0
    dy: float = 0.0
    turn_deg: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is on one board and where it lies; `position` names what the fault is at."""

    pose: Pose
    placed: tuple[Placed, ...]
    lot: str
    serial: str
    printed: str
    coded: str
    position: str | None = None
