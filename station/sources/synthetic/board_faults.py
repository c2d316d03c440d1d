"""What can be wrong with the demo board, each at a place drawn by chance or asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from numpy.random import Generator

from station.core.errors import SettingsError
from station.core.region import Rectangle
from station.sources.synthetic.board_plan import (
    BY_NAME,
    CODE,
    FREE,
    POSITIONS,
    TEXT,
    Placed,
    Position,
    Truth,
)
from station.sources.synthetic.exact import cos_sin, spread

Fault: TypeAlias = Callable[[Truth, Generator, str | None], tuple[Truth, Rectangle]]
OTHER_GTIN = "04012345678918"
"""Of another product."""


def missing_component(truth: Truth, rng: Generator, where: str | None) -> tuple[Truth, Rectangle]:
    """A component was not put."""
    at = _choose(POSITIONS, rng, where)
    placed = tuple(one for one in truth.placed if one.position != at.name)
    return replace(truth, placed=placed, position=at.name), at.region


def wrong_component(truth: Truth, rng: Generator, where: str | None) -> tuple[Truth, Rectangle]:
    """Another value, colour or size than the plan's."""
    at = _choose([at for at in POSITIONS if at.wrong], rng, where)
    return _with(truth, at, part=str(at.wrong)), at.region


def shifted_component(truth: Truth, rng: Generator, where: str | None) -> tuple[Truth, Rectangle]:
    """Off its place by 10 to 14 px, or turned by 14 to 25 degrees."""
    at = _choose(POSITIONS, rng, where)
    if rng.random() < 0.5:
        sign = 1 if rng.random() < 0.5 else -1
        return _with(truth, at, turn_deg=sign * spread(rng, 14, 25)), _grown(at.region, 10)
    cos, sin = cos_sin(spread(rng, 0, 1))
    by = spread(rng, 10, 14)
    return _with(truth, at, dx=by * cos, dy=by * sin), _grown(at.region, 14)


def extra_component(truth: Truth, rng: Generator, where: str | None) -> tuple[Truth, Rectangle]:
    """A component where the plan has none."""
    at = _choose(FREE, rng, where)
    extra = Placed(position=at.name, part=str(at.wrong))
    return replace(truth, placed=(*truth.placed, extra), position=at.name), at.region


def reversed_component(truth: Truth, rng: Generator, where: str | None) -> tuple[Truth, Rectangle]:
    """A polar component the wrong way round."""
    at = _choose([at for at in POSITIONS if at.is_polar], rng, where)
    return _with(truth, at, turn_deg=180.0), at.region


def wrong_text(truth: Truth, rng: Generator, _: str | None) -> tuple[Truth, Rectangle]:
    """The printed lot or serial number is not the code's."""
    if rng.random() < 0.5:
        printed = f"LOT {_other(truth.lot, rng)} SN {truth.serial}"
    else:
        printed = f"LOT {truth.lot} SN {_other(truth.serial, rng)}"
    return replace(truth, printed=printed), TEXT


def wrong_code(truth: Truth, _: Generator, __: str | None) -> tuple[Truth, Rectangle]:
    """The label is another product's."""
    coded = f"(01){OTHER_GTIN}(10){truth.lot}(21){truth.serial}"
    return replace(truth, coded=coded), CODE


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "missing_component": missing_component,
        "wrong_component": wrong_component,
        "shifted_component": shifted_component,
        "extra_component": extra_component,
        "reversed_component": reversed_component,
        "wrong_text": wrong_text,
        "wrong_code": wrong_code,
    }
)


def _choose(among: Sequence[Position], rng: Generator, where: str | None) -> Position:
    if where is None:
        return among[int(rng.integers(len(among)))]
    if where not in {at.name for at in among}:
        raise SettingsError(
            f"there is no such fault at {where!r}: choose one of "
            f"{', '.join(at.name for at in among)}"
        )
    return BY_NAME[where]


def _with(truth: Truth, at: Position, **changes: float | str) -> Truth:
    placed = tuple(
        replace(one, **changes) if one.position == at.name else one  # type: ignore[arg-type]
        for one in truth.placed
    )
    return replace(truth, placed=placed, position=at.name)


def _grown(region: Rectangle, by: float) -> Rectangle:
    return Rectangle(
        x=region.x - by, y=region.y - by, width=region.width + 2 * by, height=region.height + 2 * by
    )


def _other(text: str, rng: Generator) -> str:
    """The text with one of its digits changed."""
    at = len(text) - 1 - int(rng.integers(4))
    digit = (int(text[at]) + 1 + int(rng.integers(9))) % 10
    return f"{text[:at]}{digit}{text[at + 1 :]}"
