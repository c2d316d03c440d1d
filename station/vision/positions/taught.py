"""All that was taught of a bill of positions, as it lies in a file and as a check uses it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from station.core.errors import ModelError
from station.core.plugin import explain
from station.vision.positions.bill import Bill, Position
from station.vision.positions.descriptor import CELL, CHANNELS, Grid, grid_of
from station.vision.positions.lighting import Lighting
from station.vision.positions.likeness import Likeness, Look, Scale
from station.vision.taught import Arrays, Taught


class StateFacts(BaseModel):
    """The numbers of one likeness."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    middle: float
    is_sought: bool
    unlikeness_mean: float
    unlikeness_limit: float
    strangeness_mean: float
    strangeness_limit: float

    @model_validator(mode="after")
    def _scales_rise(self) -> Self:
        if not self.unlikeness_mean < self.unlikeness_limit:
            raise ValueError("unlikeness_limit must lie above unlikeness_mean")
        if not self.strangeness_mean < self.strangeness_limit:
            raise ValueError("strangeness_limit must lie above strangeness_mean")
        return self


class PositionFacts(BaseModel):
    """The settings of what was taught: the bill, and the numbers beside the arrays."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    descriptor: int = Field(1, ge=1, le=1, description="how places were described")
    bill: Bill
    light: tuple[float, float, float]
    in_colour: bool
    states: Mapping[str, Mapping[str, StateFacts]] = Field(description="group -> state -> numbers")
    homes: Mapping[str, tuple[float, float]] = Field(
        {}, description="position -> where the examples lay on average, in pixels beside the bill"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One position made ready."""

    position: Position
    grid: Grid
    states: Mapping[str, Likeness]
    home: tuple[float, float]
    others: tuple[tuple[float, float], ...]
    """The middles of the other positions."""

    def is_taken(self, x: float, y: float) -> bool:
        """Something so far off, (x, y) along the position's sides in px, lies in another place."""
        turn = np.radians(self.position.angle_deg)
        middle = middle_of(self.position)
        at_x = middle[0] + x * np.cos(turn) - y * np.sin(turn)
        at_y = middle[1] + x * np.sin(turn) + y * np.cos(turn)
        off = np.hypot(x, y)
        return any(np.hypot(at_x - one[0], at_y - one[1]) < off for one in self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Every position made ready, and the light they were taught in."""

    places: tuple[Place, ...]
    lighting: Lighting


def lighting_of(bill: Bill, light: tuple[float, float, float], *, in_colour: bool) -> Lighting:
    """The light a bill's positions were taught in, ready to be followed."""
    return Lighting(
        taught=np.array(light, np.float32),
        places=tuple(position.region for position in bill.positions),
        follows=bill.light == "may_change",
        in_colour=in_colour,
    )


def arrays_of(states: Mapping[str, Mapping[str, Likeness]]) -> dict[str, NDArray[np.generic]]:
    """The arrays of every likeness; half precision is finer than what the limits turn on."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for family, known in states.items():
        for state, likeness in known.items():
            arrays[f"{family}/{state}/examples"] = likeness.examples.astype(np.float16)
            arrays[f"{family}/{state}/rivals"] = likeness.rivals.astype(np.float16)
            arrays[f"{family}/{state}/things"] = likeness.are_things
            arrays[f"{family}/{state}/template"] = likeness.template
    return arrays


def facts_of(likeness: Likeness) -> StateFacts:
    """The numbers of a likeness."""
    return StateFacts(
        middle=likeness.middle,
        is_sought=likeness.is_sought,
        unlikeness_mean=likeness.unlikeness.mean,
        unlikeness_limit=likeness.unlikeness.limit,
        strangeness_mean=likeness.strangeness.mean,
        strangeness_limit=likeness.strangeness.limit,
    )


def places_of(taught: Taught) -> Places:
    """What was taught, made ready.

    Raises:
        ModelError: it is not whole; says what is wrong.
    """
    reference = taught.card.reference
    try:
        facts = PositionFacts.model_validate(taught.card.settings)
    except ValidationError as error:
        raise ModelError(f"{reference}: {explain(error, PositionFacts)}; teach it again") from None
    ready = {
        family: {
            state: _likeness(taught.arrays, f"{family}/{state}", numbers, reference)
            for state, numbers in known.items()
        }
        for family, known in facts.states.items()
    }
    return Places(
        places=tuple(
            _place(position, ready, facts, reference) for position in facts.bill.positions
        ),
        lighting=lighting_of(facts.bill, facts.light, in_colour=facts.in_colour),
    )


def _place(
    position: Position,
    ready: Mapping[str, Mapping[str, Likeness]],
    facts: PositionFacts,
    reference: str,
) -> Place:
    states = ready.get(position.family, {})
    grid = grid_of(position.width, position.height, position.reach_px)
    if not states or any(known.template.shape != (grid.length,) for known in states.values()):
        raise ModelError(f"{reference} does not fit position {position.name!r}; teach it again")
    home = facts.homes.get(position.name, (0.0, 0.0))
    others = tuple(middle_of(one) for one in facts.bill.positions if one.name != position.name)
    return Place(position=position, grid=grid, states=states, home=home, others=others)


def middle_of(position: Position) -> tuple[float, float]:
    """The middle of a position."""
    return position.x + position.width / 2, position.y + position.height / 2


def _likeness(arrays: Arrays, prefix: str, facts: StateFacts, reference: str) -> Likeness:
    try:
        examples, rivals, things, template = (
            arrays[f"{prefix}/{name}"] for name in ("examples", "rivals", "things", "template")
        )
    except KeyError as error:
        raise ModelError(f"{reference} holds no {error}; teach it again") from None
    length = template.shape[-1]
    fits = examples.ndim == 2 and examples.shape[1] == length and len(examples)
    if not fits or rivals.shape != (len(things), length) or length % CHANNELS:
        raise ModelError(f"the arrays {prefix} of {reference} do not fit; teach it again")
    return Likeness(
        examples=examples.astype(np.float32),
        rivals=rivals.astype(np.float32),
        are_things=things.astype(np.bool_),
        template=template.astype(np.float32),
        middle=facts.middle,
        is_sought=facts.is_sought,
        unlikeness=Scale(mean=facts.unlikeness_mean, limit=facts.unlikeness_limit),
        strangeness=Scale(mean=facts.strangeness_mean, limit=facts.strangeness_limit),
    )


def shift_px(seen: Look, position: Position) -> tuple[float, float]:
    """How far beside the bill's place a thing lies, (x, y) along the position's sides, in px."""
    grid = grid_of(position.width, position.height, 0)
    x = seen.shift[0] * position.width / (grid.columns * CELL)
    y = seen.shift[1] * position.height / (grid.rows * CELL)
    return x, y
