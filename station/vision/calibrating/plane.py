"""The plane parts lie in: pixels of the corrected picture to mm, from a board lying in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.configuration import Plane
from station.core.corrections import Lens
from station.core.errors import CalibrationError
from station.vision.calibrating.board import BoardView
from station.vision.correction import to_corrected

Points = NDArray[np.float64]
Size = tuple[int, int]

MOVED_PX = 1.0
"""Corners of one lying board that wander by more between pictures were moved."""
ODD_FACTOR, MOST_ODD_SHARE = 5.0, 0.1
WORST_RESIDUAL_PX = 3.0
DOUBTFUL_MISMATCH, WORST_MISMATCH = 0.005, 0.03
"""Unequal lengths of the two axes, or their lack of a right angle, as seen through the lens."""
SMALL_SHARE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneFit:
    """The plane and all that must be known to trust it."""

    plane: Plane
    mm_per_px: float
    """At the picture's centre."""
    residual_px: float
    worst_mm: float
    corners: int
    repeatability_px: float | None
    """Standard deviation of a corner from picture to picture; None from one picture."""
    tilt_deg: float | None
    """Of the plane against the sensor; None without a lens."""
    mismatch: float | None
    """How far the plane contradicts the lens; 0 is not at all."""
    covered_share: float
    """Share of the picture the board lay in; beyond it mm are extrapolated."""
    warnings: tuple[str, ...]


def fit_plane(views: Sequence[BoardView], lens: Lens | None, size: Size) -> PlaneFit:
    """Homography by least squares (Hartley and Zisserman 2004, 4.1) from pictures of one placing.

    Raises:
        CalibrationError: no board, it was moved between pictures, is not flat, or contradicts the
            lens.
    """
    points_px, points_mm, repeatability_px = _mean_view(views, lens)
    homography, kept = _without_odd(points_px, points_mm)
    plane = Plane(homography=tuple((homography / homography[2, 2]).ravel().tolist()), error_mm=1)
    residuals_mm = plane.to_mm(points_px[kept]) - points_mm[kept]
    lengths_mm = np.hypot(*residuals_mm.T)
    error_mm = float(np.sqrt((lengths_mm**2).sum() / max(1, len(lengths_mm) - 4)))
    mm_per_px = plane.mm_per_px((size[0] / 2, size[1] / 2))
    residual_px = error_mm / plane.mm_per_px(_centre(points_px))
    if residual_px > WORST_RESIDUAL_PX:
        raise CalibrationError(
            f"the board does not fit a plane: corners are off by {residual_px:.1f} px; lay it flat"
            + ("" if lens else ", and calibrate the lens first")
        )
    tilt_deg, mismatch = _against(homography, lens) if lens else (None, None)
    covered = _hull_area(points_px) / (size[0] * size[1])
    fit = PlaneFit(
        plane=plane.model_copy(update={"error_mm": max(error_mm, 1e-6)}),
        mm_per_px=mm_per_px,
        residual_px=residual_px,
        worst_mm=float(lengths_mm.max()),
        corners=int(kept.sum()),
        repeatability_px=repeatability_px,
        tilt_deg=tilt_deg,
        mismatch=mismatch,
        covered_share=covered,
        warnings=(),
    )
    return _warned(fit, lens)


