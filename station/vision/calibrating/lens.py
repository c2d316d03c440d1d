"""A lens from views of a board: which views count, the fit, and what it is worth on unseen ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.corrections import Lens
from station.core.errors import CalibrationError
from station.vision.calibrating.board import BoardView
from station.vision.correction import distorted, to_acquired

Points = NDArray[np.float64]
Size = tuple[int, int]

FEWEST_VIEWS = 6
ALIKE_SHARE = 0.03
"""Views whose corners lie within this share of the diagonal of each other are one view."""
LEAST_TILT_DEG = 10.0
"""Views that differ in direction by less leave focal length and distance undecided."""
ODD_FACTOR, ODD_PX = 2.5, 0.15
"""A view is odd above so many times the median error and so much above it."""
MOST_ODD_SHARE = 1 / 3
WORST_ERROR_PX = 1.0
"""A sharp board in a sound lens is explained to a tenth of this."""
FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFit:
    """One view and how the fitted lens explains it."""

    view: BoardView
    error_px: float
    residuals_px: Points
    """(n, 2): seen less predicted."""
    tilt_deg: tuple[float, float]
    """Board turned about its vertical and its horizontal axis, against the sensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A view the fit does not rest on, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LensFit:
    """A lens and all that must be known to trust it."""

    lens: Lens
    size: Size
    views: tuple[ViewFit, ...]
    dropped: tuple[Dropped, ...]
    focal_error_share: float
    """Standard error of the focal length, as a share of it."""
    field_share: float
    """Share of the acquired picture's area the corrected picture still shows."""


def fit_lens(views: Sequence[BoardView], size: Size) -> LensFit:
    """Camera matrix and distortion (Zhang 2000) from views of one board, pictures of one size.

    Raises:
        CalibrationError: too few views, too much alike, or not of one lens; says what to add.
    """
    distinct, dropped = _distinct(views, size)
    if len(distinct) < FEWEST_VIEWS:
        raise CalibrationError(
            f"only {len(distinct)} of {len(views)} pictures with a board differ enough; at least "
            f"{FEWEST_VIEWS} are needed, 12 to 20 are good: move the board to every corner of "
            "the picture and tilt it 20 to 40 degrees each way"
        )
    kept, odd, fit = _without_odd(distinct, size)
    _check_tilt(fit)
    held_out = {k3: _held_out(kept, size, with_k3=k3) for k3 in (False, True)}
    # the third radial term bends wildly where no corner was seen, so it must earn its place
    with_k3 = held_out[True] < 0.98 * held_out[False]
    fit = _Fit.of(kept, size, with_k3=with_k3)
    lens = _lens(fit, size, held_out[with_k3])
    if not lens.held_out_error_px <= WORST_ERROR_PX:
        raise CalibrationError(
            f"no lens explains these pictures: corners are off by {lens.held_out_error_px:.1f} px; "
            "keep focus and zoom as they are, hold the board still and flat; lenses wider than "
            "about 120 degrees cannot be calibrated here"
        )
    return LensFit(
        lens=lens,
        size=size,
        views=tuple(fit.explain(number) for number in range(len(kept))),
        dropped=(*dropped, *odd),
        focal_error_share=fit.focal_error_share,
        field_share=_field_share(lens, size),
    )


def view_error(points: Points) -> float:
    """Root mean square length of residuals (n, 2)."""
    return float(np.sqrt((points**2).sum(axis=1).mean()))


