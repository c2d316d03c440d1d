"""What of a part is measured: a point, a pair, a line or a circle, by calipers laid over it."""

import math
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from station.core.region import Point, Polygon, Rectangle, Region
from station.vision.measuring.calipers import Calipers, radial, straight
from station.vision.measuring.edges import Edge

Floats = NDArray[np.float64]
_CLOSED = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

Width = Annotated[
    float, Field(ge=1, le=2000, description="of each caliper, averaged across; pixels of the part")
]
Reach = Annotated[
    float, Field(ge=2, le=2000, description="how far each caliper reaches to both sides; pixels")
]
Share = Annotated[
    float,
    Field(gt=0.5, le=1, description="share of the calipers whose edge must lie on the fit"),
]
Residual = Annotated[
    float, Field(gt=0, le=100, description="standard deviation of the points off the fit; pixels")
]
FormError = Annotated[
    float,
    Field(
        ge=0.05, le=100, description="points so near to the fit are never outliers; pixels: how "
        "far a sound part may be from a perfect line or circle",
    ),
]  # fmt: skip


class PointFeature(BaseModel):
    """One edge along one caliper."""

    model_config = _CLOSED

    kind: Literal["point"] = "point"
    start: Point = Field(description="where the scan begins; x, y in pixels of the part")
    end: Point = Field(description="where it ends")
    width_px: Width = 5.0
    edge: Edge = Edge()

    @model_validator(mode="after")
    def _is_long_enough(self) -> Self:
        _way(self.start, self.end)
        return self

    def calipers(self) -> Calipers:
        """The one caliper."""
        return _along(self.start, self.end, self.width_px)

    def region(self) -> Region:
        """What it looks at."""
        return _band(self.start, self.end, self.width_px / 2)


class PairFeature(BaseModel):
    """Two edges along one caliper, as the two sides of a web or a slot."""

    model_config = _CLOSED

    kind: Literal["pair"] = "pair"
    start: Point = Field(description="where the scan begins; x, y in pixels of the part")
    end: Point = Field(description="where it ends")
    width_px: Width = 5.0
    edge: Edge = Field(Edge(which="first"), description="the first of the two edges")
    second: Edge = Field(Edge(which="last"), description="the second one, further along")

    @model_validator(mode="after")
    def _is_long_enough(self) -> Self:
        _way(self.start, self.end)
        return self

    def calipers(self) -> Calipers:
        """The one caliper."""
        return _along(self.start, self.end, self.width_px)

    def region(self) -> Region:
        """What it looks at."""
        return _band(self.start, self.end, self.width_px / 2)


class LineFeature(BaseModel):
    """A straight edge: calipers side by side, scanned across it from its left to its right.

    Left and right are those of somebody who walks from `start` to `end`.
    """

    model_config = _CLOSED

    kind: Literal["line"] = "line"
    start: Point = Field(description="one end of the edge; x, y in pixels of the part")
    end: Point = Field(description="the other end")
    reach_px: Reach = 15.0
    count: int = Field(20, ge=4, le=1000, description="how many calipers")
    width_px: Width = 5.0
    edge: Edge = Edge()
    points_share_at_least: Share = 0.8
    residual_at_most_px: Residual = 1.0
    form_error_px: FormError = 0.2

    @model_validator(mode="after")
    def _calipers_fit(self) -> Self:
        _check_room(math.dist(self.start, self.end), self.count, self.width_px)
        return self

    def calipers(self) -> Calipers:
        """(count) calipers, evenly from end to end."""
        start, way, length = _way(self.start, self.end)
        right = np.array((-way[1], way[0]))
        along = (np.arange(self.count) + 0.5) / self.count * length
        feet = start + along[:, None] * way
        return straight(feet - self.reach_px * right, right, 2 * self.reach_px, self.width_px)

    def region(self) -> Region:
        """What it looks at."""
        return _band(self.start, self.end, self.reach_px)


