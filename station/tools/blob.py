"""How many blobs there are, how large, of what shape and where: the simple tool people trust."""

from collections.abc import Iterator, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from station.core.errors import OutsideImageError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.reasons import ReasonCode
from station.core.region import Rectangle, Region
from station.core.result import Finding, decide
from station.vision.blobs import (
    MOST_BLOBS,
    Blob,
    Blobs,
    Cut,
    Polarity,
    Threshold,
    find_blobs,
    ground_of,
    inside_of,
)
from station.vision.geometry import cut, place, to_channels, whole

MOST_FINDINGS = 64
NEVER = 256.0
"""A ground in which nothing shows is never a defect of the part."""
LEAST_REVIEW = 1e-9
"""Without a band for review, anything beyond a limit is a defect."""

Channel = Literal["grey", "blue", "green", "red"]
Excess = tuple[float, str]
"""By which share something lies beyond its limit, and the reason code for that."""


class BlobLimits(Tool, kind="blob"):
    """Settings of blobs; the score is by which share a measure lies beyond its limit, 0 within."""

    region: Region | None = Field(None, description="where to look; all of the image if absent")
    channel: Channel = Field("grey", description="of a colour image: its brightness, or one colour")
    threshold: Threshold = Field("otsu", description="how blobs are told from the ground")
    polarity: Polarity = Field("dark", description="blobs are darker or brighter than the ground")
    level: int = Field(128, ge=0, le=255, description="fixed: the grey level between the two")
    low: int = Field(0, ge=0, le=255, description="range: the lowest grey level of a blob")
    high: int = Field(127, ge=0, le=255, description="range: the highest grey level of a blob")
    window_px: int = Field(51, ge=3, le=1023, description="adaptive: edge of the ground round it")
    offset_levels: int = Field(
        10, ge=1, le=254, description="adaptive: blobs differ by more than this from the ground"
    )
    contrast_levels: int = Field(
        20, ge=1, le=254, description="otsu: blobs and ground must lie so far apart"
    )
    opening_px: int = Field(0, ge=0, le=101, description="removes what is thinner; 0: nothing")
    closing_px: int = Field(0, ge=0, le=101, description="closes what is thinner; 0: nothing")
    minimum_area_px: float = Field(
        4.0, ge=1, allow_inf_nan=False, description="smaller ones are noise and not counted"
    )
    count_at_least: int = Field(ge=0, le=MOST_BLOBS, description="fewer are a defect")
    count_at_most: int = Field(ge=0, le=MOST_BLOBS, description="more are a defect")
    area_at_least_px: float | None = Field(None, gt=0, allow_inf_nan=False, description="each")
    area_at_most_px: float | None = Field(None, gt=0, allow_inf_nan=False, description="each")
    aspect_at_most: float | None = Field(
        None, ge=1, allow_inf_nan=False, description="long by short edge of each"
    )
    circularity_at_least: float | None = Field(
        None, gt=0, le=1, description="area of each by that of the circle round it; 1 is a disc"
    )
    within: Rectangle | None = Field(
        None, description="the centre of each must lie here, in the image or the part's view"
    )
    ground_at_least: int = Field(
        2, ge=0, le=255, description="median grey level where it looks; below it nothing is seen"
    )
    ground_at_most: int = Field(
        255, ge=0, le=255, description="median grey level where it looks; above it nothing is seen"
    )
    review_share: float = Field(
        0.0, ge=0, le=1, description="beyond a limit by up to this share a person looks"
    )
    count_reason: ReasonCode = Field("blob_count", description="too few or too many")
    size_reason: ReasonCode = Field("blob_size", description="one is too small or too large")
    shape_reason: ReasonCode = Field("blob_shape", description="one is too long or not round")
    place_reason: ReasonCode = Field("blob_place", description="one lies where none may")
    unseen_reason: ReasonCode = Field(
        "ground_unfit", description="too dark or too bright for a blob to show"
    )

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        pairs = (
            ("count_at_least", "count_at_most"),
            ("area_at_least_px", "area_at_most_px"),
            ("low", "high"),
            ("ground_at_least", "ground_at_most"),
        )
        for low, high in pairs:
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and least > most:
                raise ValueError(f"{low} {least} must not be above {high} {most}")
        if self.threshold == "fixed" and self.level == (0 if self.polarity == "dark" else 255):
            raise ValueError(f"nothing is {self._sought} than level {self.level}")
        return self

    @property
    def _sought(self) -> str:
        return "darker" if self.polarity == "dark" else "brighter"

    def prepare(self, site: Site) -> Check:  # noqa: ARG002 - every tool is asked like this
        """Nothing to load."""

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame.image)

        of_blobs = (self.count_reason, self.size_reason, self.shape_reason, self.place_reason)
        return Check(
            run=run,
            reason_codes=frozenset((*of_blobs, self.unseen_reason)),
            regions=(self.region,) if self.region else None,
        )

    def _look(self, image: Image) -> list[Finding]:
        plane = _plane(image, self.channel)
        crop = cut(plane, self.region)
        region = self.region or whole(image)
        inside = inside_of(crop, self.region)
        blobs = find_blobs(crop, inside, self._cut, self.minimum_area_px)
        ground = ground_of(crop, inside)
        faults = [f for blob in blobs.largest if (f := self._fault(blob, blobs, region))]
        faults.sort(key=lambda finding: -(finding.score or 0.0))
        unseen = self._unseen(ground, blobs, region)
        return [self._counted(blobs, region), *unseen, *faults[:MOST_FINDINGS]]

    def _unseen(self, ground: float, blobs: Blobs, region: Region) -> list[Finding]:
        """Where a blob could not show, none proves nothing: a person looks."""
        room = self._room_levels if blobs.count == 0 else 0
        low, high = self.ground_at_least, self.ground_at_most
        if self.polarity == "dark":
            low = max(low, room)
        else:
            high = min(high, 255 - room)
        score = max(low - ground, ground - high, 0.0)
        if score <= 0:
            return []
        return [
            Finding(
                tool=self.name,
                evaluation=decide(score, accept_limit=0.0, reject_limit=NEVER),
                reason_code=self.unseen_reason,
                score=score,
                accept_limit=0.0,
                reject_limit=NEVER,
                region=region,
                measured={"ground_level": ground},
            )
        ]

    @property
    def _room_levels(self) -> int:
        """So far from the ground a blob would have to be."""
        return {"otsu": self.contrast_levels, "adaptive": self.offset_levels}.get(self.threshold, 0)

    @property
    def _cut(self) -> Cut:
        return Cut(
            threshold=self.threshold,
            polarity=self.polarity,
            level=self.level,
            low=self.low,
            high=self.high,
            window_px=self.window_px,
            offset_levels=self.offset_levels,
            contrast_levels=self.contrast_levels,
            opening_px=self.opening_px,
            closing_px=self.closing_px,
        )

    def _counted(self, blobs: Blobs, region: Region) -> Finding:
        least, most = self.count_at_least, self.count_at_most
        excess = max(_below(blobs.count, least), _above(blobs.count, most))
        measured: dict[str, float] = {
            "count": blobs.count,
            "total_area_px": sum(blob.area_px for blob in blobs.largest),
        }
        return self._finding((excess, self.count_reason), region, measured, blobs)

    def _fault(self, blob: Blob, blobs: Blobs, region: Region) -> Finding | None:
        """What is wrong with one blob; None where nothing is."""
        centre = _centre(blob, region)
        excess = max(self._excesses(blob, centre), default=(0.0, self.size_reason))
        if not excess[0] > 0:
            return None
        measured = {
            "area_px": blob.area_px,
            "aspect": round(blob.aspect, 3),
            "circularity": round(blob.circularity, 3),
            "x_px": round(centre[0], 2),
            "y_px": round(centre[1], 2),
        }
        return self._finding(excess, place(blob.box, region), measured, blobs)

    def _excesses(self, blob: Blob, centre: tuple[float, float]) -> Iterator[Excess]:
        if self.area_at_least_px is not None:
            yield _below(blob.area_px, self.area_at_least_px), self.size_reason
        if self.area_at_most_px is not None:
            yield _above(blob.area_px, self.area_at_most_px), self.size_reason
        if self.aspect_at_most is not None:
            yield _above(blob.aspect, self.aspect_at_most), self.shape_reason
        if self.circularity_at_least is not None:
            yield _below(blob.circularity, self.circularity_at_least), self.shape_reason
        if self.within is not None:
            yield _outside(centre, self.within), self.place_reason

    def _finding(
        self, excess: Excess, region: Region, measured: dict[str, float], blobs: Blobs
    ) -> Finding:
        score, reason = excess
        reject_limit = max(self.review_share, LEAST_REVIEW)
        level = {} if blobs.level is None else {"threshold_level": blobs.level}
        return Finding(
            tool=self.name,
            evaluation=decide(score, accept_limit=0.0, reject_limit=reject_limit),
            reason_code=reason if score > 0 else None,
            score=score,
            accept_limit=0.0,
            reject_limit=reject_limit,
            region=region,
            measured=measured | level,
        )


