"""Where in an image: a rectangle, upright or turned, or a polygon; all in pixels."""

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A rectangle: top-left corner before turning, size, and a clockwise turn about its centre."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    x: float
    y: float
    width: float
    height: float
    angle_deg: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.width, self.height, self.angle_deg)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"a rectangle needs finite numbers, got {numbers}")
        if self.width <= 0 or self.height <= 0:
            raise ValueError(
                f"a rectangle needs a size above zero, got {self.width} x {self.height}"
            )

    @property
    def corners(self) -> tuple[Point, ...]:
        """The four corners, clockwise from the top left before turning, (x, y) in pixels."""
        cx, cy = self.x + self.width / 2, self.y + self.height / 2
        cos, sin = (
            math.cos(math.radians(self.angle_deg)),
            math.sin(math.radians(self.angle_deg)),
        )
        half = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
        offsets = ((u * self.width, v * self.height) for u, v in half)
        return tuple((cx + u * cos - v * sin, cy + u * sin + v * cos) for u, v in offsets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon:
    """A closed polygon; pixels outside it are not looked at."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        if len(self.points) < 3:
            raise ValueError(f"a polygon needs at least 3 points, got {len(self.points)}")
        if not all(math.isfinite(value) for point in self.points for value in point):
            raise ValueError("a polygon needs finite numbers")

    @property
    def corners(self) -> tuple[Point, ...]:
        """The points, (x, y) in pixels."""
        return self.points


Region = Rectangle | Polygon

ROUNDING_PX = 0.5
"""A region may reach so far out of an image or a view: half a pixel is rounding."""


def outside_point(region: Region, width: int, height: int) -> Point | None:
    """The first corner that lies outside an image of this size; None where all lie inside."""
    low, right, bottom = -ROUNDING_PX, width + ROUNDING_PX, height + ROUNDING_PX
    # asked as "inside", so that NaN is outside
    outside = (p for p in region.corners if not (low <= p[0] <= right and low <= p[1] <= bottom))
    return next(outside, None)
