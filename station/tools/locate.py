"""Find the part first: a taught view sought in the image; other tools get each part upright."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from station.core.errors import ModelError
from station.core.frame import Frame, Image
from station.core.part import Found, Part
from station.core.plugin import Check, Site, Tool
from station.core.pose import Pose
from station.core.reasons import ReasonCode
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding, decide
from station.tools.anchored import findings_of
from station.tools.approved import TaughtHash, TaughtName, in_order, open_taught
from station.vision.geometry import cut
from station.vision.locating import (
    Finder,
    Match,
    SearchRange,
    Symmetry,
    choose,
    find_shapes,
    finder_of,
    shape_of,
)
from station.vision.taught import Taught


class Locate(Tool, kind="locate"):
    """Settings of a search for parts; the score is the share of the taught edges not found.

    Below the accept limit the part is found, from the reject limit on there is none; between them
    it is judged, but the result is NOT_DECIDABLE.
    """

    taught: TaughtName
    taught_hash: TaughtHash = ""
    region: Rectangle | None = Field(
        None, description="upright; where parts are sought, all of the image if absent"
    )
    angle_range_deg: tuple[float, float] = Field(
        (-180.0, 180.0), description="turns that are sought, clockwise, against the taught view"
    )
    scale_range: tuple[float, float] = Field(
        (0.8, 1.2), description="sizes that are sought, against the taught view"
    )
    parts_at_least: int = Field(1, ge=1, le=100, description="fewer: part_not_found")
    parts_at_most: int = Field(1, ge=1, le=100, description="more: part_ambiguous")
    accept_limit: float = Field(
        0.37, ge=0, le=0.6, description="share of edges that may be missing"
    )
    reject_limit: float = Field(0.5, ge=0, le=0.6, description="from here on there is no part")
    weak_reason: ReasonCode = Field(
        "part_unclear", description="of a part found between the two limits"
    )

    @model_validator(mode="after")
    def _ranges_are_sound(self) -> Self:
        low, high = self.angle_range_deg
        if not -360 <= low <= high <= 360:
            raise ValueError(f"angle_range_deg {low} to {high} must rise and lie within ±360")
        small, large = self.scale_range
        if not 0.5 <= small <= large <= 2:
            raise ValueError(f"scale_range {small} to {large} must rise and lie within 0.5 to 2")
        if self.parts_at_least > self.parts_at_most:
            raise ValueError("parts_at_least must not be above parts_at_most")
        if self.region is not None and self.region.angle_deg % 360:
            raise ValueError("the region must be upright; turned parts are found anyway")
        return in_order(self)

    def prepare(self, site: Site) -> Check:
        """Load what was taught from verified bytes and work out the search."""
        taught = open_taught(self, site)
        symmetry = symmetry_of(taught)
        search = SearchRange(
            angle_deg=self.angle_range_deg, scale=self.scale_range, parts=self.parts_at_most
        )
        finder = finder_of(shape_of(taught.arrays), search)

        def find(frame: Frame) -> Found:
            return self._find(frame.image, finder, symmetry)

        return Check(
            run=findings_of(find),
            find=find,
            view_px=(finder.shape.width_px, finder.shape.height_px),
            regions=(self.region,) if self.region else None,
            models={taught.card.reference: taught.card.hash},
            reason_codes=frozenset({self.weak_reason}),
        )

    def _find(self, image: Image, finder: Finder, symmetry: Symmetry) -> Found:
        crop = np.ascontiguousarray(cut(image, self.region))
        left, top = (round(self.region.x), round(self.region.y)) if self.region else (0, 0)
        choice = choose(
            find_shapes(crop, finder),
            finder.shape,
            symmetry,
            least_match=1 - self.reject_limit,
            at_least=self.parts_at_least,
            at_most=self.parts_at_most,
        )
        parts = tuple(self._part(match, finder, (left, top)) for match in choice.matches)
        return Found(parts=parts, problem=choice.problem)

    def _part(self, match: Match, finder: Finder, corner: tuple[int, int]) -> Part:
        here = match.pose
        pose = Pose(
            x=here.x + corner[0],
            y=here.y + corner[1],
            angle_deg=here.angle_deg,
            scale=here.scale,
        )
        width, height = finder.shape.width_px, finder.shape.height_px
        score = 1 - match.match
        evaluation = decide(score, accept_limit=self.accept_limit, reject_limit=self.reject_limit)
        finding = Finding(
            tool=self.name,
            evaluation=evaluation,
            reason_code=None if evaluation is Evaluation.OK else self.weak_reason,
            score=score,
            accept_limit=self.accept_limit,
            reject_limit=self.reject_limit,
            region=pose.place(Rectangle(x=0, y=0, width=width, height=height)),
            measured={
                "x_px": round(pose.x, 3),
                "y_px": round(pose.y, 3),
                "angle_deg": round(pose.angle_deg, 4),
                "scale": round(pose.scale, 5),
                "match": round(match.match, 4),
            },
        )
        return Part(pose=pose, width_px=width, height_px=height, finding=finding)


def symmetry_of(taught: Taught) -> Symmetry:
    """How the taught part is symmetric.

    Raises:
        ModelError: what was taught does not say.
    """
    angle_deg = taught.card.settings.get("symmetry_deg")
    if not isinstance(angle_deg, int | float) or not 0 <= angle_deg <= 360:
        raise ModelError(f"{taught.card.reference} has symmetry_deg {angle_deg!r}; teach it again")
    centre = taught.array("centre").astype(np.float64)
    if centre.shape != (2,) or not np.isfinite(centre).all():
        raise ModelError(f"{taught.card.reference} has no sound centre; teach it again")
    return Symmetry(angle_deg=float(angle_deg), centre=centre)
