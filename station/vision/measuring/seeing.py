"""From a feature's calipers in one image to its shape in pixels or mm, or why there is none."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.region import Region
from station.vision.measuring.calipers import Calipers, rows_of
from station.vision.measuring.edges import Edge, edge_of_rows, find_edges
from station.vision.measuring.features import (
    CircleFeature,
    Feature,
    LineFeature,
    PairFeature,
    PointFeature,
)
from station.vision.measuring.fits import Circle, Fit, Line, Spot, fit_circle, fit_line
from station.vision.measuring.space import Space

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A feature as it was found, in the units of its space."""

    shapes: tuple[Spot | Line | Circle, ...]
    """One shape, or the two spots of a pair."""
    points: Floats
    """(n, 2) edge points the shape rests on, in part coordinates."""
    wanted: int
    """How many points there could have been."""
    residual_px: float
    """Standard deviation of the points off the shape; of a single edge over its width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A feature that was not found, or not surely enough."""

    is_missing: bool
    """Hardly an edge; otherwise edges that make no sure shape."""
    text: str
    region: Region
    points: int
    wanted: int


def see(grey: Image, feature: Feature, calipers: Calipers, space: Space) -> Seen | Unseen:
    """Look for one feature, with its calipers, in a grey image of the part.

    Raises:
        OutsideImageError: its calipers reach out of the image.
    """
    if isinstance(feature, PointFeature | PairFeature):
        return _see_edges(grey, feature, calipers, space)
    return _see_shape(grey, feature, calipers, space)


def _see_edges(
    grey: Image, feature: PointFeature | PairFeature, calipers: Calipers, space: Space
) -> Seen | Unseen:
    """Each edge along the one caliper."""
    edges: tuple[Edge, ...] = (feature.edge,)
    if isinstance(feature, PairFeature):
        edges = (feature.edge, feature.second)
    rows = rows_of(grey, calipers)[0]
    found = [edge_of_rows(rows, edge) for edge in edges]
    seen = sum(math.isfinite(at) for at, _ in found)
    if seen < len(edges):
        return _unseen(feature, True, f"{seen} of {len(edges)} edges found", seen, len(edges))
    if not all(math.isfinite(variance) for _, variance in found):
        text = "the edge is not seen across the whole width of the caliper"
        return _unseen(feature, False, text, seen, len(edges))
    places = [at for at, _ in found]
    if any(second <= first for first, second in pairwise(places)):
        return _unseen(feature, False, "the second edge is the first one", 1, 2)
    start, way = calipers.starts[0], calipers.directions[0]
    points = np.stack([start + at * way for at in places])
    return Seen(
        shapes=tuple(
            _spot(point, way, variance, space)
            for point, (_, variance) in zip(points, found, strict=True)
        ),
        points=points,
        wanted=len(edges),
        residual_px=math.sqrt(max(variance for _, variance in found)),
    )


def _spot(point: Floats, way: Floats, variance_px2: float, space: Space) -> Spot:
    """A place that is as sure along its caliper as the edge, and across it is where we looked."""
    along = way @ space.axes_at(point)
    return Spot(
        place=space.of_part(point[None])[0], covariance=variance_px2 * np.outer(along, along)
    )


def _see_shape(
    grey: Image, feature: LineFeature | CircleFeature, calipers: Calipers, space: Space
) -> Seen | Unseen:
    edges = find_edges(rows_of(grey, calipers).mean(axis=1), feature.edge)
    seen = edges.seen
    needed = math.ceil(feature.points_share_at_least * feature.count)
    count = int(seen.sum())
    if 2 * count < needed:
        return _unseen(feature, True, f"{count} of {feature.count} edges", count, feature.count)
    at, starts, ways = edges.at_px[seen], calipers.starts[seen], calipers.directions[seen]
    points = starts + at[:, None] * ways
    if isinstance(feature, CircleFeature):
        points = feature.unblurred(points, edges.blur_px2[seen])
    scale = space.scale_at(points.mean(axis=0))
    fitted = _fit(feature, space.of_part(points), feature.form_error_px * scale)
    used = int(fitted.used.sum()) if fitted else 0
    if fitted is None or used < needed:
        text = f"{used} of {feature.count} edges lie on one {feature.kind}, {needed} must"
        return _unseen(feature, False, text, used, feature.count)
    residual_px = fitted.residual / scale
    if not residual_px <= feature.residual_at_most_px:
        text = f"edges are {residual_px:.2f} px off the {feature.kind}"
        return _unseen(feature, False, text, used, feature.count)
    return Seen(
        shapes=(fitted.shape,),
        points=points[fitted.used],
        wanted=feature.count,
        residual_px=residual_px,
    )


def _fit(
    feature: LineFeature | CircleFeature, points: Floats, floor: float
) -> Fit[Line] | Fit[Circle] | None:
    if isinstance(feature, LineFeature):
        return fit_line(points, floor)
    return fit_circle(points, floor)


def _unseen(feature: Feature, is_missing: bool, text: str, points: int, wanted: int) -> Unseen:
    return Unseen(
        is_missing=is_missing, text=text, region=feature.region(), points=points, wanted=wanted
    )