@dataclass(frozen=True, slots=True)
class _Fit:
    views: Sequence[BoardView]
    matrix: Points
    distortion: Points
    turns: Sequence[Points]
    shifts: Sequence[Points]
    focal_error_share: float

    @classmethod
    def of(cls, views: Sequence[BoardView], size: Size, *, with_k3: bool) -> "_Fit":
        flags = 0 if with_k3 else cv2.CALIB_FIX_K3
        criteria = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 100, 1e-9)
        objects = [_solid(view) for view in views]
        corners = [np.ascontiguousarray(view.points_px, np.float32) for view in views]
        _, matrix, distortion, turns, shifts, deviations, _, _ = cv2.calibrateCameraExtended(
            objects, corners, size, np.eye(3), np.zeros(5), flags=flags, criteria=criteria
        )
        if not (np.isfinite(matrix).all() and np.isfinite(distortion).all()):
            raise CalibrationError("the views contradict each other; take new pictures")
        share = float(np.max(deviations.ravel()[:2] / matrix[(0, 1), (0, 1)]))
        flat = np.asarray(distortion, np.float64).ravel()[:5]
        return cls(
            views, np.asarray(matrix, np.float64), flat, _exact(turns), _exact(shifts), share
        )

    def residuals(self, number: int) -> Points:
        view = self.views[number]
        seen = self._project(view, self.turns[number], self.shifts[number])
        return view.points_px - seen

    def held_out(self, view: BoardView) -> Points:
        """Residuals of a view the fit did not see: only where the board lay is fitted."""
        _, turn, shift = cv2.solvePnP(
            _solid(view), view.points_px, self.matrix, self.distortion, flags=cv2.SOLVEPNP_ITERATIVE
        )
        return view.points_px - self._project(view, np.asarray(turn), np.asarray(shift))

    def explain(self, number: int) -> ViewFit:
        residuals = self.residuals(number)
        normal = self.normal(number)
        about_vertical = np.degrees(np.arctan2(normal[0], normal[2]))
        about_horizontal = np.degrees(np.arctan2(normal[1], normal[2]))
        return ViewFit(
            view=self.views[number],
            error_px=view_error(residuals),
            residuals_px=residuals,
            tilt_deg=(float(about_vertical), float(about_horizontal)),
        )

    def normal(self, number: int) -> Points:
        """The board's normal in camera coordinates."""
        turn, _ = cv2.Rodrigues(self.turns[number])
        return np.asarray(turn, np.float64)[:, 2]

    def _project(self, view: BoardView, turn: Points, shift: Points) -> Points:
        seen, _ = cv2.projectPoints(_solid(view), turn, shift, self.matrix, self.distortion)
        return np.asarray(seen, np.float64).reshape(-1, 2)


def _exact(vectors: Sequence[object]) -> list[Points]:
    return [np.asarray(vector, np.float64) for vector in vectors]


def _solid(view: BoardView) -> NDArray[np.float32]:
    return np.column_stack((view.points_mm, np.zeros(len(view.ids)))).astype(np.float32)


def _distinct(
    views: Sequence[BoardView], size: Size
) -> tuple[list[BoardView], tuple[Dropped, ...]]:
    kept: list[BoardView] = []
    dropped: list[Dropped] = []
    for view in views:
        twin = next((other for other in kept if alike(view, other, size)), None)
        if twin is None:
            kept.append(view)
        else:
            dropped.append(Dropped(name=view.name, why=f"nearly the same view as {twin.name}"))
    return kept, tuple(dropped)


def alike(one: BoardView, other: BoardView, size: Size) -> bool:
    """Whether two views add nothing to each other: common corners lie almost in one place."""
    _, mine, theirs = np.intersect1d(one.ids, other.ids, return_indices=True)
    if len(mine) < len(one.ids) / 2:
        return False
    moved = np.hypot(*(one.points_px[mine] - other.points_px[theirs]).T)
    return bool(moved.max() < ALIKE_SHARE * np.hypot(*size))


def _without_odd(
    views: list[BoardView], size: Size
) -> tuple[list[BoardView], tuple[Dropped, ...], _Fit]:
    """Drop the worst view and fit again, as long as one stands out."""
    kept = list(views)
    odd: list[Dropped] = []
    while True:
        fit = _Fit.of(kept, size, with_k3=False)
        errors = np.array([view_error(fit.residuals(number)) for number in range(len(kept))])
        worst, median = int(errors.argmax()), float(np.median(errors))
        if errors[worst] <= max(ODD_FACTOR * median, median + ODD_PX):
            return kept, tuple(odd), fit
        why = f"error {errors[worst]:.2f} px, the others {median:.2f} px: moved, bent or blurred?"
        odd.append(Dropped(name=kept.pop(worst).name, why=why))
        if len(kept) < FEWEST_VIEWS or len(odd) > MOST_ODD_SHARE * len(views):
            names = ", ".join(entry.name for entry in odd)
            raise CalibrationError(
                f"too many pictures contradict the others ({names}); hold the board still and "
                "flat, keep focus and zoom as they are, and take new pictures"
            )


