"""Pictures a model is tried on: what they show, and the scores somebody expects of them."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.core.errors import ModelError
from station.core.reasons import GOOD_CLASSES
from station.teach.importing.wishes import Wishes
from station.teach.pictures import BAD_FOLDERS, GOOD_IN_OTHER_WORDS
from station.vision.images import find_pictures
from station.vision.masks import GROUND_TRUTH

SPLITS = frozenset({"train", "training", "test", "val", "valid", "validation", "images"})
"""Folders that say what pictures are for, not what they show."""

_NAME_COLUMNS = ("picture", "file", "image", "path", "name", "filename")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One picture with what is known of it."""

    path: Path
    name: str
    """As it is called in reports: relative to the folder."""
    label: str | None = None
    """The folder it lies in; None where it lies in none."""
    expected: Mapping[str, float] | None = None
    """`score`, or the share of classes by name, as another program worked them out."""

    @property
    def is_good(self) -> bool | None:
        """Whether the folder's name says that the part is good; None without a folder."""
        if self.label is None:
            return None
        return self.label.lower() in GOOD_CLASSES | GOOD_IN_OTHER_WORDS


def find_references(wishes: Wishes) -> list[Reference]:
    """The pictures of `--pictures` and `--scores`, in natural order; masks are none of them.

    Raises:
        ModelError: a folder or file is not there or holds nothing, or a score is for no picture.
    """
    expected = read_scores(wishes.scores) if wishes.scores else {}
    root = wishes.pictures or (wishes.scores.parent if wishes.scores else None)
    if root is None:
        return []
    if not root.is_dir():
        raise ModelError(f"{root} is no folder with reference pictures")
    paths = [p for p in find_pictures(root) if GROUND_TRUTH not in p.relative_to(root).parts]
    if not paths:
        raise ModelError(f"there is no picture in {root}")
    names = {path.relative_to(root).as_posix(): path for path in paths}
    scores = _by_name(expected, names)
    kept = [name for name in names if wishes.pictures or name in scores]
    labels = _labels([Path(name).parts[:-1] for name in kept], wishes.good)
    return [
        Reference(path=names[name], name=name, label=label, expected=scores.get(name))
        for name, label in zip(kept, labels, strict=True)
    ]


def read_scores(file: Path) -> dict[str, dict[str, float]]:
    """Expected scores by picture, from CSV with a heading or from JSON.

    CSV: a column `picture`, and `score` or columns called like the classes. JSON: an object
    {picture: score} or {picture: {class: share}}, or a list of objects with `picture` in them.

    Raises:
        ModelError: it cannot be read or holds something else.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        rows = _rows(json.loads(text)) if file.suffix.lower() == ".json" else _lines(text)
        return {name: _numbers(row) for name, row in rows}
    except OSError as error:
        raise ModelError(f"cannot read the expected scores {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file.name} holds no expected scores ({error}); write CSV with the columns picture "
            "and score (or one column a class), or JSON {picture: score}"
        ) from error


def spread(references: Sequence[Reference], most: int) -> list[Reference]:
    """At most so many, in turn from every label, so that none is left out."""
    groups: dict[str | None, list[Reference]] = {}
    for reference in references:
        groups.setdefault(reference.label, []).append(reference)
    each = max(1, most // max(1, len(groups)))
    return [
        reference
        for group in groups.values()
        for reference in group[:: max(1, len(group) // each)][:each]
    ]


def _labels(folders: Sequence[tuple[str, ...]], good: str) -> list[str | None]:
    """What the folders say; nothing where all pictures lie in one that is not of good parts."""
    labels = ["ok" if good and _label(parts) == good else _label(parts) for parts in folders]
    if len(set(labels)) == 1 and (labels[0] or "").lower() not in GOOD_CLASSES:
        return [None] * len(labels)
    return labels


def _label(parts: tuple[str, ...]) -> str | None:
    """The first folder that names something: below `test` or `not_ok` the one deeper."""
    for part in parts:
        if part.lower() not in BAD_FOLDERS | SPLITS:
            return part
    return parts[-1] if parts else None


def _by_name(
    expected: Mapping[str, dict[str, float]], names: Mapping[str, Path]
) -> dict[str, dict[str, float]]:
    """Scores under the pictures' relative names; a bare file name will do where it is the only."""
    found = {}
    for given, numbers in expected.items():
        name = Path(given).as_posix()
        fitting = [name] if name in names else [n for n in names if Path(n).name == Path(name).name]
        if len(fitting) != 1:
            raise ModelError(
                f"the expected score of {given!r} is for {len(fitting)} of the pictures; give "
                "each by its path below the folder"
            )
        found[fitting[0]] = numbers
    return found


def _rows(content: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(content, list):
        for row in content:
            yield _named(row)
        return
    for name, row in content.items():
        yield name, row if isinstance(row, dict) else {"score": row}


def _lines(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in csv.DictReader(text.splitlines()):
        yield _named(row)


def _named(row: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    key = next((key for key in row if key.strip().lower() in _NAME_COLUMNS), None)
    if key is None:
        raise KeyError("no column called picture")
    return str(row[key]), {name: row[name] for name in row if name != key}


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    numbers = {name.strip(): float(value) for name, value in row.items()}
    if not numbers or not all(math.isfinite(number) for number in numbers.values()):
        raise ValueError(f"not a finite number for everything: {row}")
    return numbers


def labels_of(references: Iterable[Reference]) -> set[str]:
    """The folders the pictures lie in."""
    return {reference.label for reference in references if reference.label}
