"""Boxes, outlines, strokes and runs as labelling programs write them, drawn as one mask."""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import TeachError

TOLERANCE_PX = 1.5
"""Labelling programs round; farther outside, the label is of another picture."""
STROKE_PX = 3
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One mark, in pixels of its picture; shares of its sides where `is_relative`."""

    label: str
    points: Points
    is_box: bool = False
    """Two corners."""
    is_stroke: bool = False
    is_relative: bool = False
    runs: tuple[int, ...] = ()
    """Lengths of unmarked and marked pixels in turn, column by column (COCO's RLE)."""

    @property
    def area(self) -> float:
        """In the unit of the points, squared."""
        if self.runs:
            return float(sum(self.runs[1::2]))
        if self.is_box:
            (left, top), (right, bottom) = self.points
            return abs(right - left) * abs(bottom - top)
        return float(cv2.contourArea(np.asarray(self.points, np.float32)))


@dataclass(frozen=True, slots=True)
class Drawing:
    """All marks of one picture, and the file they were read from."""

    path: Path
    shapes: tuple[Shape, ...]
    size_px: tuple[int, int] | None = None
    """(width, height) the file says the picture has."""

    @property
    def is_rough(self) -> bool:
        """Whether any mark is a box."""
        return any(shape.is_box for shape in self.shapes)

    def draw(self, picture: Path, width: int, height: int) -> NDArray[np.bool_]:
        """(height, width): true within any of the marks.

        Raises:
            TeachError: the file was made for a picture of another size, or a mark lies outside.
        """
        if self.size_px and self.size_px != (width, height):
            wide, tall = self.size_px
            raise TeachError(
                f"{self.path} was made for a picture of {wide} x {tall}, {picture.name} is "
                f"{width} x {height}; label the picture as it is"
            )
        canvas = np.zeros((height, width), np.uint8)
        for number, shape in enumerate(self.shapes, 1):
            _draw(canvas, shape, f"mark {number} of {picture.name} in {self.path}")
        if not canvas.any():
            raise TeachError(f"the marks of {picture.name} in {self.path} hold no pixel; draw them")
        return canvas > 0


def _draw(canvas: NDArray[np.uint8], shape: Shape, which: str) -> None:
    height, width = canvas.shape
    if shape.runs:
        canvas |= _from_runs(shape.runs, width, height, which)
        return
    scale = (width, height) if shape.is_relative else (1, 1)
    points = np.asarray(shape.points, np.float64) * scale
    _check_inside(points, width, height, which)
    if shape.is_box:
        left, top = np.maximum(np.round(points.min(axis=0)), 0).astype(int)
        right, bottom = np.round(points.max(axis=0)).astype(int)
        canvas[top : max(bottom, top + 1), left : max(right, left + 1)] = 1
        return
    corners = [np.round(points).astype(np.int32)]
    if shape.is_stroke:
        line = cv2.polylines(np.zeros_like(canvas), corners, False, 1)
        canvas[cv2.dilate(line, np.ones((STROKE_PX, STROKE_PX), np.uint8)) > 0] = 1
    else:
        cv2.fillPoly(canvas, corners, 1)


def _check_inside(points: NDArray[np.float64], width: int, height: int, which: str) -> None:
    if not np.isfinite(points).all():
        raise TeachError(f"{which} has places that are no numbers; draw it anew")
    x, y = points[:, 0], points[:, 1]
    over = max(-x.min(), -y.min(), x.max() - width, y.max() - height)
    if over > TOLERANCE_PX:
        raise TeachError(
            f"{which} reaches {math.ceil(over)} pixels outside the picture of {width} x {height}: "
            f"x {x.min():.0f} to {x.max():.0f}, y {y.min():.0f} to {y.max():.0f}; is it the label "
            "of another picture, or of one that was resized?"
        )


def _from_runs(runs: tuple[int, ...], width: int, height: int, which: str) -> NDArray[np.uint8]:
    if sum(runs) != width * height:
        raise TeachError(
            f"{which} has runs over {sum(runs)} pixels, the picture has {width * height}; export "
            "the labels for the pictures as they are"
        )
    marked = np.arange(len(runs)) % 2
    return np.repeat(marked.astype(np.uint8), runs).reshape(width, height).T
