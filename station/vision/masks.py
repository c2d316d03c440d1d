"""Masks that mark the defects of a picture: where they lie, and how they are read."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.errors import PictureError
from station.vision.images import read_image

GROUND_TRUTH = "ground_truth"
"""The folder masks are kept in, beside the folders of pictures or inside theirs."""

Mask = NDArray[np.bool_]


def mask_folders(root: Path) -> list[Path]:
    """The folders of masks that belong to the labelled pictures below `root`."""
    places = (root / GROUND_TRUTH, root.absolute().parent / GROUND_TRUTH)
    return [folder for folder in places if folder.is_dir()]


def find_mask(picture: Path, root: Path, folders: Iterable[Path]) -> Path | None:
    """The mask of a picture below `root`: `<folder>/<reason>/<stem>.png` or `<stem>_mask.png`.

    `<reason>` is the picture's folder as seen from `root`, with or without its first part: masks
    of `not_ok/dent/7.jpg` may lie in `not_ok/dent` or in `dent`.
    """
    return next((path for path in _candidates(picture, root, folders) if path.is_file()), None)


def read_mask(path: Path, height: int, width: int) -> Mask:
    """What a mask marks, bool (height, width): all that is brighter than half of its brightest.

    A black mask marks nothing.

    Raises:
        PictureError: it cannot be read, or is of another size.
    """
    grey = read_image(path)
    if grey.ndim == 3:
        grey = grey.max(axis=2)
    if grey.shape != (height, width):
        raise PictureError(
            f"mask {path} is {grey.shape[1]} x {grey.shape[0]} pixels, its picture "
            f"{width} x {height}; a mask must fit its picture pixel by pixel"
        )
    return np.asarray(grey > int(grey.max()) // 2, np.bool_)


def _candidates(picture: Path, root: Path, folders: Iterable[Path]) -> Iterator[Path]:
    below = picture.relative_to(root).parent
    inners = [below, Path(*below.parts[1:])] if len(below.parts) > 1 else [below]
    for folder in folders:
        for inner in inners:
            for name in (f"{picture.stem}.png", f"{picture.stem}_mask.png"):
                yield folder / inner / name
