"""The demo board's bill of positions, as `station teach presence` reads it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from station.sources.synthetic.board_plan import FREE, POSITIONS, Position

MARGIN_PX = 4
"""A position is looked at so far beyond the component."""
SHIFT_AT_MOST_PX = 6
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("C1", "C2", "C3", "C4", "C5"), "ceramic"),
        **dict.fromkeys(("D2", "D3"), "diode"),
        **dict.fromkeys(("U2", "U3"), "soic8"),
        **dict.fromkeys(("R1", "R4"), "resistor_4k7"),
        **dict.fromkeys(("R2", "R6"), "resistor_10k"),
    }
)
"""Positions of the same component, which are learnt together."""
_HEAD = """\
# The demo board: 24 components and 3 places that stay free, in part coordinates (880 x 620 px).
# Written by `station sample render`; read by `station teach presence … --positions`.
"""


def bill() -> str:
    """TOML with one [[positions]] for each place, its box before it is turned."""
    return _HEAD + "".join("\n" + "\n".join(_entry(at)) + "\n" for at in (*POSITIONS, *FREE))


def name_of(at: Position) -> str:
    """The position's name, as reason codes are written."""
    return at.name.lower()


def _entry(at: Position) -> Iterator[str]:
    width, height = at.width + 2 * MARGIN_PX, at.height + 2 * MARGIN_PX
    yield "[[positions]]"
    yield f'name = "{name_of(at)}"'
    if at.name in GROUPS:
        yield f'group = "{GROUPS[at.name]}"'
    yield f"x = {at.x - width / 2:g}"
    yield f"y = {at.y - height / 2:g}"
    yield f"width = {width}"
    yield f"height = {height}"
    if at.angle_deg:
        yield f"angle_deg = {at.angle_deg}"
    if at.part is None:
        yield 'expected = "absent"'
    else:
        yield f"shift_at_most_px = {SHIFT_AT_MOST_PX}"
