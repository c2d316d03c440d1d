"""Find the part by two straight edges that cross: their corner and the turn of the first."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from station.core.errors import PartNotFoundError
from station.core.frame import Frame
from station.core.part import Found
from station.core.plugin import Check, Site, Tool
from station.tools.anchored import (
    View,
    anchored,
    angle_of,
    findings_of,
    lost,
    moved_view,
    view_size,
)
from station.vision.geometry import to_channels
from station.vision.measuring.features import LineFeature
from station.vision.measuring.fits import Line
from station.vision.measuring.seeing import Unseen, see
from station.vision.measuring.space import Space

LEAST_CORNER_DEG = 20.0
"""Edges nearer to parallel than this cross nowhere sure."""

Straight = tuple[NDArray[np.float64], NDArray[np.float64]]
"""A point (2,) and a direction (2,)."""


class LocateEdges(Tool, kind="locate_edges"):
    """Settings of a part found by two edges, each sought near where it is in the reference picture.

    For parts that move and turn by less than the calipers reach. The place where the two lines are
    drawn is the zero of the pose.
    """

    first: LineFeature = Field(description="an edge in the reference picture; gives the angle")
    second: LineFeature = Field(description="another one that crosses it, maybe beyond its end")
    view: View
    corner_within_deg: float = Field(
        2.0, gt=0, le=20, description="so far the angle between the edges may differ from the drawn"
    )

    @model_validator(mode="after")
    def _edges_cross(self) -> Self:
        if abs(np.sin(np.radians(self._corner_deg))) < np.sin(np.radians(LEAST_CORNER_DEG)):
            raise ValueError(
                f"the two edges are drawn within {LEAST_CORNER_DEG:g}° of parallel; draw edges "
                "that cross"
            )
        return self

    @property
    def _corner_deg(self) -> float:
        return angle_of(_drawn(self.second)[1]) - angle_of(_drawn(self.first)[1])

    def prepare(self, site: Site) -> Check:
        """Nothing to load: the edges are drawn."""
        del site
        return Check(
            run=findings_of(self._find),
            find=self._find,
            view_px=view_size(self.view),
            regions=(self.first.region(), self.second.region()),
        )

    def _find(self, frame: Frame) -> Found:
        grey = to_channels(frame.image, 1)
        lines = []
        for name, feature in (("first", self.first), ("second", self.second)):
            seen = see(grey, feature, feature.calipers(), Space())
            if isinstance(seen, Unseen):
                return lost(PartNotFoundError(f"the {name} edge is not found: {seen.text}"))
            (line,) = seen.shapes
            if not isinstance(line, Line):
                return lost(PartNotFoundError(f"the {name} edge is no line"))
            lines.append((line.place, line.direction))
        return self._found(*lines)

    def _found(self, first: Straight, second: Straight) -> Found:
        corner_deg = angle_of(second[1]) - angle_of(first[1])
        off_deg = (corner_deg - self._corner_deg + 180) % 360 - 180
        if not abs(off_deg) <= self.corner_within_deg:
            return lost(
                PartNotFoundError(
                    f"the edges found make an angle {abs(off_deg):.1f}° off the drawn one; they "
                    "are not the part's"
                )
            )
        here = _crossing(_drawn(self.first), _drawn(self.second))
        turn_deg = angle_of(first[1]) - angle_of(_drawn(self.first)[1])
        there = _crossing(first, second)
        pose = moved_view(self.view, here, there, turn_deg)
        measured = {
            "corner_x_px": round(float(there[0]), 3),
            "corner_y_px": round(float(there[1]), 3),
            "corner_off_deg": round(off_deg, 3),
        }
        return Found(parts=(anchored(self.name, self.view, pose, measured),))


def _drawn(feature: LineFeature) -> Straight:
    start, end = np.array(feature.start, np.float64), np.array(feature.end, np.float64)
    return start, end - start


def _crossing(one: Straight, other: Straight) -> NDArray[np.float64]:
    """(2,) where two lines, each a point and a direction, cross."""
    ways = np.stack((one[1], -other[1]), axis=1)
    along = np.linalg.solve(ways, other[0] - one[0])
    return np.asarray(one[0] + along[0] * one[1], np.float64)
