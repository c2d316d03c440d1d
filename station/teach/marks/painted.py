"""Masks painted by hand: white where the part is bad."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.errors import PictureError, TeachError
from station.vision.masks import read_mask


@dataclass(frozen=True, slots=True)
class PaintedMask:
    """One mask file."""

    path: Path

    @property
    def is_rough(self) -> bool:
        """A painted mask follows the defect."""
        return False

    def draw(self, picture: Path, width: int, height: int) -> NDArray[np.bool_]:
        """(height, width): true where it is brighter than half of its brightest.

        Raises:
            TeachError: the mask has another size than its picture, or marks nothing.
        """
        try:
            return read_mask(self.path, height, width)
        except PictureError as error:
            raise TeachError(f"the mark of {picture} cannot be used: {error}") from error
