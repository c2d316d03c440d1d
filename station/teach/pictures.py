"""The pictures to learn from: one folder a class, names that make sense, nothing counted twice."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from station.core.errors import PictureError, TeachError
from station.core.reasons import GOOD_CLASSES, check_reason_code
from station.vision.images import SUFFIXES, find_pictures

BAD_FOLDERS = frozenset({"not_ok", "nok", "ng", "bad", "reject", "rejects", "defects"})
"""Folders that may hold the classes of bad parts one level deeper."""

GOOD_IN_OTHER_WORDS = frozenset(
    {
        "okay", "pass", "passed", "accept", "accepted", "gut", "io", "i_o", "normal", "ok_parts",
        "good_parts", "goods", "no_defect", "no_defects", "non_defective", "defect_free",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of one class; `digest` is the sha256 of its bytes."""

    path: Path
    label: str
    digest: str


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a folder to teach from."""

    pictures: tuple[Picture, ...]
    classes: tuple[str, ...]
    """The good class first, if there is one."""
    warnings: tuple[str, ...]

    @property
    def good(self) -> str | None:
        """The class of good parts, or None."""
        return next((name for name in self.classes if name in GOOD_CLASSES), None)


def find_classes(root: Path) -> Found:
    """The classes and pictures below `root`: `<class>/…`, or `not_ok/<class>/…`.

    The same file under two classes proves neither, and is left out with a warning.

    Raises:
        TeachError: no folder, no classes, two good ones, or a name nobody can act on.
    """
    if not root.is_dir():
        raise TeachError(f"{root} is no folder; give one with a folder of pictures for each class")
    folders = dict(_class_folders(root))
    if len(folders) < 2:
        raise TeachError(
            f"{root} has {_named(folders.values())}; learning needs two classes or more, each a "
            f"folder of pictures ({', '.join(sorted(SUFFIXES))}): ok and one for each defect"
        )
    classes = _named_classes(folders)
    pictures = [
        Picture(path, name, hashlib.sha256(_bytes(path)).hexdigest())
        for name, folder in classes.items()
        for path in find_pictures(folder)
    ]
    kept, warnings = _without_contradictions(pictures, root)
    loose = sum(1 for path in root.iterdir() if path.suffix.lower() in SUFFIXES)
    if loose:
        warnings.append(f"{loose} pictures lie directly in {root.name}, in no class: not used")
    return Found(tuple(kept), tuple(classes), tuple(warnings))


def class_name(folder: str) -> str:
    """The class and reason code a folder's name stands for: lower case, blanks as _.

    Raises:
        TeachError: nobody could act on such a code; says why.
    """
    name = re.sub(r"\s+", "_", folder.strip().lower())
    if name in GOOD_CLASSES:
        return name
    if name in GOOD_IN_OTHER_WORDS:
        raise TeachError(
            f"folder {folder!r} seems to hold good parts; call it ok, so that the model knows "
            "which class may pass"
        )
    try:
        return check_reason_code(name)
    except ValueError as error:
        raise TeachError(f"folder {folder!r}: {error}; rename the folder") from error


def _class_folders(root: Path) -> Iterable[tuple[Path, str]]:
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if folder.name.startswith(".") or next(find_pictures(folder), None) is None:
            continue
        direct = any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
        if folder.name.lower() in BAD_FOLDERS and not direct:
            yield from _class_folders(folder)
        else:
            yield folder, folder.name


def _named_classes(folders: dict[Path, str]) -> dict[str, Path]:
    classes: dict[str, Path] = {}
    for folder, name in folders.items():
        code = class_name(name)
        if code in classes:
            raise TeachError(
                f"folders {classes[code]} and {folder} are both class {code!r}; join or rename"
            )
        classes[code] = folder
    good = [code for code in classes if code in GOOD_CLASSES]
    if len(good) > 1:
        raise TeachError(f"{' and '.join(good)} both mean good parts; join the two folders")
    return {code: classes[code] for code in [*good, *(c for c in classes if c not in good)]}


def _without_contradictions(pictures: list[Picture], root: Path) -> tuple[list[Picture], list[str]]:
    labels = defaultdict(set)
    for picture in pictures:
        labels[picture.digest].add(picture.label)
    kept = [picture for picture in pictures if len(labels[picture.digest]) == 1]
    warnings = []
    if len(kept) < len(pictures):
        left_out = [p.path for p in pictures if len(labels[p.digest]) > 1]
        shown = ", ".join(path.relative_to(root).as_posix() for path in left_out[:4])
        more = f" and {len(left_out) - 4} more" if len(left_out) > 4 else ""
        warnings.append(
            f"{len(left_out)} files lie in two classes with the same content and were left out: "
            f"{shown}{more}; decide which class each belongs to"
        )
    copies = len(kept) - len({picture.digest for picture in kept})
    if copies:
        warnings.append(f"{copies} pictures are exact copies of others of their class")
    return kept, warnings


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}") from error


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    return f"one class ({listed[0]})" if listed else "no folder with pictures in it"
