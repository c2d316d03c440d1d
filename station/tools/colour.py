"""Is it the right colour, mixed as it should be, on the right area: CIELAB against taught ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.core.errors import ModelError, SettingsError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool, explain
from station.core.reasons import ReasonCode
from station.core.region import Rectangle, Region
from station.core.result import Finding, decide
from station.tools.approved import TaughtHash, TaughtName, open_taught
from station.vision.colour import (
    QUANTILES,
    Colours,
    ColourShare,
    check_colour,
    colours_of,
    delta_e,
    histogram_distance,
)
from station.vision.geometry import cut, whole
from station.vision.taught import Taught

SHARP = 1e-9
"""An area beyond its limits is a defect, by however little."""

Limit = float | None


class Colour(Tool, kind="colour"):
    """Settings of taught colours; scores are distances in CIELAB, and area beyond its limits."""

    taught: TaughtName
    taught_hash: TaughtHash = ""
    delta_e_at_most: Limit = Field(
        None, gt=0, allow_inf_nan=False, description="CIEDE2000 of the means; absent: as taught"
    )
    histogram_at_most: Limit = Field(
        None, gt=0, allow_inf_nan=False, description="distance of histograms; absent: as taught"
    )
    share_at_least: Limit = Field(
        None, ge=0, le=1, description="area of the colour; absent: taught"
    )
    share_at_most: Limit = Field(None, ge=0, le=1, description="area of the colour; absent: taught")
    review_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="distances beyond the limit by up to this share: a person looks",
    )
    mean_reason: ReasonCode = Field("wrong_colour", description="the mean is another colour")
    histogram_reason: ReasonCode = Field("wrong_colour_mix", description="colours are mixed amiss")
    share_reason: ReasonCode = Field(
        "wrong_colour_area", description="too little or too much of it"
    )

    def prepare(self, site: Site) -> Check:
        """Load what was taught from verified bytes, settle limits, make the table of colours."""
        taught = open_taught(self, site)
        known = _known(taught)
        limits = self._settled(known.card)
        share = ColourShare(known.colour, known.card.tolerance)

        def run(frame: Frame) -> Sequence[Finding]:
            check_colour(frame.image)
            crop = cut(frame.image, known.card.region)
            region = known.card.region or whole(frame.image)
            seen = colours_of(crop)
            return (
                self._mean(seen, known, limits, region),
                self._histogram(seen, known, limits, region),
                self._share(crop, share, limits, region),
            )

        return Check(
            run=run,
            models={taught.card.reference: taught.card.hash},
            reason_codes=frozenset((self.mean_reason, self.histogram_reason, self.share_reason)),
            regions=(known.card.region,) if known.card.region else None,
        )

    def _mean(
        self, seen: Colours, known: "Known", limits: "ColourLimits", region: Region
    ) -> Finding:
        lightness, a, b = (round(value, 2) for value in seen.mean.tolist())
        return self._distance(
            float(delta_e(seen.mean, known.colours.mean)),
            limits.delta_e_at_most,
            self.mean_reason,
            region,
            {"lightness": lightness, "a": a, "b": b},
        )

    def _histogram(
        self, seen: Colours, known: "Known", limits: "ColourLimits", region: Region
    ) -> Finding:
        distance = histogram_distance(seen.quantiles, known.colours.quantiles)
        return self._distance(
            distance,
            limits.histogram_at_most,
            self.histogram_reason,
            region,
            {"histogram_distance": round(distance, 3)},
        )

    def _distance(
        self, score: float, limit: float, reason: str, region: Region, measured: dict[str, float]
    ) -> Finding:
        reject_limit = limit * (1 + self.review_share) + SHARP
        return Finding(
            tool=self.name,
            evaluation=decide(score, accept_limit=limit, reject_limit=reject_limit),
            reason_code=None if score <= limit else reason,
            score=score,
            accept_limit=limit,
            reject_limit=reject_limit,
            region=region,
            measured=measured,
        )

    def _share(
        self, crop: Image, share: ColourShare, limits: "ColourLimits", region: Region
    ) -> Finding:
        seen = share.share(crop)
        beyond = max(limits.share_at_least - seen, seen - limits.share_at_most, 0.0)
        return Finding(
            tool=self.name,
            evaluation=decide(beyond, accept_limit=0.0, reject_limit=SHARP),
            reason_code=self.share_reason if beyond > 0 else None,
            score=beyond,
            accept_limit=0.0,
            reject_limit=SHARP,
            region=region,
            measured={
                "share": seen,
                "share_at_least": limits.share_at_least,
                "share_at_most": limits.share_at_most,
            },
        )

    def _settled(self, card: "ColourCard") -> "ColourLimits":
        """The recipe's limits, and the taught ones where it has none.

        Raises:
            SettingsError: together they are out of order.
        """
        own = {name: getattr(self, name) for name in ColourLimits.model_fields}
        told = {name: value for name, value in own.items() if value is not None}
        limits = ColourLimits(**{name: getattr(card, name) for name in own} | told)
        if limits.share_at_least > limits.share_at_most:
            raise SettingsError(
                f"tool {self.name!r}: share_at_least {limits.share_at_least:g} must not be above "
                f"share_at_most {limits.share_at_most:g} (one of them may be as taught)"
            )
        return limits


class ColourLimits(BaseModel):
    """What good parts may come to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delta_e_at_most: float = Field(gt=0, allow_inf_nan=False)
    histogram_at_most: float = Field(gt=0, allow_inf_nan=False)
    share_at_least: float = Field(ge=0, le=1)
    share_at_most: float = Field(ge=0, le=1)


class ColourCard(ColourLimits):
    """What `station teach colour` keeps beside its arrays."""

    tolerance: float = Field(gt=0, allow_inf_nan=False, description="CIEDE2000: this colour still")
    region: Rectangle | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What was taught."""

    card: ColourCard
    colours: Colours
    colour: NDArray[np.float64]


def _known(taught: Taught) -> Known:
    try:
        card = ColourCard.model_validate(dict(taught.card.settings))
    except ValidationError as error:
        raise ModelError(f"{taught.card.reference}: {explain(error, ColourCard)}") from error
    shapes = {"mean": (3,), "quantiles": (QUANTILES, 3), "colour": (3,)}
    arrays = {name: taught.array(name) for name in shapes}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ModelError(f"{taught.card.reference}: {name!r} is broken; teach it again")
    return Known(card, Colours(arrays["mean"], arrays["quantiles"]), arrays["colour"])
