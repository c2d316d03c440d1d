"""What is there and what is not: one detector, its boxes judged by class, size and number."""

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import Field, model_validator

from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.region import Region
from station.core.result import Finding
from station.tools.approved import (
    CardHash,
    FileHash,
    ModelName,
    ShareLimit,
    in_order,
    open_approved,
)
from station.tools.found import Counts, findings_of, settle_counts
from station.vision.card import Limits
from station.vision.geometry import cut, whole
from station.vision.layout import CountRule
from station.vision.model import Model
from station.vision.things import OVERLAP, Looking, find_things


class Detect(Tool, kind="detect"):
    """Settings of a detector; the score is the confidence of the strongest fault it finds."""

    model: ModelName
    model_sha256: FileHash = ""
    card_hash: CardHash = ""
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    accept_limit: ShareLimit = None
    reject_limit: ShareLimit = None
    minimum_area_px: float = Field(0.0, ge=0, description="smaller boxes are not looked at")
    overlap: float = Field(OVERLAP, gt=0, lt=1, description="boxes that overlap more are one thing")
    count: Mapping[str, CountRule] | None = Field(
        None, description="class -> how many must be there; for others: the card's"
    )

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        return in_order(self)

    def prepare(self, site: Site) -> Check:
        """Load the model from verified bytes, settle limits and counts."""
        model, limits = open_approved(self, site)
        card = model.card
        counts = settle_counts(card, self.count)

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image, model, limits, counts)

        return Check(
            run=run,
            regions=(self.region,) if self.region else None,
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
