"""Which class is this region: one classifier, its classes mapped to reason codes by its card."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.region import Region
from station.core.result import Evaluation, Finding, decide
from station.tools.approved import (
    CardHash,
    FileHash,
    ModelName,
    ShareLimit,
    in_order,
    open_approved,
)
from station.vision.card import Limits, ModelCard, Tiling
from station.vision.geometry import cut, place, tiles, whole
from station.vision.model import Model


class Classify(Tool, kind="classify"):
    """Settings of a classifier; the score is 1 - P(good), a calibrated probability of a defect.

    A model without a good class can prove nothing good: its score is always 1.
    """

    model: ModelName
    model_sha256: FileHash = ""
    card_hash: CardHash = ""
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    tiling: Tiling | None = Field(None, description="absent: the card's")
    accept_limit: ShareLimit = None
    reject_limit: ShareLimit = None

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        return in_order(self)

    def prepare(self, site: Site) -> Check:
        """Load the model from verified bytes and settle the limits."""
        model, limits = open_approved(self, site)

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image, model, limits)

        return Check(
            run=run,
            regions=(self.region,) if self.region else None,
            models={model.card.reference: model.card.sha256},
            reason_codes=frozenset(model.card.reason_codes.values()),
        )

    def _look(self, image: Image, model: Model, limits: Limits) -> list[Finding]:
        region = self.region or whole(image)
        crop = cut(image, self.region)
        tiling = self.tiling or model.card.tiling
        if tiling is None:
            return [self._finding(model.card, model.classify(crop), region, limits)]
        found = [
            self._finding(
                model.card,
                model.classify(cut(crop, tile)),
                place(tile, region),
                limits,
            )
            for tile in tiles(crop.shape[1], crop.shape[0], tiling.size_px, tiling.overlap)
        ]
        defects = [finding for finding in found if finding.evaluation is not Evaluation.OK]
        return defects or [max(found, key=lambda finding: finding.score or 0.0)]

    def _finding(
        self,
        card: ModelCard,
        probabilities: NDArray[np.float64],
        region: Region,
        limits: Limits,
    ) -> Finding:
        shares: list[float] = probabilities.tolist()
        good = card.good_class
        score = 1.0 if good is None else 1 - shares[good]
        evaluation = decide(
            score, accept_limit=limits.accept_limit, reject_limit=limits.reject_limit
        )
        likely = max(
            (index for index in range(len(card.classes)) if index != good),
            key=lambda index: shares[index],
        )
        return Finding(
            tool=self.name,
            evaluation=evaluation,
            reason_code=None
            if evaluation is Evaluation.OK
            else card.reason_codes[card.classes[likely]],
            score=score,
            accept_limit=limits.accept_limit,
            reject_limit=limits.reject_limit,
            region=region,
            measured={
                name: round(share, 6) for name, share in zip(card.classes, shares, strict=True)
            },
        )