def _check_tilt(fit: _Fit) -> None:
    normals = np.array([fit.normal(number) for number in range(len(fit.views))])
    widest = float(np.degrees(np.arccos(np.clip(normals @ normals.T, -1, 1).min())))
    if widest < LEAST_TILT_DEG:
        raise CalibrationError(
            f"all views show the board from one direction (within {widest:.0f} degrees), which "
            "leaves the focal length undecided; tilt it 20 to 40 degrees left, right, up and down"
        )


def _held_out(views: Sequence[BoardView], size: Size, *, with_k3: bool) -> float:
    """Root mean square residual over views that took no part in the fit, in turn."""
    residuals = []
    for fold in range(FOLDS):
        rest = [view for number, view in enumerate(views) if number % FOLDS != fold]
        fit = _Fit.of(rest, size, with_k3=with_k3)
        residuals += [fit.held_out(view) for view in views[fold::FOLDS]]
    return view_error(np.concatenate(residuals))


def _lens(fit: _Fit, size: Size, held_out_px: float) -> Lens:
    residuals = [fit.residuals(number) for number in range(len(fit.views))]
    k1, k2, p1, p2, k3 = fit.distortion.tolist()
    return Lens(
        camera_matrix=tuple(fit.matrix.ravel().tolist()),
        distortion=(k1, k2, p1, p2, k3),
        corrected_matrix=corrected_matrix(fit.matrix, (k1, k2, p1, p2, k3), size),
        error_px=view_error(np.concatenate(residuals)),
        held_out_error_px=held_out_px,
        views=len(fit.views),
    )


def corrected_matrix(
    matrix: Points, distortion: tuple[float, ...], size: Size
) -> tuple[float, ...]:
    """The undistorted camera with the widest view in which every pixel was acquired, square ones.

    Raises:
        CalibrationError: the distortion folds over within the picture.
    """
    near, far = 0.3, 4.0
    for _ in range(40):
        zoom = (near + far) / 2
        if _stays_inside(_zoomed(matrix, zoom), matrix, distortion, size):
            far = zoom
        else:
            near = zoom
    if far > 3.9:
        raise CalibrationError(
            "the distortion found is not one: straight lines would fold; bring the board into the "
            "corners of the picture"
        )
    return tuple(_zoomed(matrix, far).ravel().tolist())


def _zoomed(matrix: Points, zoom: float) -> Points:
    focal = zoom * float(np.sqrt(matrix[0, 0] * matrix[1, 1]))
    return np.array(((focal, 0, matrix[0, 2]), (0, focal, matrix[1, 2]), (0, 0, 1)))


def _stays_inside(new: Points, matrix: Points, distortion: tuple[float, ...], size: Size) -> bool:
    """Whether all pixel centres of the corrected picture were acquired, and in their order."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0.5, width - 0.5, 41), np.linspace(0.5, height - 0.5, 31))
    rays = (np.stack((x.ravel(), y.ravel()), axis=1) - new[:2, 2]) / new[0, 0]
    seen = distorted(rays, distortion) * matrix[(0, 1), (0, 1)] + matrix[:2, 2]
    u, v = seen.T.reshape(2, *x.shape)
    ordered = bool((np.diff(u, axis=1) > 0).all() and (np.diff(v, axis=0) > 0).all())
    return ordered and bool((seen >= 0.5).all() and (seen <= np.array(size) - 0.5).all())


def _field_share(lens: Lens, size: Size) -> float:
    width, height = size
    edge = np.linspace(0, 1, 50, endpoint=False)[:, np.newaxis]
    corners = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float64)
    outline = np.concatenate(
        [corners[i] + edge * (corners[(i + 1) % 4] - corners[i]) for i in range(4)]
    )
    area = cv2.contourArea(to_acquired(outline, lens).astype(np.float32))
    return float(area) / (width * height)
