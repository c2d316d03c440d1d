"""YOLO's text files, one a picture: class numbers with boxes or outlines in shares."""

from collections.abc import Iterator
from pathlib import Path

from station.core.errors import TeachError
from station.teach.marks.files import CLASSES_FILE, Pile
from station.teach.marks.shapes import Drawing, Shape

BOX_NUMBERS = 5
FEWEST_OUTLINE_NUMBERS = 7


def is_yolo(path: Path) -> bool:
    """Whether a text's first line starts with a class number; an empty file does not."""
    first = next(iter(_lines(path)), "").split()
    return bool(first) and first[0].isdigit() and len(first) >= BOX_NUMBERS


def read_yolo(path: Path, picture: Path, pile: Pile) -> Iterator[tuple[Path, Drawing]]:
    """The picture with its drawing.

    Raises:
        TeachError: a line is no box or outline, or a class has no name.
    """
    names = _names(path, pile)
    if names is None and pile.reason_of(picture) is None:
        raise TeachError(
            f"{path} gives classes as numbers, and there is no {CLASSES_FILE}; put one beside it "
            "with one name a line, or the picture in a folder named by its reason"
        )
    shapes = tuple(
        _shape(line, names, f"{path}, line {number}")
        for number, line in enumerate(_lines(path), 1)
        if line
    )
    yield picture, Drawing(path, shapes)


def _shape(line: str, names: list[str] | None, which: str) -> Shape:
    words = line.split()
    try:
        kind, numbers = int(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise TeachError(f"{which} is {line!r}; a class number and shares are wanted") from error
    if names is not None and not 0 <= kind < len(names):
        raise TeachError(f"{which} has class {kind}, {CLASSES_FILE} names {len(names)} from 0")
    label = "" if names is None else names[kind]
    if len(words) == BOX_NUMBERS:
        x, y, width, height = numbers
        corners = ((x - width / 2, y - height / 2), (x + width / 2, y + height / 2))
        return Shape(label=label, points=corners, is_box=True, is_relative=True)
    if len(words) < FEWEST_OUTLINE_NUMBERS or len(numbers) % 2:
        raise TeachError(
            f"{which} has {len(words)} numbers; a box has 5 (class, middle x and y, width, "
            "height), an outline a class and three points or more"
        )
    points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    return Shape(label=label, points=points, is_relative=True)


def _names(path: Path, pile: Pile) -> list[str] | None:
    for folder in (path.parent, path.parent.parent, pile.root):
        file = folder / CLASSES_FILE
        if file.is_file() and folder.is_relative_to(pile.root):
            return [line for line in _lines(file) if line]
    return None


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise TeachError(f"{path} cannot be read as text: {error}") from error
