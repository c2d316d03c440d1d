"""Lines and circles through edge points: outliers left out first, then least squares."""

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TRIALS = 100
"""Random samples for the robust start; with 40 % outliers 100 triples all fail once in 10^10."""
CUT = 3.0
"""Points further off than so many robust standard deviations are outliers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A single place, (2,), with its covariance (2, 2)."""

    place: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line through `place`, the middle of its points, with a direction of length 1."""

    place: Floats
    direction: Floats
    length: float
    """From its first to its last point."""
    offset_variance: float
    """Across the line at `place`."""
    angle_variance: float
    """rad²."""

    @property
    def normal(self) -> Floats:
        """The direction turned by +90 degrees."""
        return np.array((-self.direction[1], self.direction[0]))

    def variance_at(self, along: float) -> float:
        """Of the line's place across itself, so far along it from `place`."""
        return self.offset_variance + along * along * self.angle_variance


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A circle, with the covariance (3, 3) of (x, y, radius)."""

    place: Floats
    radius: float
    covariance: Floats


Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit(Generic[Shape]):
    """What was fitted, to which of the points, and how well."""

    shape: Shape
    used: NDArray[np.bool_]
    """(n,) the points that are no outliers."""
    residual: float
    """Standard deviation of the used points off the shape, in units of the points."""


def fit_line(points: Floats, floor: float) -> Fit[Line] | None:
    """The line through points (n, 2) in the order they were scanned; None below 3 points.

    Robust start: least median of squares (P. J. Rousseeuw, "Least Median of Squares Regression",
    J. Am. Stat. Assoc. 79 (1984) 871-880), then orthogonal least squares on the rest.

    Args:
        points: their order gives the direction.
        floor: no point nearer than this is an outlier, in units of the points.
    """
    if len(points) < 3:
        return None
    picks = _picks(len(points), 2)
    first, second = points[picks[:, 0]], points[picks[:, 1]]
    along = second - first
    length = np.hypot(along[:, 0], along[:, 1])
    good = length > 0
    if not good.any():
        return None
    first, along = first[good], along[good] / length[good, None]
    offset = points[None] - first[:, None]
    off = np.abs(along[:, None, 0] * offset[..., 1] - along[:, None, 1] * offset[..., 0])
    used = _near(off[_best(off)], 2, floor)
    line = _line_through(points[used])
    for _ in range(2):
        rest = (points - line[0]) @ np.array((-line[1][1], line[1][0]))
        used = _near(np.abs(rest), 2, floor)
        if used.sum() < 3:
            return None
        line = _line_through(points[used])
    return _line_fit(points, used, *line)


def fit_circle(points: Floats, floor: float) -> Fit[Circle] | None:
    """The circle through points (n, 2), as in `fit_line`; None below 4 points or on a line.

    Geometric least squares by Gauss-Newton: W. Gander, G. H. Golub, R. Strebel, "Least-Squares
    Fitting of Circles and Ellipses", BIT 34 (1994) 558-578.
    """
    if len(points) < 4:
        return None
    triples = points[_picks(len(points), 3)]
    centres, radii = _circles_through(triples)
    good = np.isfinite(radii)
    if not good.any():
        return None
    centres, radii = centres[good], radii[good]
    away = np.linalg.norm(points[None] - centres[:, None], axis=2)
    residuals = np.abs(away - radii[:, None])
    best = _best(residuals)
    used = _near(residuals[best], 3, floor)
    guess = np.array((*centres[best], radii[best]))
    for _ in range(3):
        if used.sum() < 4:
            return None
        fitted = _least_squares(points[used], guess)
        if fitted is None:
            return None
        guess = fitted
        off = np.abs(np.linalg.norm(points - guess[:2], axis=1) - guess[2])
        used = _near(off, 3, floor)
    return _circle_fit(points, used, guess)


def _line_fit(
    points: Floats, used: NDArray[np.bool_], place: Floats, direction: Floats
) -> Fit[Line]:
    kept = points[used] - place
    along, across = kept @ direction, kept @ np.array((-direction[1], direction[0]))
    variance = float((across**2).sum() / max(1, len(kept) - 2))
    shape = Line(
        place=place,
        direction=direction,
        length=float(np.ptp(along)),
        offset_variance=variance / len(kept),
        angle_variance=variance / max(float((along**2).sum()), 1e-300),
    )
    return Fit(shape=shape, used=used, residual=math.sqrt(variance))


def _line_through(points: Floats) -> tuple[Floats, Floats]:
    """Orthogonal least squares: the middle, and the direction from the first point to the last."""
    place = points.mean(axis=0)
    direction = np.linalg.svd(points - place, full_matrices=False)[2][0]
    if (points[-1] - points[0]) @ direction < 0:
        direction = -direction
    return place, direction


def _circle_fit(points: Floats, used: NDArray[np.bool_], circle: Floats) -> Fit[Circle] | None:
    if used.sum() < 4:
        return None
    kept = points[used]
    ways = kept - circle[:2]
    away = np.linalg.norm(ways, axis=1)
    variance = float(((away - circle[2]) ** 2).sum() / (len(kept) - 3))
    slopes = np.column_stack((ways / away[:, None], np.ones(len(kept))))
    shape = Circle(
        place=circle[:2],
        radius=float(circle[2]),
        covariance=variance * np.linalg.pinv(slopes.T @ slopes),
    )
    return Fit(shape=shape, used=used, residual=math.sqrt(variance))


def _least_squares(points: Floats, circle: Floats) -> Floats | None:
    """(x, y, radius) with the least sum of squared distances; None where it runs away."""
    for _ in range(20):
        ways = points - circle[:2]
        away = np.linalg.norm(ways, axis=1)
        if not away.min() > 0:
            return None
        slopes = np.column_stack((ways / away[:, None], np.ones(len(points))))
        step = np.linalg.lstsq(slopes, away - circle[2], rcond=None)[0]
        circle = circle + step
        if not np.isfinite(circle).all() or circle[2] <= 0:
            return None
        if np.abs(step).max() < 1e-9 * circle[2]:
            break
    return circle


def _circles_through(triples: Floats) -> tuple[Floats, Floats]:
    """Centres (m, 2) and radii (m,) of the circles through three points each; NaN on a line."""
    a = triples[:, 0]
    b, c = triples[:, 1] - a, triples[:, 2] - a
    double = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    double = np.where(np.abs(double) > 1e-12 * np.abs(b).max(), double, np.nan)
    bb, cc = (b**2).sum(axis=1), (c**2).sum(axis=1)
    x = (c[:, 1] * bb - b[:, 1] * cc) / double
    y = (b[:, 0] * cc - c[:, 0] * bb) / double
    return a + np.stack((x, y), axis=1), np.hypot(x, y)


def _picks(count: int, size: int) -> NDArray[np.intp]:
    """Samples of points to try, (trials, size): the same ones every time."""
    random = np.random.default_rng(0).random((TRIALS, count))
    return np.argpartition(random, size, axis=1)[:, :size]


def _best(residuals: Floats) -> int:
    """The trial of (trials, n) with the least median."""
    return int(np.median(residuals, axis=1).argmin())


def _near(residuals: Floats, parameters: int, floor: float) -> NDArray[np.bool_]:
    """Which points with residuals (n,) are no outliers.

    The scale is 1.4826 (1 + 5 / (n - p)) times the median: P. J. Rousseeuw, A. M. Leroy, "Robust
    Regression and Outlier Detection", Wiley 1987, ch. 5.
    """
    count = len(residuals)
    scale = 1.4826 * (1 + 5 / max(1, count - parameters)) * float(np.median(residuals))
    return np.asarray(residuals <= max(CUT * scale, floor), bool)
