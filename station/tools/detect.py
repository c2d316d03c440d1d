"""What is there and what is not: one detector, its boxes judged by class, size and number."""

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import Field, model_validator

from station.core.errors import ModelError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.region import Region
from station.core.result import Finding
from station.tools.found import Counts, findings_of, settle_counts
from station.vision.card import Limits, find_model
from station.vision.geometry import cut, whole
from station.vision.layout import CountRule
from station.vision.model import Model, load_model
from station.vision.things import OVERLAP, Looking, find_things


class Detect(Tool, kind="detect"):
    """Settings of a detector; the score is the confidence of the strongest fault it finds."""

    model: str = Field(min_length=1, description="name/version of the model, or its name alone")
    model_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved file")
    card_hash: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved card")
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    accept_limit: float | None = Field(None, ge=0, le=1, description="absent: the card's")
    reject_limit: float | None = Field(None, ge=0, le=1, description="absent: the card's")
    minimum_area_px: float = Field(0.0, ge=0, description="smaller boxes are not looked at")
    overlap: float = Field(OVERLAP, gt=0, lt=1, description="boxes that overlap more are one thing")
    count: Mapping[str, CountRule] | None = Field(
        None, description="class -> how many must be there; absent: the card's"
    )

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        accept, reject = self.accept_limit, self.reject_limit
        if accept is not None and reject is not None and accept > reject:
            raise ValueError(f"accept_limit {accept} must not be above reject_limit {reject}")
        return self

    def prepare(self, site: Site) -> Check:
        """Load the model from verified bytes, settle limits and counts."""
        folder = find_model(self.model, site.model_dirs)
        model = load_model(
            folder, expected_sha256=self.model_sha256, expected_card_hash=self.card_hash
        )
        card = model.card
        if card.task != "detect":
            raise ModelError(f"model {card.reference} is for {card.task}, not detect")
        limits = card.limits_with(self.accept_limit, self.reject_limit)
        counts = settle_counts(card, self.count)

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image, model, limits, counts)

        return Check(
            run=run,
            models={card.reference: card.sha256},
            reason_codes=frozenset(
                (*card.reason_codes.values(), *(rule.reason for rule in counts.values()))
            ),
        )

    def _look(self, image: Image, model: Model, limits: Limits, counts: Counts) -> list[Finding]:
        names = dict.fromkeys((*model.card.reason_codes, *counts))
        looking = Looking(overlap=self.overlap, minimum_area_px=self.minimum_area_px)
        things = find_things(model, cut(image, self.region), names, looking)
        region = self.region or whole(image)
        return findings_of(self.name, things, model.card, counts, limits, region)
