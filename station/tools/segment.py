"""Which places show a fault: one segmenter, its masks judged by class, size and number."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from station.core.errors import ModelError, RecipeError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.region import Region
from station.core.result import Finding
from station.tools.found import Counts, findings_of, settle_counts
from station.vision.card import Limits, find_model
from station.vision.geometry import cut, whole
from station.vision.heat import lay
from station.vision.layout import CountRule
from station.vision.model import Model, load_model
from station.vision.things import OVERLAP, Looking, evidence, find_things


class Segment(Tool, kind="segment"):
    """Settings of a segmenter; the score is that of the strongest fault that is large enough."""

    model: str = Field(min_length=1, description="name/version of the model, or its name alone")
    model_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved file")
    card_hash: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved card")
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    accept_limit: float | None = Field(None, ge=0, le=1, description="absent: the card's")
    reject_limit: float | None = Field(None, ge=0, le=1, description="absent: the card's")
    minimum_area_px: float = Field(0.0, ge=0, description="smaller places are not looked at")
    overlap: float = Field(
        OVERLAP, gt=0, lt=1, description="where masks come with boxes: more overlap is one thing"
    )
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
        """Load the model from verified bytes, settle limits and counts.

        Raises:
            RecipeError: places of a mask are to be counted, however small.
        """
        folder = find_model(self.model, site.model_dirs)
        model = load_model(
            folder, expected_sha256=self.model_sha256, expected_card_hash=self.card_hash
        )
        card = model.card
        if card.task != "segment":
            raise ModelError(f"model {card.reference} is for {card.task}, not segment")
        limits = card.limits_with(self.accept_limit, self.reject_limit)
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
