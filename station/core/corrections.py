"""What a camera's picture is corrected by: lens, uneven light, colour; plain numbers, no pixels."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

_CLOSED = ConfigDict(frozen=True, extra="forbid")

Matrix = Annotated[tuple[FiniteFloat, ...], Field(min_length=9, max_length=9)]
"""3 x 3 by rows."""
Grid = Annotated[
    tuple[Annotated[tuple[FiniteFloat, ...], Field(min_length=2, max_length=64)], ...],
    Field(min_length=2, max_length=64),
]
"""Values at rows x columns of nodes spread evenly over the image, the outer ones on its border."""

MOST_DEFECT_PIXELS = 1000


class Lens(BaseModel):
    """A pinhole camera with distortion (Brown 1966: k1 k2 p1 p2 k3), in continuous pixels."""

    model_config = _CLOSED

    camera_matrix: Matrix = Field(description="3 x 3 by rows, of the acquired picture")
    distortion: tuple[FiniteFloat, ...] = Field(
        min_length=5, max_length=5, description="k1 k2 p1 p2 k3, as OpenCV orders them"
    )
    corrected_matrix: Matrix = Field(
        description="3 x 3 by rows, of the corrected picture, which shows nothing unacquired"
    )
    error_px: float = Field(gt=0, description="root mean square of the reprojection, all views")
    held_out_error_px: float = Field(gt=0, description="the same on views the fit did not see")
    views: int = Field(ge=1, description="pictures of the board the fit rests on")

    @model_validator(mode="after")
    def _matrices_are_cameras(self) -> Self:
        for name in ("camera_matrix", "corrected_matrix"):
            fx, skew, _, below, fy, _, *last = getattr(self, name)
            if fx <= 0 or fy <= 0 or (skew, below, *last) != (0, 0, 0, 0, 1):
                raise ValueError(f"{name} must be fx 0 cx 0 fy cy 0 0 1 with focal lengths above 0")
        return self


class FlatField(BaseModel):
    """Uneven light and dark level: corrected = (value - dark) * gain, one grid a channel."""

    model_config = _CLOSED

    gain: tuple[Grid, ...] = Field(min_length=1, max_length=3, description="grey, or B G R")
    dark: tuple[Grid, ...] = Field((), max_length=3, description="grey values; empty: none")
    defect_pixels: tuple[tuple[int, int], ...] = Field(
        (), max_length=MOST_DEFECT_PIXELS, description="(column, row) of hot and dead pixels"
    )

    @model_validator(mode="after")
    def _grids_fit(self) -> Self:
        shapes = {tuple(len(row) for row in grid) for grid in (*self.gain, *self.dark)}
        channels = {len(self.gain), len(self.dark or self.gain)}
        if len(shapes) != 1 or len(set(next(iter(shapes)))) != 1 or channels not in ({1}, {3}):
            raise ValueError("gain and dark must be 1 or 3 grids of one shape, with even rows")
        if not all(0.1 <= value <= 10 for grid in self.gain for row in grid for value in row):
            raise ValueError("every gain must lie between 0.1 and 10")
        return self


class Colour(BaseModel):
    """White balance and a colour matrix, both in linear light; the result is sRGB (B G R bytes)."""

    model_config = _CLOSED

    encoding: Literal["srgb", "linear"] = Field(
        description="how the camera's values stand to light"
    )
    gains: tuple[float, float, float] = Field(description="of R G B, in linear light")
    matrix: Matrix = Field(
        description="3 x 3 by rows: linear R G B to linear sRGB, after the gains"
    )
    delta_e_before: float = Field(ge=0, description="mean CIEDE2000 to the card, before")
    delta_e_after: float = Field(ge=0, description="the same after")
    delta_e_held_out: float = Field(ge=0, description="the same on patches the fit did not see")

    @model_validator(mode="after")
    def _gains_are_above_zero(self) -> Self:
        if not all(0.05 <= gain <= 20 for gain in self.gains):
            raise ValueError("every colour gain must lie between 0.05 and 20")
        return self


class Focus(BaseModel):
    """The sharpest picture seen when the lens was focused."""

    model_config = _CLOSED

    best: float = Field(gt=0, description="sharpness, as `station calibrate focus` shows it")
