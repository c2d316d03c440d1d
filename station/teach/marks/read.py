"""Read a folder of marked defects, whatever they were marked with, and refuse what is in doubt."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.errors import TeachError
from station.core.frame import Image
from station.core.reasons import GOOD_CLASSES
from station.teach.marks.files import MASK_FOLDER, Pile, named, sort_files
from station.teach.marks.labels import read_labels
from station.teach.marks.painted import PaintedMask
from station.teach.marks.shapes import Drawing
from station.teach.pictures import class_name
from station.vision.images import read_image

PLAIN_REASON = "anomaly"
"""The reason of a defect nobody named."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Marked:
    """One picture of a bad part, and where on it the defects are."""

    path: Path
    reason: str
    """The folder's name, else the name of the largest mark."""
    mask_source: PaintedMask | Drawing

    @property
    def is_rough(self) -> bool:
        """Whether a box stands for the defect, so that good pixels are marked with it."""
        return self.mask_source.is_rough

    def mask(self) -> Mask:
        """(height, width) of the picture, true where it is defective; read anew at each call."""
        return self.mask_on(read_image(self.path))

    def mask_on(self, image: Image) -> Mask:
        """The same, for the picture already read.

        Raises:
            TeachError: the marks do not fit the picture, or mark nothing or all of it.
        """
        height, width = image.shape[:2]
        mask = self.mask_source.draw(self.path, width, height)
        if mask.all():
            raise TeachError(
                f"the marks of {self.path} cover every pixel; paint the defect white and leave "
                "the rest of the mask black"
            )
        return mask


def read_marks(folder: Path) -> list[Marked]:
    """Every picture below `folder` with its marks, in natural order, each checked once.

    Painted masks (PNG, white is defect) lie in `ground_truth/<reason>/` inside `folder`
    or beside it, or beside their picture, called `<stem>.png` or `<stem>_mask.png`. Boxes and
    outlines are COCO (one JSON), labelme (a JSON each) or YOLO (a text each, names in
    `classes.txt`). Pictures in folders of good parts are passed over.

    Raises:
        TeachError: no pictures, a picture without marks or with two kinds of them, a mask without
            a picture, one that is empty or does not fit, a broken file; names it and what to do.
        PictureError: a picture cannot be decoded.
    """
    pile = sort_files(folder)
    sources: dict[Path, list[PaintedMask | Drawing]] = defaultdict(list)
    for picture, mask in pile.painted:
        sources[picture].append(PaintedMask(mask))
    for picture, drawing in read_labels(pile):
        sources[picture].append(drawing)
    _check_each_has_one(pile, sources)
    marked = [
        Marked(picture, _reason(pile, picture, sources[picture][0]), sources[picture][0])
        for picture in pile.pictures
    ]
    for entry in marked:
        entry.mask()
    return marked


def _check_each_has_one(pile: Pile, sources: dict[Path, list[PaintedMask | Drawing]]) -> None:
    bare = [picture for picture in pile.pictures if not sources.get(picture)]
    if bare:
        raise TeachError(
            f"{len(bare)} of {len(pile.pictures)} pictures have no mark: "
            f"{named(bare, pile.root)}; mark the defect, or take them out of the folder (a good "
            "part belongs to the good pictures)"
        )
    for picture, found in sources.items():
        if len(found) > 1:
            files = " and ".join(source.path.name for source in found)
            raise TeachError(f"{picture} has marks in {files}; keep the one that is right")


def _reason(pile: Pile, picture: Path, source: PaintedMask | Drawing) -> str:
    reason = pile.reason_of(picture) or _named_by(source) or PLAIN_REASON
    if reason in GOOD_CLASSES:
        raise TeachError(
            f"{source.path} marks {reason!r} on {picture.name}; a mark is a defect and needs the "
            "defect's name"
        )
    return reason


def _named_by(source: PaintedMask | Drawing) -> str | None:
    """The mask's folder in ground_truth, or the label with the largest area."""
    if isinstance(source, PaintedMask):
        folder = source.path.parent
        return class_name(folder.name) if folder.parent.name == MASK_FOLDER else None
    areas: dict[str, float] = defaultdict(float)
    for shape in source.shapes:
        if shape.label:
            areas[shape.label] += shape.area
    return class_name(max(areas, key=lambda label: areas[label])) if areas else None
