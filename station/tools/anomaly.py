"""Does this look like the good parts: one anomaly model, its heat map cut into hot regions."""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from station.core.errors import ModelError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.region import Region
from station.core.result import Evaluation, Finding, decide
from station.vision.card import Limits, Tiling, find_model
from station.vision.geometry import cut, place, tiles, whole
from station.vision.heat import hot_boxes, lay, unfit
from station.vision.model import Model, load_model


class Anomaly(Tool, kind="anomaly"):
    """Settings of an anomaly model; the score is how far a part is from the good ones it knew."""

    model: str = Field(min_length=1, description="name/version of the model, or its name alone")
    model_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved file")
    card_hash: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved card")
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    tiling: Tiling | None = None
    accept_limit: float | None = Field(None, ge=0, allow_inf_nan=False, description="or the card's")
    reject_limit: float | None = Field(None, ge=0, allow_inf_nan=False, description="or the card's")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        accept, reject = self.accept_limit, self.reject_limit
        if accept is not None and reject is not None and accept > reject:
            raise ValueError(f"accept_limit {accept} must not be above reject_limit {reject}")
        return self

    def prepare(self, site: Site) -> Check:
        """Load the model from verified bytes and settle the limits."""
        folder = find_model(self.model, site.model_dirs)
        model = load_model(
            folder, expected_sha256=self.model_sha256, expected_card_hash=self.card_hash
        )
        if model.card.task != "anomaly":
            raise ModelError(f"model {model.card.reference} is for {model.card.task}, not anomaly")
        limits = model.card.limits_with(self.accept_limit, self.reject_limit)

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image, model, limits)

        def score_map(frame: Frame) -> NDArray[np.float32]:
            return self._score_map(frame.image, model)

        return Check(
            run=run,
            models={model.card.reference: model.card.sha256},
            reason_codes=frozenset(model.card.reason_codes.values()),
            score_map=score_map,
        )

    def _look(self, image: Image, model: Model, limits: Limits) -> list[Finding]:
        found = [
            finding
            for crop, region in self._crops(image)
            for finding in self._findings(crop, region, model, limits)
        ]
        defects = [finding for finding in found if finding.evaluation is not Evaluation.OK]
        return defects or [max(found, key=lambda finding: finding.score or 0.0)]

    def _crops(self, image: Image) -> Iterator[tuple[Image, Region]]:
        """What the model is shown, each with its place in the image."""
        region = self.region or whole(image)
        crop = cut(image, self.region)
        if self.tiling is None:
            yield crop, region
            return
        height, width = crop.shape[:2]
        for tile in tiles(width, height, self.tiling.size_px, self.tiling.overlap):
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
        for crop, region in self._crops(image):
            score, seen = model.score(crop)
            height, width = crop.shape[:2]
            full = np.full((height, width), score, np.float32)
            if seen is not None:
                full = unfit(seen, width, height, model.card.input)
            lay(full, region, heat)
        return heat
