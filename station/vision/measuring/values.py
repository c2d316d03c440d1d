"""Sizes between features: distances, diameters, angles, places; each with how sure it is."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from station.core.region import Polygon
from station.vision.measuring.fits import Circle, Line, Spot
from station.vision.measuring.space import Space

Floats = NDArray[np.float64]
Shape = Spot | Line | Circle
Size = Literal["distance", "width", "diameter", "radius", "angle", "concentricity", "x", "y"]

TAKES: Mapping[str, tuple[frozenset[str], ...]] = {
    "distance": (frozenset({"point", "line", "circle"}),) * 2,
    "width": (frozenset({"pair"}),),
    "diameter": (frozenset({"circle"}),),
    "radius": (frozenset({"circle"}),),
    "angle": (frozenset({"line"}),) * 2,
    "concentricity": (frozenset({"circle"}),) * 2,
    "x": (frozenset({"point", "circle"}),),
    "y": (frozenset({"point", "circle"}),),
}
"""Of which kinds of feature each size is taken."""

EDGE_PX = 0.02
"""Standard error of an edge that its scatter does not show (pixel grid, light, tone curve), pixels.

An allowance: on rendered rings (`python -m tests.benchmarks.tools --only measure`) the bias is a
tenth of it, but light on real edges is not rendered. A study against a reference shows the rest.
"""

POSE_PX, POSE_DEG = 0.2, 0.05
"""Standard error of a located part's own origin and axes: what is asked of `locate` at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A size in units of the space, or degrees; and where to draw it, in part coordinates."""

    value: float
    variance: float
    """From the scatter of the edge points in this image."""
    systematic: float
    """Standard error from the calibration and from what no scatter shows."""
    outline: Floats
    """(n, 2) a closed polygon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """Where x and y are counted from: a place, and the direction of x; absent: the part's own."""

    origin: Spot | Circle | None = None
    x_axis: Line | None = None


def take(
    size: Size,
    shapes: Sequence[Shape],
    points: Sequence[Floats],
    space: Space,
    datum: Datum,
) -> Value:
    """The size of the shapes (of the kinds in `TAKES`, a pair as two spots).

    Args:
        size: what to take.
        shapes: one or two shapes in units of the space.
        points: the edge points (n, 2) of each feature in part coordinates, for drawing.
        space: where the shapes lie.
        datum: for x and y.
    """
    look = _Look(shapes=shapes, points=points, space=space, datum=datum)
    value, variance, places, outline = _TAKEN[size](look)
    point = points[0].mean(axis=0)
    error = math.hypot(space.error, EDGE_PX * space.scale_at(point))
    return Value(value=value, variance=variance, systematic=error * places, outline=outline)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    shapes: Sequence[Shape]
    points: Sequence[Floats]
    space: Space
    datum: Datum


Taken = tuple[float, float, float, Floats]
"""Value, variance, how many errors of a place it carries, outline."""


def _diameter(look: _Look) -> Taken:
    radius, variance, places, outline = _radius(look)
    return 2 * radius, 4 * variance, 2 * places, outline


def _radius(look: _Look) -> Taken:
    circle = _only(look, Circle)
    # opposite points err apart from each other: half of sqrt(2) for the radius
    return circle.radius, float(circle.covariance[2, 2]), math.sqrt(0.5), _round(circle, look)


def _width(look: _Look) -> Taken:
    first, second = look.shapes
    return _apart(_spot_of(first), _spot_of(second), look)


def _distance(look: _Look) -> Taken:
    one, other = look.shapes
    if isinstance(one, Line) and isinstance(other, Line):
        return _lines_apart(one, other, look)
    if isinstance(one, Line):
        return _from_line(one, _spot_of(other), look)
    if isinstance(other, Line):
        return _from_line(other, _spot_of(one), look)
    return _apart(_spot_of(one), _spot_of(other), look)


def _concentricity(look: _Look) -> Taken:
    """Twice the distance of the centres: the diameter of the zone ISO 1101 speaks of."""
    value, variance, places, _ = _distance(look)
    return 2 * value, 4 * variance, 2 * places, _round(_only(look, Circle), look)


def _angle(look: _Look) -> Taken:
    """From the first line's direction to the second's, clockwise as seen, -180 to 180 degrees."""
    first, second = look.shapes
    if not isinstance(first, Line) or not isinstance(second, Line):
        raise TypeError("an angle lies between two lines")
    turn = look.space.turn_at(look.points[0].mean(axis=0))
    across = first.direction[0] * second.direction[1] - first.direction[1] * second.direction[0]
    angle = math.degrees(math.atan2(turn * across, float(first.direction @ second.direction)))
    variance = math.degrees(1) ** 2 * (first.angle_variance + second.angle_variance)
    per_length = math.hypot(1 / first.length, 1 / second.length)
    places = math.degrees(math.sqrt(2) * per_length)
    return angle, variance, places, _legs(*look.points)


def _x(look: _Look) -> Taken:
    return _along_axis(look, 0)


def _y(look: _Look) -> Taken:
    return _along_axis(look, 1)


_TAKEN: Mapping[str, Callable[[_Look], Taken]] = {
    "distance": _distance,
    "width": _width,
    "diameter": _diameter,
    "radius": _radius,
    "angle": _angle,
    "concentricity": _concentricity,
    "x": _x,
    "y": _y,
}


