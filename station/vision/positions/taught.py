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
from station.vision.positions.descriptor import CELL, Features, Grid, grid_of
from station.vision.positions.lighting import Lighting
from station.vision.positions.likeness import TURNS_DEG, Likeness, Look, Scale
from station.vision.positions.rows import rows_of, sets_of
from station.vision.taught import Arrays, Taught

SURE_SPREADS = 4.0
"""A turn is judged from so many spreads of what is measured on good parts on."""
SETS = ("examples", "rivals")


class StateFacts(BaseModel):
    """The numbers of one likeness."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    middle: float
    is_sought: bool
    unlikeness_mean: float
    unlikeness_limit: float
    strangeness_mean: float
    strangeness_limit: float
    turn_spread_deg: float = Field(ge=0)

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
    homes: Mapping[str, tuple[float, float, float]] = Field(
        {}, description="position -> how examples lay on average, in px and degrees off the bill"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One position made ready."""

    position: Position
    grid: Grid
    states: Mapping[str, Likeness]
    home: tuple[float, float]
    """Where examples lay, (x, y) in px beside the bill, and how they were turned."""
    turn_deg: float
    others: tuple[tuple[float, float], ...]
    """The middles of the other positions."""

    def turn_limit_deg(self, state: str) -> float:
        """From which turn on a thing in this state is turned; inf: from none on."""
        return turn_limit_deg(self.states[state], self.position)

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


def turn_limit_deg(likeness: Likeness, position: Position) -> float:
    """From which turn on a thing is turned: no nearer than turns are known; inf: from none on.

    Of a round thing turns are not known at all.
    """
    limit_deg = max(position.turn_at_most_deg, SURE_SPREADS * likeness.turn_spread_deg)
    return limit_deg if likeness.is_sought and limit_deg < TURNS_DEG[-1] else np.inf


def lighting_of(bill: Bill, light: tuple[float, float, float], *, in_colour: bool) -> Lighting:
    """The light a bill's positions were taught in, ready to be followed."""
    return Lighting(
        taught=np.array(light, np.float32),
        places=tuple(position.region for position in bill.positions),
        follows=bill.light == "may_change",
        in_colour=in_colour,
    )


def arrays_of(states: Mapping[str, Mapping[str, Likeness]]) -> dict[str, NDArray[np.generic]]:
    """The arrays of every likeness, family by family."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for family, known in states.items():
        sets: dict[str, Features] = {}
        for state, likeness in known.items():
            sets[f"{state}/examples"] = likeness.examples
            sets[f"{state}/rivals"] = likeness.rivals
            arrays[f"{family}/{state}/things"] = likeness.are_things
            arrays[f"{family}/{state}/turned"] = likeness.turned.astype(np.float16)
            arrays[f"{family}/{state}/template"] = likeness.template
        arrays |= {f"{family}/{name}": array for name, array in rows_of(sets).items()}
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
        turn_spread_deg=likeness.turn_spread_deg,
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
        family: _likenesses(taught.arrays, family, known, reference)
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
    x, y, turn_deg = facts.homes.get(position.name, (0.0, 0.0, 0.0))
    others = tuple(middle_of(one) for one in facts.bill.positions if one.name != position.name)
    return Place(
        position=position,
        grid=grid,
        states=states,
        home=(x, y),
        turn_deg=turn_deg,
        others=others,
    )


def middle_of(position: Position) -> tuple[float, float]:
    """The middle of a position."""
    return position.x + position.width / 2, position.y + position.height / 2


def _likenesses(
    arrays: Arrays, family: str, known: Mapping[str, StateFacts], reference: str
) -> dict[str, Likeness]:
    """State -> likeness, of one group."""
    own = {
        name.removeprefix(f"{family}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{family}/")
    }
    try:
        sets = sets_of(own, [f"{state}/{name}" for state in known for name in SETS])
        return {state: _likeness(own, sets, state, facts) for state, facts in known.items()}
    except KeyError as error:
        raise ModelError(f"{reference} holds no {family}/{error}; teach it again") from None
    except ValueError as error:
        raise ModelError(
            f"the arrays {family} of {reference} do not fit ({error}); teach it again"
        ) from None


def _likeness(
    arrays: Arrays, sets: Mapping[str, Features], state: str, facts: StateFacts
) -> Likeness:
    examples, rivals = (sets[f"{state}/{name}"] for name in SETS)
    things, turned, template = (
        arrays[f"{state}/{name}"] for name in ("things", "turned", "template")
    )
    length = examples.shape[1]
    fits = len(examples) > 0 and things.shape == (len(rivals),)
    fits = fits and turned.shape == (len(TURNS_DEG), length) and template.shape == (length,)
    if not fits or not all(np.isfinite(one).all() for one in (turned, template)):
        raise ValueError(state)
    return Likeness(
        examples=examples,
        rivals=rivals,
        are_things=things.astype(np.bool_),
        turned=turned.astype(np.float32),
        template=template.astype(np.float32),
        middle=facts.middle,
        is_sought=facts.is_sought,
        unlikeness=Scale(mean=facts.unlikeness_mean, limit=facts.unlikeness_limit),
        strangeness=Scale(mean=facts.strangeness_mean, limit=facts.strangeness_limit),
        turn_spread_deg=facts.turn_spread_deg,
    )


def shift_px(seen: Look, position: Position) -> tuple[float, float]:
    """How far beside the bill's place a thing lies, (x, y) along the position's sides, in px."""
    grid = grid_of(position.width, position.height, 0)
    x = seen.shift[0] * position.width / (grid.columns * CELL)
    y = seen.shift[1] * position.height / (grid.rows * CELL)
    return x, y
