"""Where sizes are taken: pixels of the image, or millimetres on the calibrated plane."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.configuration import Plane
from station.core.pose import Pose

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Part coordinates to the place sizes are taken in, and back.

    Pixels are those of the image, not of the part's view: the view has the size that was taught,
    whatever the size of the part, so a size taken there would always be right.
    """

    pose: Pose | None = None
    plane: Plane | None = None
    """Absent: pixels."""
    error: float = 0.0
    """Standard error of a point's place from the calibration, in mm; 0 in pixels."""

    def of_part(self, points: Floats) -> Floats:
        """Points (n, 2) of the part, continuous pixels, as points of the space."""
        points = self.pose.to_image(points) if self.pose else points
        return self.plane.to_mm(points) if self.plane else points

    def to_part(self, points: Floats) -> Floats:
        """Points (n, 2) of the space as points of the part, continuous pixels."""
        if self.plane:
            back = np.linalg.inv(np.array(self.plane.homography).reshape(3, 3))
            mapped = points @ back[:, :2].T + back[:, 2]
            points = mapped[:, :2] / mapped[:, 2:]
        return self.pose.to_part(points) if self.pose else points

    def axes_at(self, point: Floats) -> Floats:
        """What a pixel of the part to the right and one down come to at a point (2,) of it: (2, 2).

        Rows are the two steps, in units of the space.
        """
        steps = np.array(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
        here, right, down = self.of_part(point + steps)
        return np.stack((right - here, down - here))

    def scale_at(self, point: Floats) -> float:
        """Units of the space per pixel of the part, at a point (2,) of the part."""
        return math.sqrt(abs(float(np.linalg.det(self.axes_at(point)))))

    def turn_at(self, point: Floats) -> float:
        """1 where clockwise as seen turns x towards y here too, -1 where mm are mirrored."""
        return math.copysign(1.0, float(np.linalg.det(self.axes_at(point))))
