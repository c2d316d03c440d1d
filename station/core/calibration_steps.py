"""Putting one step of a calibration into a Configuration, and dropping what it makes invalid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from station.core.configuration import (
    Configuration,
    Contribution,
    Step,
    StepName,
    WhenOverdue,
)

Size = tuple[int, int]

_FIELD: Mapping[StepName, str] = {
    "lens": "lens", "scale": "plane", "flat": "flat_field", "colour": "colour", "focus": "focus",
}  # fmt: skip
# A step -> the steps whose results rest on it and must be made again.
_RESTS_ON: Mapping[StepName, tuple[StepName, ...]] = {"lens": ("scale",), "flat": ("colour",)}
_OF_ONE_SIZE: tuple[StepName, ...] = ("lens", "scale", "flat")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """What one step found, and what it is to be filed under."""

    name: StepName
    found: object
    """A Lens, Plane, FlatField, Colour or Focus."""
    image_size_px: Size | None = None
    contributions: Sequence[Contribution] = ()
    made_at: datetime
    due_days: float | None = 365
    when_overdue: WhenOverdue | None = None
    """None: as it was."""


def with_step(before: Configuration, step: NewStep) -> tuple[Configuration, tuple[str, ...]]:
    """The Configuration with the new step in it, and in words what it made invalid.

    A new lens ends the scale, a new flat field ends the colour, and another size of picture ends
    all that is bound to a size.
    """
    gone = _ended_by(before, step)
    due_at = None if step.due_days is None else step.made_at + timedelta(days=step.due_days)
    mine = Step(name=step.name, calibrated_at=step.made_at, due_at=due_at)
    steps = (*(kept for kept in before.steps if kept.name not in (*gone, step.name)), mine)
    budget = (
        *(kept for kept in before.error_budget if kept.step not in (*gone, step.name)),
        *step.contributions,
    )
    size = step.image_size_px or before.image_size_px
    changes: dict[str, Any] = dict.fromkeys((_FIELD[name] for name in gone), None)
    changes |= {
        _FIELD[step.name]: step.found,
        "name": before.camera_id if before.name == "identity" else before.name,
        "image_size_px": size,
        "steps": steps,
        "calibrated_at": step.made_at,
        "due_at": min((kept.due_at for kept in steps if kept.due_at), default=None),
        "when_overdue": step.when_overdue or before.when_overdue,
    }
    changes["error_budget"] = _in_mm(budget, changes.get("plane", before.plane), size)
    fields = {name: getattr(before, name) for name in Configuration.model_fields}
    after = Configuration.model_validate(fields | changes)
    return after, tuple(_in_words(name, step) for name in gone)


def _ended_by(before: Configuration, step: NewStep) -> list[StepName]:
    gone = set(_RESTS_ON.get(step.name, ()))
    if step.image_size_px and before.image_size_px not in (None, step.image_size_px):
        gone |= set(_OF_ONE_SIZE)
    gone.discard(step.name)
    return [name for name in _FIELD if name in gone and getattr(before, _FIELD[name]) is not None]


def _in_words(name: StepName, step: NewStep) -> str:
    why = f"the {step.name} step was made anew" if name in _RESTS_ON.get(step.name, ()) else (
        "pictures have another size now"
    )  # fmt: skip
    return f"the {name} step no longer holds, because {why}: station calibrate {name}"


def _in_mm(
    budget: Sequence[Contribution], plane: Any, size: Size | None
) -> tuple[Contribution, ...]:
    """The budget with mm where the scale is known, and without where it is not."""
    if plane is None or size is None:
        return tuple(entry.model_copy(update={"error_mm": None}) for entry in budget)
    mm_per_px = plane.mm_per_px((size[0] / 2, size[1] / 2))
    return tuple(
        entry if entry.error_mm is not None
        else entry.model_copy(update={"error_mm": entry.error_px * mm_per_px})
        for entry in budget
    )  # fmt: skip