def _plane(image: Image, channel: Channel) -> Image:
    """One plane of an image.

    Raises:
        OutsideImageError: one colour of a grey image is asked for.
    """
    if channel == "grey":
        return to_channels(image, 1)
    if image.ndim == 2:
        raise OutsideImageError(
            f"the {channel} of a grey image is asked for; set the camera to colour, or channel "
            'to "grey"'
        )
    return image[:, :, ("blue", "green", "red").index(channel)]


def _centre(blob: Blob, region: Region) -> tuple[float, float]:
    """In coordinates of the image."""
    x, y = blob.centre
    spot = place(Rectangle(x=x - 0.5, y=y - 0.5, width=1, height=1), region)
    across, down = zip(*spot.corners, strict=True)
    return sum(across) / len(across), sum(down) / len(down)


def _above(value: float, limit: float) -> float:
    return max(0.0, value - limit) / max(1.0, limit)


def _below(value: float, limit: float) -> float:
    return max(0.0, limit - value) / limit if limit > 0 else 0.0


def _outside(point: tuple[float, float], within: Rectangle) -> float:
    """How far a point lies outside an upright rectangle, by half its shorter edge."""
    x = max(within.x - point[0], point[0] - within.x - within.width, 0.0)
    y = max(within.y - point[1], point[1] - within.y - within.height, 0.0)
    return max(x, y) / (min(within.width, within.height) / 2)
