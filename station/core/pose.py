"""Where a part lies in an image: its own coordinates turned, scaled and moved."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.region import Polygon, Rectangle, Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """A similarity: image point = (x, y) + scale * R(angle) * part point, all in pixels.

    Coordinates are continuous: pixel (column i, row j) covers i to i + 1 and j to j + 1, so its
    centre is at (i + 0.5, j + 0.5); OpenCV's index coordinates are 0.5 less. The angle is
    clockwise as seen (y points down), in degrees.
    """

    x: float = 0.0
    y: float = 0.0
    """Where the part's origin lies, the top-left corner of its view."""
    angle_deg: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.angle_deg, self.scale)
        if not all(math.isfinite(number) for number in numbers) or self.scale <= 0:
            raise ValueError(f"a pose needs finite numbers and a scale above zero, got {numbers}")

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(2, 3): continuous part coordinates to continuous image coordinates."""
        cos = self.scale * math.cos(math.radians(self.angle_deg))
        sin = self.scale * math.sin(math.radians(self.angle_deg))
        return np.array(((cos, -sin, self.x), (sin, cos, self.y)))

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (…, 2) of the part as points of the image."""
        matrix = self.matrix
        return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float64)

    def to_part(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (…, 2) of the image as points of the part."""
        matrix = self.matrix
        # a rotation times a scale: the inverse is the transpose by the scale squared
        return np.asarray((points - matrix[:, 2]) @ matrix[:, :2] / self.scale**2, np.float64)

    def place(self, region: Region) -> Region:
        """A region of the part as a region of the image."""
        if isinstance(region, Polygon):
            points = self.to_image(np.array(region.points)).tolist()
            return Polygon(points=tuple((x, y) for x, y in points))
        width, height = region.width * self.scale, region.height * self.scale
        centre = np.array((region.x + region.width / 2, region.y + region.height / 2))
        cx, cy = self.to_image(centre).tolist()
        angle_deg = (region.angle_deg + self.angle_deg + 180) % 360 - 180
        return Rectangle(
            x=cx - width / 2, y=cy - height / 2, width=width, height=height, angle_deg=angle_deg
        )
