"""Is all there that should be, and nothing else: a view compared with a golden template."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, model_validator

from station.core.errors import ModelError, OutsideImageError, PictureError
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
NEVER = 1.1
"""A share out of view is never a defect of the part."""
REVIEW, LEAST_REVIEW = 1.1, 1e-9
USUAL_DISPLACED_PX, MOST_DISPLACED_PX = 1.5, 32.0
"""Taught from too few parts to tell, and at most."""
"""Displaced or faded by up to a tenth more than is good, a person looks."""


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
        16.0, ge=0, le=32, description="the view may lie so far from where it was taught"
    )
    local_shift_at_most_px: float = Field(
        4.0, ge=0, le=32, description="a place may lie so far from where the rest says it is"
    )
    displaced_at_most_px: float | None = Field(
        None,
        gt=0,
        le=32,
        allow_inf_nan=False,
        description="a place may be seen so far from where the rest says; about half of how far "
        "one feature alone really lies off; absent: as taught, from good parts left out in turn",
    )
    contrast_at_least: float = Field(
        0.85, ge=0, le=1, description="share of its contrast that dark print must have, light aside"
    )
    light_tolerance: float = Field(
        0.3, ge=0, le=1, description="light may be brighter or darker by this share"
    )
    gap_px: int = Field(8, ge=0, le=64, description="differences no farther apart are one")
    thinnest_px: int = Field(
        2, ge=1, le=16, description="differences thinner than this are noise; 1: hairlines count"
    )
    seen_at_least: float = Field(
        0.9, ge=0, le=1, description="where shifts leave less of it in view, a person looks"
    )
    margin_px: float = Field(
        10.0, ge=0, le=64, description="regions are drawn so much larger than what differs"
    )
    material: Material = Field("dark", description="print or copper is darker or brighter")
    missing_reason: ReasonCode = Field("material_missing", description="there is too little of it")
    extra_reason: ReasonCode = Field("material_extra", description="there is too much of it")
    smeared_reason: ReasonCode = Field("smeared", description="it is faint, or beside its place")
    displaced_reason: ReasonCode = Field("displaced", description="print lies beside its place")
    faded_reason: ReasonCode = Field("faded", description="all of the print is faint")
    unseen_reason: ReasonCode = Field("not_compared", description="too much of it is out of view")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        return in_order(self)

    def prepare(self, site: Site) -> Check:
        """Load the template from verified bytes and make it ready to be compared with."""
        taught = open_taught(self, site)
        template = template_from(taught)
        region = region_of(taught)
        comparison = Comparison(template, self._tolerance, self.material)
        displaced_px = self.displaced_at_most_px or displaced_limit_of(taught)

        def run(frame: Frame) -> Sequence[Finding]:
            seen = view_to_compare(frame, region, template, self._reach_px)
            compared = comparison.compare(*seen)
            return self._findings(compared, region or whole(frame.image), displaced_px)

        def score_map(frame: Frame) -> NDArray[np.float32]:
            heat = np.zeros(frame.image.shape[:2], np.float32)
            seen = view_to_compare(frame, region, template, self._reach_px)
            lay(comparison.excess(*seen), region or whole(frame.image), heat)
            return heat

        return Check(
            run=run,
            models={taught.card.reference: taught.card.hash},
            reason_codes=frozenset(
                (
                    *self._reasons.values(),
                    self.displaced_reason,
                    self.faded_reason,
                    self.unseen_reason,
                )
            ),
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
            thinnest_px=self.thinnest_px,
        )

    @property
    def _reach_px(self) -> int:
        """So far beyond a region a shifted part may reach."""
        return math.ceil(self.shift_at_most_px + self.local_shift_at_most_px) + self.tolerance_px

    @property
    def _reasons(self) -> Mapping[Kind, str]:
        return {
            "missing": self.missing_reason,
            "extra": self.extra_reason,
            "smeared": self.smeared_reason,
        }

    def _findings(
        self, compared: Compared, region: Rectangle, displaced_px: float
    ) -> list[Finding]:
        """One for every difference above the accept limit, or one OK with the largest's score."""
        told = [d for d in compared.differences if not d.area_px <= self.accept_limit]
        whole = list(self._of_the_whole(compared, region, displaced_px))
        if told or whole:
            return [*(self._finding(d, compared, region) for d in told[:MOST_FINDINGS]), *whole]
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

    def _of_the_whole(
        self, compared: Compared, region: Rectangle, displaced_px: float
    ) -> Iterator[Finding]:
        """What no single place shows; what was not compared proves nothing: a person looks."""
        unseen, faded = 1 - self.seen_at_least, 1 - self.contrast_at_least
        for score, accept_limit, reject_limit, reason in (
            (1 - compared.seen_share, unseen, NEVER, self.unseen_reason),
            (
                compared.displaced_px,
                displaced_px,
                displaced_px * REVIEW,
                self.displaced_reason,
            ),
            (
                float(np.maximum(0.0, 1 - compared.contrast_share)),
                faded,
                max(faded * REVIEW, LEAST_REVIEW),
                self.faded_reason,
            ),
        ):
            evaluation = decide(score, accept_limit=accept_limit, reject_limit=reject_limit)
            if evaluation is not Evaluation.OK:
                yield Finding(
                    tool=self.name,
                    evaluation=evaluation,
                    reason_code=reason,
                    score=score,
                    accept_limit=accept_limit,
                    reject_limit=reject_limit,
                    region=region,
                    measured=_facts(compared),
                )

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


def displaced_limit_of(taught: Taught) -> float:
    """How far a place may be seen from where the rest says, in px, as good parts were.

    Raises:
        ModelError: it is no number above zero.
    """
    limit = taught.card.settings.get("displaced_at_most_px", USUAL_DISPLACED_PX)
    if not isinstance(limit, int | float) or not 0 < limit <= MOST_DISPLACED_PX:
        raise ModelError(f"{taught.card.reference}: displaced_at_most_px {limit}; teach it again")
    return float(limit)


def view_to_compare(
    frame: Frame, region: Rectangle | None, template: Template, reach_px: int
) -> tuple[Image, tuple[int, int]]:
    """The region of an image in the template's channels, and where (x, y) it starts in that.

    With what is seen up to `reach_px` beside it; not on the view of a located part, which may be
    made up where the image ends.

    Raises:
        OutsideImageError: the region has another size than the template.
        PictureError: the image is grey, the template in colour.
    """
    image = frame.image
    view = cut(image, region)
    wide, tall = template.size
    if view.shape[:2] != (tall, wide):
        raise OutsideImageError(
            f"the view is {view.shape[1]} x {view.shape[0]}, the template {wide} x {tall}; wrong "
            "camera settings, or teach the template again"
        )
    if template.channels == 3 and image.ndim == 2:
        raise PictureError(
            "the picture is grey, the template in colour; set pixel_format of the camera to a "
            "colour one, or teach the template again"
        )
    if region is None or region.angle_deg % 360 or frame.pose is not None:
        return to_channels(view, template.channels), (0, 0)
    # the same rounding as that of `cut`
    left, top = max(0, round(region.x)), max(0, round(region.y))
    x, y = max(0, left - reach_px), max(0, top - reach_px)
    beside = image[y : top + tall + reach_px, x : left + wide + reach_px]
    return to_channels(beside, template.channels), (left - x, top - y)


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
        "displaced_px": round(compared.displaced_px, 2),
        "contrast_share": round(compared.contrast_share, 3),
    }
