"""Which pictures a batch inspects, and the truth their folders carry."""

import glob
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from natsort import natsorted, ns

from station.core.errors import SettingsError
from station.core.reasons import GOOD_CLASSES
from station.line.batch_values import FolderValues
from station.vision.images import SUFFIXES, find_pictures
from station.vision.masks import GROUND_TRUTH

RESULTS_FILE = "results.jsonl"

BAD_FOLDERS = frozenset(
    {"not_ok", "nok", "ng", "bad", "reject", "rejects", "defect", "defects", "defective", "anomaly"}
)
"""Folder names that mean bad parts; a folder inside one names the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One file to inspect, as it lay there when the batch began."""

    path: Path
    origin: str
    """The path relative to the batch's root, with forward slashes."""
    truth: str | None
    size_bytes: int
    mtime_ns: int
    values: Mapping[str, str] = field(default_factory=dict)
    """What its job says must be on the part."""


def find_batch(
    paths: Sequence[Path],
    *,
    codes: Collection[str] = (),
    out: Path | None = None,
    values: Mapping[str, str] | None = None,
) -> tuple[Path, list[Picture]]:
    """The common root and the pictures of some folders, files or glob patterns, in natural order.

    What an earlier batch wrote (below `out`, or beside a results.jsonl) is left out, and so are
    masks (below a folder ground_truth).

    Args:
        paths: as given on the command line.
        codes: the recipe's reason codes: a folder of such a name carries truth.
        out: where the batch will write.
        values: what every job says; a picture's row in a values.csv beside it goes over them.

    Raises:
        SettingsError: a path does not exist, there is no picture at all, or a values.csv is wrong.
    """
    found: dict[Path, None] = {}
    roots = []
    for path in paths:
        root, pictures = _expand(path)
        roots.append(root)
        found.update(dict.fromkeys(pictures))
    root = Path(os.path.commonpath(roots))
    away = {out.absolute()} if out else set()
    wanted = [path for path in found if not _is_no_part(path, root, away)]
    if not wanted:
        named = ", ".join(str(path) for path in paths)
        raise SettingsError(
            f"no picture in {named}; pictures end with {', '.join(sorted(SUFFIXES))}"
        )
    truths, job_values = FolderTruth(root, codes), FolderValues(values or {})
    ordered = natsorted(wanted, alg=ns.PATH | ns.IC)
    return root, [_picture(path, root, truths, job_values) for path in ordered]


class FolderTruth:
    """The truth of pictures by the folders they lie in: "ok", a reason code, or None.

    Going up from the picture to the root, the first folder that names a class decides. A class
    folder is one called ok or good, one called like a reason code of the recipe, one inside a
    folder for bad parts (not_ok, defect, …), such a folder itself, or one that lies beside an ok
    or good folder.
    """

    def __init__(self, root: Path, codes: Collection[str] = ()) -> None:
        self._root = root
        self._codes = frozenset(codes)
        self._known: dict[Path, str | None] = {}

    def of(self, path: Path) -> str | None:
        """The truth of one picture."""
        folder = path.parent
        if folder not in self._known:
            self._known[folder] = next(self._named(folder), None)
        return self._known[folder]

    def _named(self, folder: Path) -> Iterator[str]:
        while True:
            name = as_code(folder.name)
            if name in GOOD_CLASSES:
                yield "ok"
            elif self._is_class(folder, name):
                yield name
            if folder in (self._root, folder.parent):
                return
            folder = folder.parent

    def _is_class(self, folder: Path, name: str) -> bool:
        beside = folder.parent
        return (
            name in self._codes
            or name in BAD_FOLDERS
            or as_code(beside.name) in BAD_FOLDERS
            or any((beside / good).is_dir() for good in GOOD_CLASSES)
        )


def check_there(path: Path) -> None:
    """Refuse a path that is no glob pattern and does not exist.

    Raises:
        SettingsError: it does not.
    """
    if not glob.has_magic(str(path)) and not path.exists():
        raise SettingsError(f"there is no file or folder {path}; correct the path")


def as_code(name: str) -> str:
    """A folder name in the spelling of reason codes: lower case, blanks as _."""
    return re.sub(r"\s+", "_", name.strip().lower())


def _expand(path: Path) -> tuple[Path, list[Path]]:
    whole = path.absolute()
    if whole.is_dir():
        return whole, list(find_pictures(whole))
    if whole.exists():
        return whole.parent, [whole] if whole.suffix.lower() in SUFFIXES else []
    check_there(path)
    fixed = Path(*_fixed_parts(whole))
    matches = list(fixed.glob(str(whole.relative_to(fixed))))
    pictures = [match for match in matches if match.suffix.lower() in SUFFIXES and match.is_file()]
    inside = (picture for folder in matches if folder.is_dir() for picture in find_pictures(folder))
    return fixed, [*pictures, *inside]


def _fixed_parts(path: Path) -> Iterator[str]:
    for part in path.parts:
        if glob.has_magic(part):
            return
        yield part


def _is_no_part(path: Path, root: Path, away: set[Path]) -> bool:
    for folder in path.parents:
        if folder in away or (folder.name == GROUND_TRUTH and folder != root):
            return True
        if folder.name == "annotated" and (folder.parent / RESULTS_FILE).exists():
            return True
        if folder == root:
            return False
    return False


def _picture(path: Path, root: Path, truths: FolderTruth, values: FolderValues) -> Picture:
    try:
        stat = path.stat()
        size_bytes, mtime_ns = stat.st_size, stat.st_mtime_ns
    except OSError:  # reading it will say what is wrong, in its own row
        size_bytes, mtime_ns = -1, -1
    return Picture(
        path=path,
        origin=path.relative_to(root).as_posix(),
        truth=truths.of(path),
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
        values=values.of(path),
    )
