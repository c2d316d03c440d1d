"""Which places show a fault: one segmenter, its masks judged by class, size and number."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from station.core.errors import RecipeError
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
from station.vision.heat import lay
from station.vision.layout import CountRule
from station.vision.model import Model
from station.vision.things import OVERLAP, Looking, evidence, find_things


class Segment(Tool, kind="segment"):
    """Settings of a segmenter; the score is that of the strongest fault that is large enough."""

    model: ModelName
    model_sha256: FileHash = ""
    card_hash: CardHash = ""
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    accept_limit: ShareLimit = None
    reject_limit: ShareLimit = None
    minimum_area_px: float = Field(0.0, ge=0, description="smaller places are not looked at")
    overlap: float = Field(
        OVERLAP, gt=0, lt=1, description="where masks come with boxes: more overlap is one thing"
    )
    count: Mapping[str, CountRule] | None = Field(
        None, description="class -> how many must be there; for others: the card's"
    )

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        return in_order(self)

    def prepare(self, site: Site) -> Check:
        """Load the model from verified bytes, settle limits and counts.

        Raises:
            RecipeError: places of a mask are to be counted, however small.
        """
        model, limits = open_approved(self, site)
        card = model.card
        counts = settle_counts(card, self.count)
        if counts and card.boxes is None and self.minimum_area_px <= 0:
            raise RecipeError(
                f"tool {self.name!r} counts places of a mask: set minimum_area_px, or a thing "
                "that is seen in two pieces counts twice"
            )

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image, model, limits, counts)

        def score_map(frame: Frame) -> NDArray[np.float32]:
            heat = np.zeros(frame.image.shape[:2], np.float32)
            crop = cut(frame.image, self.region)
            region = self.region or whole(frame.image)
            lay(evidence(model, crop, card.reason_codes), region, heat)
            return heat

        return Check(
            run=run,
            regions=(self.region,) if self.region else None,
            score_map=score_map if card.boxes is None and card.reason_codes else None,
            models={card.reference: card.sha256},
            reason_codes=frozenset(
                (*card.reason_codes.values(), *(rule.reason for rule in counts.values()))
            ),
        )

    def _look(self, image: Image, model: Model, limits: Limits, counts: Counts) -> list[Finding]:
        names = dict.fromkeys((*model.card.reason_codes, *counts))
        looking = Looking(
            overlap=self.overlap,
            minimum_area_px=self.minimum_area_px,
            level=limits.accept_limit,
        )
        things = find_things(model, cut(image, self.region), names, looking)
        region = self.region or whole(image)
        return findings_of(self.name, things, model.card, counts, limits, region)
