"""From places in a model's input back to places in the picture it was shown, and in the frame."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.region import Point, Polygon, Rectangle, Region
from station.vision.card import ModelInput


@dataclass(frozen=True, slots=True)
class Placement:
    """How a picture lies in a model's input: input = picture * scale + offset, in pixels."""

    scale_x: float
    scale_y: float
    left: int
    top: int
    width: int
    height: int
    """Of the picture."""

    @property
    def area_scale(self) -> float:
        """Pixels of the picture for each of the input."""
        return 1 / (self.scale_x * self.scale_y)

    def back(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points (…, 2) in the input as points in the picture; may lie outside it."""
        offset = np.array((self.left, self.top), np.float32)
        return np.asarray((points - offset) / (self.scale_x, self.scale_y), np.float32)


def placement(width: int, height: int, contract: ModelInput) -> Placement:
    """Where `station.vision.geometry.fit` puts a picture of this size."""
    if contract.fit == "stretch":
        return Placement(contract.width / width, contract.height / height, 0, 0, width, height)
    scale = min(contract.width / width, contract.height / height)
    inner_width = min(contract.width, max(1, round(width * scale)))
    inner_height = min(contract.height, max(1, round(height * scale)))
    left, top = (contract.width - inner_width) // 2, (contract.height - inner_height) // 2
    return Placement(inner_width / width, inner_height / height, left, top, width, height)


def box_in(corners: Iterable[float], width: int, height: int) -> Rectangle:
    """Two corners as a rectangle inside a picture, at least a pixel wide and high."""
    x1, y1, x2, y2 = corners
    left, right = sorted((min(max(x1, 0.0), width), min(max(x2, 0.0), width)))
    top, bottom = sorted((min(max(y1, 0.0), height), min(max(y2, 0.0), height)))
    left, top = min(left, width - 1), min(top, height - 1)
    return Rectangle(x=left, y=top, width=max(right - left, 1.0), height=max(bottom - top, 1.0))


def place_points(points: Iterable[Point], region: Region) -> Polygon:
    """A polygon in a region's crop as one in the image: beside its corner, turned with it."""
    if isinstance(region, Rectangle) and region.angle_deg % 360:
        origin, along, across = (np.array(region.corners[i]) for i in (0, 1, 3))
        u, v = (along - origin) / region.width, (across - origin) / region.height
        placed = [origin + x * u + y * v for x, y in points]
        return Polygon(points=tuple((float(x), float(y)) for x, y in placed))
    left = min(x for x, _ in region.corners)
    top = min(y for _, y in region.corners)
    if isinstance(region, Polygon):
        left, top = max(0.0, float(np.floor(left))), max(0.0, float(np.floor(top)))
    return Polygon(points=tuple((left + x, top + y) for x, y in points))
