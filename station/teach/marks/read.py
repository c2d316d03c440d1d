"""Read a folder of marked defects, whatever they were marked with, and refuse what is in doubt."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.errors import TeachError
from station.core.frame import Image
from station.core.reasons import GOOD_CLASSES
from station.teach.marks.files import MASK_FOLDER, Pile, named, pile_of, sort_files
from station.teach.marks.labels import read_labels
from station.teach.marks.painted import GuessedMask, PaintedMask
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
    mask_source: PaintedMask | Drawing | GuessedMask

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
    sources = _sources(pile)
    bare = [picture for picture in pile.pictures if not sources.get(picture)]
    if bare:
        raise TeachError(
            f"{len(bare)} of {len(pile.pictures)} pictures have no mark: "
            f"{named(bare, pile.root)}; mark the defect, or take them out of the folder (a good "
            "part belongs to the good pictures)"
        )
    return [_marked(pile, picture, sources[picture]) for picture in pile.pictures]


def find_marks(given: Sequence[Path]) -> tuple[list[Marked], list[Path]]:
    """The marked ones among folders and pictures, and those without any mark.

    Folders are read as `read_marks` does. A picture's own marks are a painted mask beside it or in
    `ground_truth`, a label file of its name, or a COCO file in its folder.

    Raises:
        TeachError: as of `read_marks`, but a picture may have no marks.
        PictureError: a picture cannot be decoded.
    """
    folders = [path for path in given if path.is_dir()]
    files = [path for path in given if not path.is_dir()]
    piles = [sort_files(folder) for folder in folders]
    piles += [pile_of(parent, files) for parent in dict.fromkeys(path.parent for path in files)]
    wanted = {*files, *(path for pile in piles[: len(folders)] for path in pile.pictures)}
    marked: list[Marked] = []
    bare: list[Path] = []
    for pile in piles:
        sources = _sources(pile)
        for path in pile.pictures:
            if path in wanted and sources.get(path):
                marked.append(_marked(pile, path, sources[path]))
            elif path in wanted:
                bare.append(path)
    return marked, bare


def _sources(pile: Pile) -> dict[Path, list[PaintedMask | Drawing]]:
    sources: dict[Path, list[PaintedMask | Drawing]] = defaultdict(list)
    for picture, mask in pile.painted:
        sources[picture].append(PaintedMask(mask))
    for picture, drawing in read_labels(pile):
        sources[picture].append(drawing)
    for picture, found in sources.items():
        if len(found) > 1:
            files = " and ".join(source.path.name for source in found)
            raise TeachError(f"{picture} has marks in {files}; keep the one that is right")
    return sources


def _marked(pile: Pile, picture: Path, sources: list[PaintedMask | Drawing]) -> Marked:
    marked = Marked(picture, _reason(pile, picture, sources[0]), sources[0])
    marked.mask()
    return marked


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
