"""Where in the picture a lens calibration saw corners, what views are missing, and its report."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.vision.calibrating.board import BoardView
from station.vision.calibrating.lens import LensFit, Size, ViewFit

GRID = (8, 6)
"""Fields across and down that corners are counted in."""
ENOUGH_TILT_DEG = 12.0
ENLARGED = 40
"""Residuals are drawn so many times longer than they are."""

_ACROSS, _DOWN = ("left", "middle", "right"), ("top", "centre", "bottom")
Ink = tuple[int, int, int]
_WHITE: Ink = (255, 255, 255)
_BLACK: Ink = (30, 30, 30)
_GREEN: Ink = (90, 150, 60)
_RED: Ink = (40, 40, 200)
_GREY: Ink = (120, 120, 120)


def count_corners(
    views: Sequence[BoardView], size: Size, grid: tuple[int, int] = GRID
) -> NDArray[np.intp]:
    """Corners seen in each field of the picture, (rows, columns)."""
    points = np.concatenate([view.points_px for view in views])
    spans = [(0, size[1]), (0, size[0])]
    counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=grid[::-1], range=spans)
    return np.asarray(counts, np.intp)


def missing_views(fit: LensFit) -> list[str]:
    """In words, what pictures would make the calibration surer; empty where none would."""
    wanted = [
        f"no corner was seen in the {place} of the picture: add one with the board there"
        for place in missing_places([entry.view for entry in fit.views], fit.size)
    ]
    for axis, (low, high) in enumerate((("left", "right"), ("up", "down"))):
        tilts = [entry.tilt_deg[axis] for entry in fit.views]
        if min(tilts) > -ENOUGH_TILT_DEG and max(tilts) < ENOUGH_TILT_DEG:
            wanted.append(f"add views with the board tilted 20 to 40 degrees {low} and {high}")
    if fit.focal_error_share > 0.005:
        wanted.append(
            f"the focal length is known to {fit.focal_error_share:.1%} only: add nearer and more "
            "tilted views"
        )
    return wanted


def missing_places(views: Sequence[BoardView], size: Size) -> list[str]:
    """Ninths of the picture in which no corner was seen, as in "top left"."""
    counts = count_corners(views, size, (3, 3))
    return [
        f"{down} {across}"
        for row, down in enumerate(_DOWN)
        for column, across in enumerate(_ACROSS)
        if counts[row, column] == 0
    ]


def draw_report(fit: LensFit, camera_id: str) -> Image:
    """A picture of (about 800, 1100, 3): fields, corners and their residuals, views in words."""
    scale = 760 / fit.size[0]
    width, height = 760, round(fit.size[1] * scale)
    canvas = np.full((max(height + 130, 190 + 22 * len(fit.views)), 1120, 3), 255, np.uint8)
    lens = fit.lens
    _write(canvas, f"Lens of {camera_id}: {fit.size[0]} x {fit.size[1]} px", (20, 34), 0.8)
    words = (
        f"reprojection {lens.error_px:.3f} px, held out {lens.held_out_error_px:.3f} px, "
        f"{lens.views} views; residuals drawn {ENLARGED} times"
    )
    _write(canvas, words, (20, 62), 0.5, _GREY)
    plot = canvas[80 : 80 + height, 20 : 20 + width]
    _shade(plot, count_corners([entry.view for entry in fit.views], fit.size))
    for entry in fit.views:
        _draw_residuals(plot, entry, scale)
    cv2.rectangle(canvas, (20, 80), (20 + width, 80 + height), _BLACK, 1)
    legend = "numbers: corners seen in each field; red fields: none, the lens is a guess there"
    _write(canvas, legend, (20, height + 108), 0.45, _GREY)
    _list_views(canvas[80:, width + 40 :], fit)
    return canvas


def _shade(plot: Image, counts: NDArray[np.intp]) -> None:
    rows, columns = counts.shape
    height, width = plot.shape[:2]
    for row in range(rows):
        for column in range(columns):
            top, bottom = height * row // rows, height * (row + 1) // rows
            left, right = width * column // columns, width * (column + 1) // columns
            count = int(counts[row, column])
            pale = np.array((225, 240, 220)) if count else np.array((205, 205, 250))
            plot[top:bottom, left:right] = pale - np.minimum(count, 60) // 2
            cv2.rectangle(plot, (left, top), (right, bottom), _WHITE, 1)
            _write(plot, str(count), (left + 5, bottom - 6), 0.4, _GREY)


def _draw_residuals(plot: Image, entry: ViewFit, scale: float) -> None:
    starts = np.round(entry.view.points_px * scale).astype(int)
    ends = np.round((entry.view.points_px + ENLARGED * entry.residuals_px) * scale).astype(int)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        cv2.line(plot, start, end, _RED, 1, cv2.LINE_AA)
        cv2.circle(plot, start, 2, _GREEN, cv2.FILLED, cv2.LINE_AA)


def _list_views(column: Image, fit: LensFit) -> None:
    _write(column, "view", (0, 16), 0.5)
    _write(column, "error px", (190, 16), 0.5)
    for number, entry in enumerate(fit.views, 2):
        y = number * 22 - 6
        _write(column, entry.view.name[-22:], (0, y), 0.42)
        _write(column, f"{entry.error_px:.3f}", (190, y), 0.42)


def _write(
    canvas: Image, text: str, at: tuple[int, int], scale: float, colour: Ink = _BLACK
) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
