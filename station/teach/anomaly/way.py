"""The way of looking that was chosen for a product; its card keeps it, to repeat it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from station.vision.card import Tiling
from station.vision.geometry import Fit

Summary = Literal["worst_share", "max", "smoothed_max"]
SUMMARIES: tuple[Summary, ...] = ("worst_share", "max", "smoothed_max")
SUMMARY_WORDS: dict[Summary, str] = {
    "worst_share": "the mean of the worst 1 % of the patches",
    "max": "the worst patch",
    "smoothed_max": "the worst 3 x 3 patches",
}


class Way(BaseModel):
    """Everything that decides what an anomaly model looks at and how it sums that up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: str = Field(description="the feature net, as --features takes it")
    strides: tuple[int, ...] = Field(min_length=1, description="pixels between the net's places")
    width: int = Field(gt=0, description="of the model's input, pixels")
    height: int = Field(gt=0, description="of the model's input, pixels")
    fit: Fit = "stretch"
    tiling: Tiling | None = None
    is_levelled: bool = Field(False, description="the local mean of the light is subtracted")
    place_weight: float = Field(0.0, ge=0, description="how much a patch's place counts; 0: not")
    head_weight: float = Field(1.0, ge=0, description="the patch head against the memory; 0: none")
    summary: Summary = "worst_share"

    @property
    def in_words(self) -> str:
        """What a person should know of it, in one line."""
        where = f"{self.width} x {self.height}"
        if self.tiling:
            where = f"tiles of {self.tiling.size_px} px at {where}"
        parts = [
            f"{self.features} at stride {'+'.join(map(str, self.strides))}, {where}",
            "memory and patch head" if self.head_weight else "memory alone",
        ]
        if self.place_weight:
            parts.append(f"the place counts {self.place_weight:g}")
        if self.is_levelled:
            parts.append("light levelled")
        return ", ".join([*parts, SUMMARY_WORDS[self.summary]])
