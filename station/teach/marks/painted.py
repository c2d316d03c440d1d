"""Masks painted by hand: white where the part is bad."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.errors import PictureError, TeachError
from station.vision.masks import read_mask


@dataclass(frozen=True, slots=True)
class GuessedMask:
    """Where a model saw the defect on a picture nobody marked."""

    path: Path
    """Of the picture."""
    mask: NDArray[np.bool_]

    @property
    def is_rough(self) -> bool:
        """A guess takes good pixels along."""
        return True

    def draw(self, picture: Path, width: int, height: int) -> NDArray[np.bool_]:
        """(height, width): true where the model saw it.

        Raises:
            TeachError: the picture has another size than the one the model saw.
        """
        if self.mask.shape != (height, width):
            raise TeachError(f"{picture} changed while it was learnt from; teach again")
        return self.mask


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
            mask = read_mask(self.path, height, width)
        except PictureError as error:
            raise TeachError(f"the mark of {picture} cannot be used: {error}") from error
        if not mask.any():
            raise TeachError(
                f"mask {self.path} marks nothing on {picture.name}; paint the defect white, or "
                "take the picture out"
            )
        return mask
