"""Find the part by a round edge: its place, and by a second one its angle."""

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from station.core.errors import PartAmbiguousError, PartNotFoundError
from station.core.frame import Frame, Image
from station.core.part import Found, Part
from station.core.plugin import Check, Site, Tool
from station.core.reasons import ReasonCode
from station.tools.anchored import (
    SearchRegion,
    View,
    anchored,
    angle_of,
    findings_of,
    lost,
    moved_view,
    view_size,
)
from station.vision.geometry import cut
from station.vision.locating import Finder, find_shapes
from station.vision.locating.round import circle_finder

Spots = list[tuple[NDArray[np.float64], float, float]]
"""Centre (2,), turn of the part in degrees, and match of each circle."""


class Round(BaseModel):
    """A round edge in the reference picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: float = Field(description="of its centre, in pixels")
    y: float = Field(description="of its centre, in pixels")
    radius_px: float = Field(ge=6, le=2000)
    size_within: float = Field(0.05, gt=0, le=0.3, description="share the radius may differ by")


class LocateCircle(Tool, kind="locate_circle"):
    """Settings of a part found by one round edge anywhere, and turned by where a second one lies.

    Without a second one the part must not turn: its view is taken upright. The score is the share
    of the edge that is not seen.
    """

    circle: Round
    second: Round | None = Field(None, description="gives the angle; on the same part")
    view: View
    region: SearchRegion = None
    second_within_px: float = Field(
        3.0, gt=0, le=50, description="so far the distance of the two may differ from the drawn one"
    )
    accept_limit: float = Field(0.3, ge=0, le=0.5, description="share of the edge that may lack")
    reject_limit: float = Field(0.5, ge=0, le=0.5, description="from here on there is no circle")
    weak_reason: ReasonCode = Field("part_unclear", description="of a part between the limits")

    def prepare(self, site: Site) -> Check:
        """Work out what the circles look like."""
        del site
        first = _finder_of(self.circle)
        second = _finder_of(self.second) if self.second else None

        def find(frame: Frame) -> Found:
            return self._find(frame.image, first, second)

        return Check(
            run=findings_of(find),
            find=find,
            view_px=view_size(self.view),
            regions=(self.region,) if self.region else None,
            reason_codes=frozenset({self.weak_reason}),
        )

    def _find(self, image: Image, first: Finder, second: Finder | None) -> Found:
        crop = np.ascontiguousarray(cut(image, self.region))
        corner = (round(self.region.x), round(self.region.y)) if self.region else (0, 0)
        circles = self._seen(crop, first, corner)
        if not circles:
            return lost(PartNotFoundError(f"no circle of {self.circle.radius_px:g} px is found"))
        pairs = circles if second is None else self._paired(circles, crop, second, corner)
        if not pairs:
            return lost(PartNotFoundError("the second circle is not found beside the first one"))
        if len(pairs) > 1:
            return lost(PartAmbiguousError(f"the part could lie in {len(pairs)} places"))
        return Found(parts=(self._part(*pairs[0]),))

    def _seen(self, crop: Image, finder: Finder, corner: tuple[int, int]) -> Spots:
        """Every circle once, the best first."""
        least = 1 - self.reject_limit
        matches = [match for match in find_shapes(crop, finder) if match.match > least]
        kept: Spots = []
        for match in matches:
            centre = match.pose.to_image(finder.shape.centre) + corner
            apart = (np.hypot(*(centre - other)) for other, _, _ in kept)
            if all(away > finder.shape.radius_px / 2 for away in apart):
                kept.append((centre, 0.0, match.match))
        return kept

    def _paired(
        self, circles: Spots, crop: Image, second: Finder, corner: tuple[int, int]
    ) -> Spots:
        """Each circle with the second one beside it, which tells how it is turned."""
        if self.second is None:
            return circles
        drawn = np.array((self.second.x - self.circle.x, self.second.y - self.circle.y))
        pairs: Spots = []
        others = self._seen(crop, second, corner)
        for centre, _, match in circles:
            for other, _, second_match in others:
                way = other - centre
                if abs(math.hypot(*way) - math.hypot(*drawn)) <= self.second_within_px:
                    turn_deg = angle_of(way) - angle_of(drawn)
                    pairs.append((centre, turn_deg, min(match, second_match)))
        return pairs

    def _part(self, centre: NDArray[np.float64], turn_deg: float, match: float) -> Part:
        here = np.array((self.circle.x, self.circle.y))
        pose = moved_view(self.view, here, centre, turn_deg)
        measured = {
            "centre_x_px": round(float(centre[0]), 3),
            "centre_y_px": round(float(centre[1]), 3),
            "match": round(match, 4),
        }
        return anchored(
            self.name, self.view, pose, measured,
            score=1 - match, limits=(self.accept_limit, self.reject_limit),
            weak_reason=self.weak_reason,
        )  # fmt: skip


def _finder_of(circle: Round) -> Finder:
    return circle_finder(circle.radius_px, circle.size_within)
