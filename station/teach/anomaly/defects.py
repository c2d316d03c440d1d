"""The defects a user marked: found in the good pictures' folder or in one of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from station.core.errors import TeachError
from station.teach.anomaly.goods import MASK_FOLDER
from station.teach.anomaly.sight import Marks
from station.teach.marks import Marked, read_marks
from station.vision.card import Tiling
from station.vision.geometry import cut, tiles
from station.vision.images import read_image

REASON = "anomaly"


@dataclass(frozen=True, slots=True)
class Defects:
    """Pictures with marks, and what was noticed about those without."""

    marked: tuple[Marked, ...]
    warnings: tuple[str, ...]


def find_defects(root: Path, folder: Path | None, other_folders: Sequence[str]) -> Defects:
    """Marked defects in `root` (where it has masks) and in `folder`.

    Raises:
        TeachError: `folder` is none, or a mark is not sound; see `read_marks`.
    """
    marked: list[Marked] = []
    warnings: list[str] = []
    if (root / MASK_FOLDER).is_dir():
        marked += read_marks(root)
    elif strangers := [name for name in other_folders if folder is None or root / name != folder]:
        warnings.append(
            f"{', '.join(strangers[:4])}: pictures of defects without marks are not learnt; "
            f"paint masks into {MASK_FOLDER}/<defect>/, or use them to qualify the model"
        )
    if folder is not None:
        if not folder.is_dir():
            raise TeachError(f"{folder} is no folder; --defects takes one with marked pictures")
        marked += read_marks(folder)
    return Defects(tuple(marked), tuple(warnings))


def marks_of(marked: Sequence[Marked], tiling: Tiling | None) -> list[Marks]:
    """Pictures and masks as the samples are cut; of tiles, those with a defect in them."""
    return [marks for entry in marked for marks in _cut(entry, tiling)]


def _cut(entry: Marked, tiling: Tiling | None) -> list[Marks]:
    image = read_image(entry.path)
    mask = entry.mask_on(image).astype(np.uint8) * np.uint8(255)
    if tiling is None:
        return [Marks(image, mask)]
    places = tiles(image.shape[1], image.shape[0], tiling.size_px, tiling.overlap)
    parts = [Marks(cut(image, place), cut(mask, place)) for place in places]
    return [marks for marks in parts if marks.mask.any()]
