"""Is all there that should be, and nothing else: a view compared with a golden template."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, model_validator

from station.core.errors import ModelError, OutsideImageError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.reasons import ReasonCode
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding, decide
from station.tools.approved import TaughtHash, TaughtName, in_order, open_taught
from station.vision.geometry import cut, place, to_channels, whole
from station.vision.golden.differences import (
    Compared,
    Comparison,
    Difference,
    Kind,
    Material,
    Tolerance,
)
from station.vision.golden.template import Template, template_from
from station.vision.heat import lay
from station.vision.taught import Taught

MOST_FINDINGS = 64


class Compare(Tool, kind="compare"):
    """Settings of a golden template; the score is the area of a difference in pixels."""

    taught: TaughtName
    taught_hash: TaughtHash = ""
    tolerance_px: int = Field(2, ge=0, le=16, description="edges may lie so far off")
    sensitivity_levels: int = Field(
        40, ge=1, le=254, description="grey levels beyond what is good from which a pixel differs"
    )
    accept_limit: float = Field(
        6.0, ge=0, allow_inf_nan=False, description="differences up to this area in px are good"
    )
    reject_limit: float = Field(
        12.0, gt=0, allow_inf_nan=False, description="from this area in px they are a defect"
    )
    shift_at_most_px: float = Field(
        8.0, ge=0, le=64, description="the view may lie so far from where it was taught"
    )
    local_shift_at_most_px: float = Field(
        4.0, ge=0, le=32, description="a place may lie so far from where the rest says it is"
    )
    light_tolerance: float = Field(
        0.3, ge=0, le=1, description="light may be brighter or darker by this share"
    )
    gap_px: int = Field(8, ge=0, le=64, description="differences no farther apart are one")
    margin_px: float = Field(
        10.0, ge=0, le=64, description="regions are drawn so much larger than what differs"
    )
    material: Material = Field("dark", description="print or copper is darker or brighter")
    missing_reason: ReasonCode = Field("material_missing", description="there is too little of it")
    extra_reason: ReasonCode = Field("material_extra", description="there is too much of it")
    smeared_reason: ReasonCode = Field("smeared", description="it is faint, or beside its place")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        return in_order(self)

    def prepare(self, site: Site) -> Check:
        """Load the template from verified bytes and make it ready to be compared with."""
        taught = open_taught(self, site)
        template = template_from(taught)
        region = region_of(taught)
        comparison = Comparison(template, self._tolerance, self.material)

        def run(frame: Frame) -> Sequence[Finding]:
            view = view_to_compare(frame.image, region, template)
            return self._findings(comparison.compare(view), region or whole(frame.image))

        def score_map(frame: Frame) -> NDArray[np.float32]:
            heat = np.zeros(frame.image.shape[:2], np.float32)
            view = view_to_compare(frame.image, region, template)
            lay(comparison.excess(view), region or whole(frame.image), heat)
            return heat

        return Check(
            run=run,
            models={taught.card.reference: taught.card.hash},
            reason_codes=frozenset(self._reasons.values()),
            regions=(region,) if region else None,
            score_map=score_map,
        )

    @property
    def _tolerance(self) -> Tolerance:
        return Tolerance(
            edge_px=self.tolerance_px,
            levels=self.sensitivity_levels,
            shift_px=self.shift_at_most_px,
            local_shift_px=self.local_shift_at_most_px,
            light=self.light_tolerance,
            gap_px=self.gap_px,
        )

    @property
    def _reasons(self) -> Mapping[Kind, str]:
        return {
            "missing": self.missing_reason,
            "extra": self.extra_reason,
            "smeared": self.smeared_reason,
        }

    def _findings(self, compared: Compared, region: Rectangle) -> list[Finding]:
        """One for every difference above the accept limit, or one OK with the largest's score."""
        told = [d for d in compared.differences if not d.area_px <= self.accept_limit]
        if told:
            return [self._finding(d, compared, region) for d in told[:MOST_FINDINGS]]
        score = max((float(d.area_px) for d in compared.differences), default=0.0)
        return [
            Finding(
                tool=self.name,
                evaluation=self._decided(score),
                score=score,
                accept_limit=self.accept_limit,
                reject_limit=self.reject_limit,
                region=region,
                measured=_facts(compared),
            )
        ]

    def _finding(self, difference: Difference, compared: Compared, region: Rectangle) -> Finding:
        score = float(difference.area_px)
        box = _with_margin(difference.box, self.margin_px, region)
        return Finding(
            tool=self.name,
            evaluation=self._decided(score),
            reason_code=self._reasons[difference.kind],
            score=score,
            accept_limit=self.accept_limit,
            reject_limit=self.reject_limit,
            region=place(box, region),
            measured={
                "area_px": difference.area_px,
                "whole_area_px": difference.whole_area_px,
                "depth_levels": difference.levels,
                **_facts(compared),
            },
            text=difference.kind,
        )

    def _decided(self, score: float) -> Evaluation:
        return decide(score, accept_limit=self.accept_limit, reject_limit=self.reject_limit)


def region_of(taught: Taught) -> Rectangle | None:
    """The region that was taught; None: all of the view.

    Raises:
        ModelError: it is no rectangle.
    """
    try:
        return REGION.validate_python(taught.card.settings.get("region"))
    except ValueError as error:
        raise ModelError(f"{taught.card.reference}: region: {error}; teach it again") from error


def view_to_compare(image: Image, region: Rectangle | None, template: Template) -> Image:
    """The region of an image, in the template's channels.

    Raises:
        OutsideImageError: it has another size than the template, or no colour where that has.
    """
    view = cut(image, region)
    wide, tall = template.size
    if view.shape[:2] != (tall, wide):
        raise OutsideImageError(
            f"the view is {view.shape[1]} x {view.shape[0]}, the template {wide} x {tall}; wrong "
            "camera settings, or teach the template again"
        )
    if template.channels == 3 and view.ndim == 2:
        raise OutsideImageError(
            "the view is grey, the template in colour; wrong camera settings, or teach it again"
        )
    return to_channels(view, template.channels)


REGION: TypeAdapter[Rectangle | None] = TypeAdapter(Rectangle | None)


def _with_margin(box: Rectangle, margin_px: float, region: Rectangle) -> Rectangle:
    """Larger on all sides, but not beyond the view."""
    left, top = max(0.0, box.x - margin_px), max(0.0, box.y - margin_px)
    right = min(region.width, box.x + box.width + margin_px)
    bottom = min(region.height, box.y + box.height + margin_px)
    return Rectangle(x=left, y=top, width=max(1.0, right - left), height=max(1.0, bottom - top))


def _facts(compared: Compared) -> dict[str, float]:
    return {
        "shift_px": round(compared.shift_px, 2),
        "light_gain": round(compared.gain, 3),
        "seen_share": round(compared.seen_share, 4),
    }
