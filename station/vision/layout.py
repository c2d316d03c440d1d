"""How a detector's numbers are laid out, and what must be counted: both are fields of a card."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from station.core.reasons import ReasonCode

_CLOSED = ConfigDict(frozen=True, extra="forbid")


class BoxLayout(BaseModel):
    """One box is a row of numbers: four for the place, then what it is, then mask coefficients."""

    model_config = _CLOSED

    boxes_along: Literal["rows", "columns"] = Field(
        "rows", description="rows: (1, boxes, numbers); columns: (1, numbers, boxes)"
    )
    corners: Literal["centre_size", "two_corners"] = Field(
        "centre_size", description="x, y, width, height of the centre, or x1, y1, x2, y2"
    )
    unit: Literal["pixels", "input_size"] = Field("pixels", description="of the model's input")
    has_objectness: bool = Field(False, description="a number to multiply the class scores with")
    classes: Literal["scores", "index"] = Field(
        "scores", description="one score a class, or the score and the index of the one class"
    )
    scores: Literal["probabilities", "logits"] = "probabilities"
    coefficients: int = Field(0, ge=0, description="numbers a box has for its mask")


class CountRule(BaseModel):
    """How many things of a class a good part has, and the reason code where it has not."""

    model_config = _CLOSED

    at_least: int = Field(0, ge=0, le=100)
    at_most: int | None = Field(None, ge=0, le=100)
    reason: ReasonCode

    @model_validator(mode="after")
    def _can_fail(self) -> Self:
        if self.at_least == 0 and self.at_most is None:
            raise ValueError("a count needs at_least or at_most; without them it proves nothing")
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most {self.at_most} is less than at_least {self.at_least}")
        return self