def _mean_view(
    views: Sequence[BoardView], lens: Lens | None
) -> tuple[Points, Points, float | None]:
    """Corners in the corrected picture, averaged over the pictures, with mm, and their spread."""
    if not views:
        raise CalibrationError(
            "no board was found in the pictures; are its parameters those printed on it?"
        )
    common = set(views[0].ids.tolist()).intersection(*(view.ids.tolist() for view in views))
    if len(common) < 12:
        raise CalibrationError("the pictures have fewer than 12 corners in common; was it moved?")
    chosen = [np.isin(view.ids, list(common)) for view in views]
    acquired = [view.points_px[which] for view, which in zip(views, chosen, strict=True)]
    seen = np.stack([to_corrected(points, lens) if lens else points for points in acquired])
    spread = np.hypot(*(seen - seen.mean(axis=0)).T)
    if float(spread.max()) > MOVED_PX:
        raise CalibrationError(
            f"the board was moved between the pictures (by {2 * float(spread.max()):.1f} px); "
            "take several pictures of one placing, or one picture"
        )
    deviation = None
    if len(views) > 1:
        deviation = float(np.sqrt(seen.var(axis=0, ddof=1).sum(axis=1).mean()))
    return seen.mean(axis=0), views[0].points_mm[chosen[0]], deviation


def _without_odd(points_px: Points, points_mm: Points) -> tuple[Points, NDArray[np.bool_]]:
    """The homography, and which corners it rests on: glare and dirt spoil single ones."""
    kept = np.ones(len(points_px), bool)
    for _ in range(3):
        homography, _ = cv2.findHomography(points_px[kept], points_mm[kept], 0)
        if homography is None or not np.isfinite(homography).all():
            raise CalibrationError("the board's corners do not span a plane; take a new picture")
        seen = cv2.perspectiveTransform(points_px[np.newaxis], homography)[0]
        off = np.hypot(*(seen - points_mm).T)
        sound = off <= max(ODD_FACTOR * float(np.median(off)), 1e-6)
        if (sound == kept).all():
            break
        kept = sound
    if kept.mean() < 1 - MOST_ODD_SHARE:
        raise CalibrationError(
            f"{int((~kept).sum())} of {len(kept)} corners contradict the others; clean the board, "
            "lay it flat, avoid glare"
        )
    return np.asarray(homography, np.float64), kept


def _against(homography: Points, lens: Lens) -> tuple[float, float]:
    """Tilt in degrees, and how far the plane's axes are from equal and right-angled to the lens."""
    camera = np.array(lens.corrected_matrix).reshape(3, 3)
    axes = np.linalg.solve(camera, np.linalg.inv(homography))
    along, across = axes[:, 0], axes[:, 1]
    lengths = np.linalg.norm(along), np.linalg.norm(across)
    uneven = abs(float(lengths[0] / lengths[1]) - 1)
    askew = abs(float(along @ across / (lengths[0] * lengths[1])))
    normal = np.cross(along, across) / (lengths[0] * lengths[1])
    tilt = float(np.degrees(np.arccos(min(1.0, abs(float(normal[2] / np.linalg.norm(normal)))))))
    mismatch = max(uneven, askew)
    if mismatch > WORST_MISMATCH:
        raise CalibrationError(
            f"the plane contradicts the lens by {mismatch:.1%}: focus or zoom was changed since "
            "the lens was calibrated, or the board is not printed true; calibrate the lens again"
        )
    return tilt, mismatch


def _warned(fit: PlaneFit, lens: Lens | None) -> PlaneFit:
    warnings = []
    if lens is None:
        warnings.append(
            "there is no lens calibration: distortion goes into the scale, and mm beyond the "
            "board's place may be wrong; station calibrate lens comes first"
        )
    if fit.mismatch is not None and fit.mismatch > DOUBTFUL_MISMATCH:
        warnings.append(
            f"the plane contradicts the lens by {fit.mismatch:.2%}; is the board flat and printed "
            "true, and the focus as it was?"
        )
    if fit.covered_share < SMALL_SHARE:
        warnings.append(
            f"the board covers {fit.covered_share:.0%} of the picture; beyond it mm are "
            "extrapolated: use a larger board"
        )
    return replace(fit, warnings=tuple(warnings))


def _centre(points: Points) -> tuple[float, float]:
    x, y = points.mean(axis=0).tolist()
    return x, y


def _hull_area(points: Points) -> float:
    return float(cv2.contourArea(cv2.convexHull(points.astype(np.float32))))
