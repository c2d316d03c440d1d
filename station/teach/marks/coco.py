"""COCO's JSON, one file for all pictures: boxes, polygons and run-length masks."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ValidationError

from station.core.errors import TeachError
from station.core.plugin import explain
from station.teach.marks.files import Pile
from station.teach.marks.shapes import Drawing, Shape


def is_coco(content: Any) -> bool:
    """Whether a JSON is one of COCO's."""
    return isinstance(content, dict) and {"images", "annotations"} <= set(content)


class CocoImage(BaseModel):
    """One picture; COCO's other fields are of no use here."""

    id: int | str
    file_name: str
    width: int | None = None
    height: int | None = None


class CocoRuns(BaseModel):
    """A run-length mask; `counts` as numbers, or packed into a string."""

    counts: list[int] | str
    size: tuple[int, int]


class CocoMark(BaseModel):
    """One mark; COCO's other fields are of no use here."""

    image_id: int | str
    category_id: int | str | None = None
    bbox: tuple[float, float, float, float] | None = None
    segmentation: list[list[float]] | CocoRuns | None = None


class CocoCategory(BaseModel):
    """One name of a defect."""

    id: int | str
    name: str


class CocoFile(BaseModel):
    """One file of COCO; its other fields are of no use here."""

    images: list[CocoImage]
    annotations: list[CocoMark]
    categories: list[CocoCategory] = []


def read_coco(path: Path, content: Any, pile: Pile) -> Iterator[tuple[Path, Drawing]]:
    """Each marked picture with its drawing.

    Raises:
        TeachError: a field is wrong, or a picture or category is named that is not there.
    """
    try:
        file = CocoFile.model_validate(content)
    except ValidationError as error:
        raise TeachError(f"COCO file {path}: {explain(error, CocoFile)}") from error
    images = {image.id: image for image in file.images}
    names = {category.id: category.name for category in file.categories}
    shapes: dict[int | str, list[Shape]] = defaultdict(list)
    by_name: dict[str, list[Path]] = defaultdict(list)
    for picture in pile.pictures:
        by_name[picture.name].append(picture)
    for number, mark in enumerate(file.annotations, 1):
        if mark.image_id not in images:
            raise TeachError(
                f"{path}: annotation {number} is of picture id {mark.image_id}, which is not "
                "among its images; export the labels again"
            )
        shapes[mark.image_id] += _shapes(mark, names, f"{path}: annotation {number}")
    for key, found in shapes.items():
        image = images[key]
        size = (image.width, image.height) if image.width and image.height else None
        yield _picture(path, image.file_name, pile.root, by_name), Drawing(path, tuple(found), size)


def _picture(path: Path, file_name: str, root: Path, by_name: dict[str, list[Path]]) -> Path:
    """The picture of that name: the same path below the label file, else the only one so called."""
    wanted = PurePosixPath(file_name.replace("\\", "/"))
    close = {path.parent / wanted, path.parent / "images" / wanted, root / wanted}
    alike = by_name.get(wanted.name, [])
    found = [picture for picture in alike if picture in close] or alike
    if len(found) == 1:
        return found[0]
    what = "is not there" if not found else f"could be any of {len(found)}"
    raise TeachError(
        f"{path} marks picture {file_name!r}, which {what} below {root}; put it there, or "
        "take its annotations out"
    )


def _shapes(mark: CocoMark, names: dict[int | str, str], which: str) -> list[Shape]:
    if mark.category_id is not None and names and mark.category_id not in names:
        raise TeachError(f"{which} has category {mark.category_id}, which has no name there")
    label = "" if mark.category_id is None else names.get(mark.category_id, "")
    if isinstance(mark.segmentation, CocoRuns):
        return [Shape(label=label, points=(), runs=_runs(mark.segmentation, which))]
    if mark.segmentation:
        return [Shape(label=label, points=_points(flat, which)) for flat in mark.segmentation]
    if mark.bbox is None:
        raise TeachError(f"{which} has neither bbox nor segmentation; draw it or take it out")
    x, y, width, height = mark.bbox
    if width <= 0 or height <= 0:
        raise TeachError(f"{which} has a box of {width:g} x {height:g}; draw it or take it out")
    return [Shape(label=label, points=((x, y), (x + width, y + height)), is_box=True)]


def _points(flat: list[float], which: str) -> tuple[tuple[float, float], ...]:
    if len(flat) < 6 or len(flat) % 2:
        raise TeachError(f"{which} has an outline of {len(flat)} numbers; 6 or more, x and y each")
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _runs(mask: CocoRuns, which: str) -> tuple[int, ...]:
    counts = _unpacked(mask.counts) if isinstance(mask.counts, str) else mask.counts
    if any(count < 0 for count in counts):
        raise TeachError(f"{which} has a run of negative length; export the labels again")
    return tuple(counts)


def _unpacked(packed: str) -> list[int]:
    """COCO's packed runs: 5 bits a character, low ones first; from the third on, differences."""
    counts: list[int] = []
    value = shift = 0
    for character in packed:
        bits = ord(character) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts
