"""Which class is this region: one classifier, its classes mapped to reason codes by its card."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from station.core.errors import ModelError, RecipeError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool, explain
from station.core.reasons import Reason
from station.core.recipe import Recipe, new_recipe
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
    """Settings of a classifier; the score is 1 - P(good), a calibrated probability of a defect.

    A model without a good class can prove nothing good: its score is always 1.
    """

    model: str = Field(min_length=1, description="name/version of the model, or its name alone")
    model_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved file")
    card_hash: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="the approved card")
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
        model = load_model(
            folder, expected_sha256=self.model_sha256, expected_card_hash=self.card_hash
        )
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
            raise ModelError(f"model {card.reference} is for {card.task}, not for classify")
        accept = default.accept_limit if self.accept_limit is None else self.accept_limit
        reject = default.reject_limit if self.reject_limit is None else self.reject_limit
        try:
            return Limits(accept_limit=accept, reject_limit=reject)
        except ValidationError as error:
            raise RecipeError(
                f"limits {accept} and {reject} (recipe before card): {explain(error, Limits)}"
            ) from error

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


def plain_recipe(
    card: ModelCard,
    *,
    recipe_id: str = "",
    product_id: str = "",
    region: Region | None = None,
    accept_limit: float | None = None,
    reject_limit: float | None = None,
) -> Recipe:
    """The recipe of one classifier and nothing else: the model pinned, its limits written out.

    Raises:
        RecipeError: the model is no classifier, or the limits are out of order.
    """
    if card.task != "classify" or card.limits is None:
        raise RecipeError(f"model {card.reference} is for {card.task}; a recipe needs a classifier")
    try:
        tool = Classify(
            name="surface",
            model=card.reference,
            model_sha256=card.sha256,
            card_hash=card.hash,
            region=region,
            accept_limit=card.limits.accept_limit if accept_limit is None else accept_limit,
            reject_limit=card.limits.reject_limit if reject_limit is None else reject_limit,
        )
    except ValidationError as error:
        raise RecipeError(f"recipe around {card.reference}: {explain(error, Classify)}") from error
    reasons = tuple(
        Reason(code=code, text=code.replace("_", " ").replace("-", " "))
        for code in dict.fromkeys(card.reason_codes.values())
    )
    return new_recipe(
        recipe_id or card.name,
        (tool,),
        reasons,
        product_id=product_id,
        created_at=card.created_at,
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
