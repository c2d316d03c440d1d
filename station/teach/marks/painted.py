"""Masks painted by hand: white where the part is bad."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.errors import TeachError
from station.vision.images import read_image

HALF_RANGE = 127


@dataclass(frozen=True, slots=True)
class PaintedMask:
    """One mask file."""

    path: Path

    @property
    def is_rough(self) -> bool:
        """A painted mask follows the defect."""
        return False

    def draw(self, picture: Path, width: int, height: int) -> NDArray[np.bool_]:
        """(height, width): true where any channel is above half range.

        Raises:
            TeachError: the mask has another size than its picture, or marks nothing.
            PictureError: it cannot be decoded.
        """
        values = read_image(self.path)
        tall, wide = values.shape[:2]
        if (wide, tall) != (width, height):
            raise TeachError(
                f"mask {self.path} is {wide} x {tall}, its picture {picture.name} is {width} x "
                f"{height}; paint the mask on the picture at its own size"
            )
        strongest = values if values.ndim == 2 else values.max(axis=2)
        mask = np.asarray(strongest > HALF_RANGE, np.bool_)
        if not mask.any():
            raise TeachError(
                f"mask {self.path} marks nothing: its largest value is {strongest.max()}, a defect "
                "is above 127; paint it white (255), or move the picture to the good ones"
            )
        return mask
