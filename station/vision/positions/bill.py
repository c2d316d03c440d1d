"""The bill of positions: what must be where on a part, and how each deviation is called."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from station.core.errors import RecipeError
from station.core.plugin import explain
from station.core.region import Rectangle

ABSENT = "absent"
PRESENT = "present"
SEARCH_SHARE = 0.08
"""Of a position's smaller side: how far from its place a thing is sought without saying so."""

_CLOSED = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
STATE_NAME = r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$"
StateName = Annotated[str, Field(pattern=STATE_NAME)]


class Position(BaseModel):
    """One place on the part, in part coordinates, and what must be there."""

    model_config = _CLOSED

    name: StateName = Field(description="reason codes begin with it: screw_1_missing")
    x: float
    y: float
    width: float = Field(gt=0)
    height: float = Field(gt=0)
    angle_deg: float = Field(0.0, description="clockwise turn about the centre")
    group: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*)?$",
        description="like things share their examples; empty: none shares",
    )
    expected: StateName = Field(PRESENT, description="present, absent, or a variant's name")
    search_px: float | None = Field(
        None, ge=0, description="how far off it is sought; absent: from size and shift_at_most_px"
    )
    shift_at_most_px: float | None = Field(
        None, gt=0, description="farther off it is shifted; absent: not judged"
    )

    turn_at_most_deg: float = Field(
        5.0,
        gt=0,
        le=180,
        description="measured farther it is shifted, where turns can be told; 180: any is good",
    )

    @property
    def region(self) -> Rectangle:
        """Where it is."""
        return Rectangle(
            x=self.x, y=self.y, width=self.width, height=self.height, angle_deg=self.angle_deg
        )

    @property
    def family(self) -> str:
        """The group, or the position's own name."""
        return self.group or self.name

    @property
    def reach_px(self) -> float:
        """How far from its place a thing is sought."""
        if self.search_px is not None:
            return self.search_px
        usual = max(2.0, SEARCH_SHARE * min(self.width, self.height))
        return max(usual, 2 * (self.shift_at_most_px or 0.0))


class Bill(BaseModel):
    """Everything that is looked for on one part."""

    model_config = _CLOSED

    light: Literal["may_change", "fixed"] = Field(
        "may_change", description="fixed: colours are compared as the camera gives them"
    )
    positions: tuple[Position, ...] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _positions_agree(self) -> Self:
        names = [position.name for position in self.positions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"position {', '.join(twice)} stands twice; rename one")
        sizes: dict[str, tuple[float, float]] = {}
        for position in self.positions:
            size = (position.width, position.height)
            if sizes.setdefault(position.family, size) != size:
                raise ValueError(
                    f"group {position.family!r} has positions of several sizes; like things need "
                    "one size, or groups of their own"
                )
        return self

    @property
    def families(self) -> Mapping[str, tuple[Position, ...]]:
        """Positions by group, in the order of the bill."""
        found: dict[str, list[Position]] = {}
        for position in self.positions:
            found.setdefault(position.family, []).append(position)
        return {name: tuple(positions) for name, positions in found.items()}


def read_bill(path: Path) -> Bill:
    """A bill as people write it: TOML with [[positions]].

    Raises:
        RecipeError: it is missing or wrong; says where.
    """
    try:
        return Bill.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise RecipeError(f"cannot read the positions {path}: {error.strerror}") from error
    except (ValueError, tomllib.TOMLDecodeError) as error:
        told = explain(error, Position) if isinstance(error, ValidationError) else str(error)
        raise RecipeError(f"{path}: {told}") from None