def _apart(one: Spot, other: Spot, look: _Look) -> Taken:
    way = other.place - one.place
    length = float(np.hypot(*way))
    both = one.covariance + other.covariance
    # of two places that coincide no direction is known: take the worst one
    unit = way / length if length > 0 else np.zeros(2)
    variance = float(unit @ both @ unit) if length > 0 else float(np.trace(both))
    return length, variance, math.sqrt(2), _between(one.place, other.place, look)


def _from_line(line: Line, spot: Spot, look: _Look) -> Taken:
    way = spot.place - line.place
    across, along = float(way @ line.normal), float(way @ line.direction)
    variance = float(line.normal @ spot.covariance @ line.normal) + line.variance_at(along)
    foot = spot.place - across * line.normal
    return abs(across), variance, math.sqrt(2), _between(foot, spot.place, look)


def _lines_apart(one: Line, other: Line, look: _Look) -> Taken:
    """The distance of (about) parallel lines, at the middle between the middles of both."""
    same_way = math.copysign(1.0, float(one.direction @ other.direction))
    direction = one.direction + same_way * other.direction
    direction = direction / np.hypot(*direction)
    normal = np.array((-direction[1], direction[0]))
    middle = (one.place + other.place) / 2
    feet = [_meet(line, middle, normal) for line in (one, other)]
    variance = sum(
        line.variance_at(float((foot - line.place) @ line.direction))
        for line, foot in zip((one, other), feet, strict=True)
    )
    length = float(abs((feet[1] - feet[0]) @ normal))
    return length, variance, math.sqrt(2), _between(feet[0], feet[1], look)


def _meet(line: Line, point: Floats, way: Floats) -> Floats:
    """Where the ray from a point along `way` crosses a line."""
    return np.asarray(point + way * (((line.place - point) @ line.normal) / (way @ line.normal)))


def _along_axis(look: _Look, axis: int) -> Taken:
    spot = _spot_of(look.shapes[0])
    origin, axes, angle_variance = _frame(look)
    way = spot.place - origin.place
    places = axes @ way
    covariance = spot.covariance + origin.covariance
    unit, across = axes[axis], float(places[1 - axis])
    variance = float(unit @ covariance @ unit) + across * across * angle_variance
    foot = origin.place + places[0] * axes[0]
    first, last = (origin.place, foot) if axis == 0 else (foot, spot.place)
    return float(places[axis]), variance, math.sqrt(2), _between(first, last, look)


def _frame(look: _Look) -> tuple[Spot, Floats, float]:
    """Origin, the directions of x and y as rows (y to the right of x, as seen), variance of x's."""
    origin = _origin(look)
    space, x_axis = look.space, look.datum.x_axis
    at = space.to_part(origin.place[None])[0]
    x = x_axis.direction if x_axis else space.axes_at(at)[0]
    x = x / np.hypot(*x)
    y = space.turn_at(at) * np.array((-x[1], x[0]))
    located = math.radians(POSE_DEG) ** 2 if space.pose else 0.0
    return origin, np.stack((x, y)), x_axis.angle_variance if x_axis else located


def _origin(look: _Look) -> Spot:
    """The datum's, or that of the part, which is no surer than it was located."""
    if look.datum.origin is not None:
        return _spot_of(look.datum.origin)
    space, corner = look.space, np.zeros(2)
    error = POSE_PX * space.scale_at(corner) if space.pose else 0.0
    return Spot(place=space.of_part(corner[None])[0], covariance=error**2 * np.eye(2))


def _spot_of(shape: Shape) -> Spot:
    """A spot as it is, a circle as its centre."""
    if isinstance(shape, Line):
        raise TypeError("a line has no single place")
    return Spot(place=shape.place, covariance=shape.covariance[:2, :2])


def _only(look: _Look, kind: type[Circle]) -> Circle:
    shape = look.shapes[0]
    if not isinstance(shape, kind):
        raise TypeError(f"a {kind.__name__} is needed")
    return shape


def _round(circle: Circle, look: _Look) -> Floats:
    angles = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    ring = circle.place + circle.radius * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    return look.space.to_part(ring)


def _legs(one: Floats, other: Floats) -> Floats:
    """Along the first line to the end nearer to the second one, along that, and back."""
    ends = [(a, b) for a in (0, -1) for b in (0, -1)]
    a, b = min(ends, key=lambda pair: float(np.hypot(*(one[pair[0]] - other[pair[1]]))))
    far, near = one[-1 - a], one[a]
    return np.stack((far, near, other[b], other[-1 - b], other[b], near))


def _between(one: Floats, other: Floats, look: _Look) -> Floats:
    """A thin rectangle along the way between two places, at least a pixel long."""
    first, last = look.space.to_part(np.stack((one, other)))
    way = last - first
    length = max(float(np.hypot(*way)), 1e-9)
    along = way / length if length > 1e-6 else np.array((1.0, 0.0))
    stretch = along * max(0.0, (1 - length) / 2)
    first, last = first - stretch, last + stretch
    side = np.array((-along[1], along[0]))
    return np.stack((first + side, last + side, last - side, first - side))


def polygon(outline: Floats) -> Polygon:
    """An outline as a region."""
    return Polygon(points=tuple((x, y) for x, y in outline.tolist()))
