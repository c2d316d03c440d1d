"""A pinhole camera with distortion looking down on a tilted plane: its own geometry, no station."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Inside = Callable[[Floats, Floats], NDArray[np.bool_]]

SIZE = (640, 480)
FOCAL_PX = 900.0
MIDDLE = (325.0, 236.0)
DISTORTION = (-0.22, 0.06)
"""k1, k2 of Brown (1966): seen = ray * (1 + k1 r² + k2 r⁴)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where a plane lies before the camera; mm on it are counted from the middle of the view."""

    tilt_deg: tuple[float, float]
    """About the picture's x axis, and then about its y axis."""
    distance_mm: float = 100.0
    shift_mm: tuple[float, float] = (0.0, 0.0)
    """Where the middle of what is to be seen lies, seen from the optical axis."""

    @property
    def homography(self) -> Floats:
        """(3, 3): mm on the plane to undistorted rays (x, y, 1)."""
        a, b = (math.radians(angle) for angle in self.tilt_deg)
        about_x = np.array(
            ((1, 0, 0), (0, math.cos(a), -math.sin(a)), (0, math.sin(a), math.cos(a)))
        )
        about_y = np.array(
            ((math.cos(b), 0, math.sin(b)), (0, 1, 0), (-math.sin(b), 0, math.cos(b)))
        )
        turned = about_y @ about_x
        where = np.array((*self.shift_mm, self.distance_mm))
        return np.stack((turned[:, 0], turned[:, 1], where), axis=1)

    def seen(self, inside_mm: Inside) -> Inside:
        """What is inside in mm on the plane, told at continuous pixels of the acquired picture."""
        back = np.linalg.inv(self.homography)

        def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
            u, v = straightened(x, y)
            mm = [row[0] * u + row[1] * v + row[2] for row in back]
            return inside_mm(mm[0] / mm[2], mm[1] / mm[2])

        return inside


def straightened(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Undistorted rays of pixels, by fixed-point iteration: eight bring 1e-9 here."""
    seen_u, seen_v = (x - MIDDLE[0]) / FOCAL_PX, (y - MIDDLE[1]) / FOCAL_PX
    u, v = seen_u, seen_v
    for _ in range(8):
        r2 = u * u + v * v
        bend = 1 + r2 * (DISTORTION[0] + r2 * DISTORTION[1])
        u, v = seen_u / bend, seen_v / bend
    return u, v
