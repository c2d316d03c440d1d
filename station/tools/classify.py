"""Which class is this region: one classifier, its classes mapped to reason codes by its card."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.region import Polygon, Rectangle, Region
from station.core.result import Evaluation, Finding, decide
from station.vision.card import Limits, ModelCard, find_model
from station.vision.geometry import cut, tiles, whole
from station.vision.model import Model, load_model


class Tiling(BaseModel):
    """Look at a large region in overlapping square tiles; the worst tile decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_px: int = Field(gt=0, description="edge of a tile in image pixels")
    overlap: float = Field(0.2, ge=0, lt=1, description="share of a tile seen by the next one too")


class Classify(Tool, kind="classify"):
    """Settings of a classifier; the score is 1 - P(good), a calibrated probability of a defect."""

    model: str = Field(min_length=1, description="name/version of the model, or its name alone")
    model_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved file")
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    tiling: Tiling | None = None
    accept_limit: float | None = Field(None, ge=0, le=1, description="absent: the card's")
    reject_limit: float | None = Field(None, ge=0, le=1, description="absent: the card's")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        accept, reject = self.accept_limit, self.reject_limit
        if accept is not None and reject is not None and accept > reject:
            raise ValueError(f"accept_limit {accept} must not be above reject_limit {reject}")
        return self

    def prepare(self, site: Site) -> Check:
        """Load the model from verified bytes and settle the limits."""
        folder = find_model(self.model, site.model_dirs)
        model = load_model(folder, expected_sha256=self.model_sha256)
        limits = self._limits(model.card)

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image, model, limits)

        return Check(
            run=run,
            models={model.card.reference: model.card.sha256},
            reason_codes=frozenset(model.card.reason_codes.values()),
        )

    def _limits(self, card: ModelCard) -> Limits:
        default = card.limits
        if card.task != "classify" or default is None:
            raise ValueError(f"model {card.reference} is for {card.task}, not for classify")
        return Limits(
            accept_limit=default.accept_limit if self.accept_limit is None else self.accept_limit,
            reject_limit=default.reject_limit if self.reject_limit is None else self.reject_limit,
        )

    def _look(self, image: Image, model: Model, limits: Limits) -> list[Finding]:
        region = self.region or whole(image)
        crop = cut(image, self.region)
        if self.tiling is None:
            return [self._finding(model.card, model.classify(crop), region, limits)]
        found = [
            self._finding(
                model.card,
                model.classify(cut(crop, tile)),
                _place(tile, region),
                limits,
            )
            for tile in tiles(
                crop.shape[1], crop.shape[0], self.tiling.size_px, self.tiling.overlap
            )
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
        score = float(1 - probabilities[card.good_class])
        evaluation = decide(
            score, accept_limit=limits.accept_limit, reject_limit=limits.reject_limit
        )
        likely = max(
            (index for index in range(len(card.classes)) if index != card.good_class),
            key=lambda index: float(probabilities[index]),
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
                name: round(float(value), 6)
                for name, value in zip(card.classes, probabilities, strict=True)
            },
        )


def _place(tile: Rectangle, region: Region) -> Region:
    """A tile's place in the image: beside the region's corner, turned with it."""
    left = min(x for x, _ in region.corners)
    top = min(y for _, y in region.corners)
    if isinstance(region, Polygon) or not region.angle_deg % 360:
        return Rectangle(x=left + tile.x, y=top + tile.y, width=tile.width, height=tile.height)
    return _turned_place(tile, region)


def _turned_place(tile: Rectangle, region: Rectangle) -> Rectangle:
    origin, along, across = region.corners[0], region.corners[1], region.corners[3]
    u = (tile.x + tile.width / 2) / region.width
    v = (tile.y + tile.height / 2) / region.height
    cx = origin[0] + u * (along[0] - origin[0]) + v * (across[0] - origin[0])
    cy = origin[1] + u * (along[1] - origin[1]) + v * (across[1] - origin[1])
    return Rectangle(
        x=cx - tile.width / 2,
        y=cy - tile.height / 2,
        width=tile.width,
        height=tile.height,
        angle_deg=region.angle_deg,
    )
