"""Does this look like the good parts: one anomaly model, its heat map cut into hot regions."""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from station.core.errors import OutsideImageError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.region import Region
from station.core.result import Evaluation, Finding, decide
from station.tools.approved import (
    CardHash,
    FileHash,
    ModelName,
    OpenLimit,
    in_order,
    open_approved,
)
from station.vision.card import Limits, Tiling
from station.vision.geometry import cut, place, tiles, whole
from station.vision.heat import hot_boxes, lay, unfit
from station.vision.model import Model

SHAPE_MARGIN = 1.5
"""A picture may be so many times wider or narrower than those that were taught."""


class Anomaly(Tool, kind="anomaly"):
    """Settings of an anomaly model; the score is how far a part is from the good ones it knew."""

    model: ModelName
    model_sha256: FileHash = ""
    card_hash: CardHash = ""
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    tiling: Tiling | None = Field(None, description="absent: the card's")
    accept_limit: OpenLimit = None
    reject_limit: OpenLimit = None

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        return in_order(self)

    def prepare(self, site: Site) -> Check:
        """Load the model from verified bytes and settle the limits."""
        model, limits = open_approved(self, site)

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image, model, limits)

        def score_map(frame: Frame) -> NDArray[np.float32]:
            return self._score_map(frame.image, model)

        return Check(
            run=run,
            regions=(self.region,) if self.region else None,
            models={model.card.reference: model.card.sha256},
            reason_codes=frozenset(model.card.reason_codes.values()),
            score_map=score_map,
        )

    def _look(self, image: Image, model: Model, limits: Limits) -> list[Finding]:
        found = [
            finding
            for crop, region in self._crops(image, model)
            for finding in self._findings(crop, region, model, limits)
        ]
        defects = [finding for finding in found if finding.evaluation is not Evaluation.OK]
        return defects or [max(found, key=lambda finding: finding.score or 0.0)]

    def _crops(self, image: Image, model: Model) -> Iterator[tuple[Image, Region]]:
        """What the model is shown, each with its place in the image."""
        region = self.region or whole(image)
        crop = cut(image, self.region)
        tiling = self.tiling or model.card.tiling
        if tiling is None:
            _check_shape(crop, model)
            yield crop, region
            return
        height, width = crop.shape[:2]
        for tile in tiles(width, height, tiling.size_px, tiling.overlap):
            yield cut(crop, tile), place(tile, region)

    def _findings(
        self, crop: Image, region: Region, model: Model, limits: Limits
    ) -> Iterator[Finding]:
        score, heat = model.score(crop)
        evaluation = decide(
            score, accept_limit=limits.accept_limit, reject_limit=limits.reject_limit
        )
        is_ok = evaluation is Evaluation.OK
        places = [region]
        if heat is not None and not is_ok:
            height, width = crop.shape[:2]
            heat = unfit(heat, width, height, model.card.input)
            places = [place(box, region) for box in hot_boxes(heat, limits.accept_limit)]
        for spot in places:
            yield Finding(
                tool=self.name,
                evaluation=evaluation,
                reason_code=None if is_ok else next(iter(model.card.reason_codes.values())),
                score=score,
                accept_limit=limits.accept_limit,
                reject_limit=limits.reject_limit,
                region=spot,
            )

    def _score_map(self, image: Image, model: Model) -> NDArray[np.float32]:
        """The heat of every pixel of the frame; 0 outside the region, the hottest tile's within."""
        heat = np.zeros(image.shape[:2], np.float32)
        for crop, region in self._crops(image, model):
            score, seen = model.score(crop)
            height, width = crop.shape[:2]
            full = np.full((height, width), score, np.float32)
            if seen is not None:
                full = unfit(seen, width, height, model.card.input)
            lay(full, region, heat)
        return heat


def _check_shape(crop: Image, model: Model) -> None:
    """Refuse what has another shape than the pictures the model knows.

    In a letterbox the bars look normal and thin out what is not; and the camera or the region is
    not the one that was taught.
    """
    aspects = model.card.aspects
    if aspects is None:
        return
    height, width = crop.shape[:2]
    if not aspects[0] / SHAPE_MARGIN <= width / height <= aspects[1] * SHAPE_MARGIN:
        raise OutsideImageError(
            f"the picture of {width} x {height} has another shape than those model "
            f"{model.card.reference} was taught on (width to height {aspects[0]:g} to "
            f"{aspects[1]:g}); check the camera and the region, or teach the model on such pictures"
        )