class CircleFeature(BaseModel):
    """A round edge: calipers on rays, averaged along arcs."""

    model_config = _CLOSED

    kind: Literal["circle"] = "circle"
    centre: Point = Field(description="x, y in pixels of the part")
    radius_px: float = Field(gt=2, le=20000, description="about where the edge is")
    reach_px: Reach = 15.0
    scan: Literal["outward", "inward"] = Field("outward", description="which way to look")
    from_deg: float = Field(0.0, ge=-360, le=360, description="clockwise from the right")
    to_deg: float = Field(360.0, ge=-360, le=720, description="360 more than from_deg: all round")
    count: int = Field(36, ge=6, le=2000, description="how many calipers")
    width_px: Width = 5.0
    edge: Edge = Edge()
    points_share_at_least: Share = 0.8
    residual_at_most_px: Residual = 1.0
    form_error_px: FormError = 0.2
    blur_correction: bool = Field(
        True, description="add back by how much blur moves a round edge towards its centre"
    )

    @model_validator(mode="after")
    def _calipers_fit(self) -> Self:
        if not 30 <= self.to_deg - self.from_deg <= 360:
            raise ValueError("to_deg must be 30 to 360 degrees more than from_deg")
        if self.reach_px >= self.radius_px:
            raise ValueError(f"reach_px {self.reach_px:g} must be below radius_px")
        arc = math.radians(self.to_deg - self.from_deg) * self.radius_px
        _check_room(arc, self.count, self.width_px)
        return self

    def calipers(self) -> Calipers:
        """(count) calipers, evenly around."""
        share = (np.arange(self.count) + 0.5) / self.count
        angles = np.radians(self.from_deg + share * (self.to_deg - self.from_deg))
        inner, outer = self.radius_px - self.reach_px, self.radius_px + self.reach_px
        radii = (inner, outer) if self.scan == "outward" else (outer, inner)
        return radial(np.array(self.centre), angles, radii, self.radius_px, self.width_px)

    def region(self) -> Region:
        """What it looks at, its hole left aside."""
        outer = self.radius_px + self.reach_px
        angles = np.radians(np.linspace(self.from_deg, self.to_deg, 49))
        points = np.array(self.centre) + outer * np.stack((np.cos(angles), np.sin(angles)), axis=1)
        return Polygon(points=tuple((x, y) for x, y in points.tolist()))

    def unblurred(self, points: Floats, blur_px2: Floats) -> Floats:
        """Edge points (n, 2) moved outwards by what blur moved them inwards.

        The largest gradient of a blurred disc of radius r lies sigma² / (2 r) within its edge.
        Source: H. Bouma, A. Vilanova, L. J. van Vliet, F. A. Gerritsen, "Correction for the
        Dislocation of Curved Surfaces Caused by the PSF in 2D and 3D CT Images", IEEE TPAMI 27
        (2005) 1501-1507; here with the variance seen in the edges themselves.
        """
        if not self.blur_correction or not len(points):
            return points
        ways = points - np.array(self.centre)
        away = np.linalg.norm(ways, axis=1, keepdims=True)
        variance = max(0.0, float(np.median(blur_px2)))
        return np.asarray(points + ways / away * (variance / (2 * away)), np.float64)


Feature = Annotated[
    PointFeature | PairFeature | LineFeature | CircleFeature, Field(discriminator="kind")
]


def _along(start: Point, end: Point, width_px: float) -> Calipers:
    first, way, length = _way(start, end)
    return straight(first[None], way, length, width_px)


def _way(start: Point, end: Point) -> tuple[Floats, Floats, float]:
    """Start, direction of length 1, and length."""
    first, last = np.array(start, np.float64), np.array(end, np.float64)
    length = math.dist(start, end)
    if not length >= 4:
        raise ValueError(f"start and end must be at least 4 pixels apart, they are {length:.1f}")
    return first, (last - first) / length, length


def _band(start: Point, end: Point, half_px: float) -> Rectangle:
    """The turned rectangle around a straight way."""
    _, way, length = _way(start, end)
    cx, cy = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    return Rectangle(
        x=cx - length / 2,
        y=cy - half_px,
        width=length,
        height=2 * half_px,
        angle_deg=math.degrees(math.atan2(way[1], way[0])),
    )


def _check_room(length_px: float, count: int, width_px: float) -> None:
    """Calipers that overlap see the same pixels, and would look surer than they are."""
    if count * width_px > length_px + 1e-6:
        raise ValueError(
            f"{count} calipers {width_px:g} wide overlap on {length_px:.0f} pixels: give a count "
            f"of at most {int(length_px / width_px)}, or a smaller width_px"
        )
