"""Which files of a folder are pictures, which are masks of which, and which hold labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from natsort import natsorted

from station.core.errors import TeachError
from station.core.reasons import GOOD_CLASSES
from station.teach.pictures import BAD_FOLDERS, class_name
from station.vision.images import SUFFIXES, find_pictures

MASK_FOLDER = "ground_truth"
MASK_ENDINGS = ("_mask", "")
LABEL_FOLDERS = frozenset({"images", "labels", "annotations"})
"""Folders the labelling programs make; their names are no reasons."""
CLASSES_FILE = "classes.txt"
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Pile:
    """The files of a folder of marked defects, told apart."""

    root: Path
    pictures: tuple[Path, ...]
    painted: tuple[tuple[Path, Path], ...]
    """(picture, mask)."""
    stems: Mapping[Path, Path]
    """Path without suffix -> picture."""
    jsons: tuple[Path, ...]
    texts: tuple[Path, ...]

    def reason_of(self, picture: Path) -> str | None:
        """The reason a picture's folder stands for; None for folders that name none."""
        return _reason_of(self.root, picture)

    def picture_of(self, label: Path) -> Path | None:
        """The picture a label file belongs to: same stem, same folder or `images` beside it."""
        beside = label.parent.parent
        folders = (label.parent, label.parent / "images", beside / "images", beside)
        found = (self.stems.get(folder / label.stem) for folder in folders)
        return next((picture for picture in found if picture), None)


def sort_files(root: Path) -> Pile:
    """Tell the files below `root` apart and give each picture its painted masks.

    Raises:
        TeachError: no folder, no pictures, or masks inside it that belong to none.
    """
    if not root.is_dir():
        raise TeachError(f"{root} is no folder; give one with pictures of marked defects")
    shown = [path for path in find_pictures(root) if not _is_good(root, path)]
    in_truth = {path for path in shown if MASK_FOLDER in path.relative_to(root).parts[:-1]}
    beside = {mask for path in shown if path not in in_truth for mask in _beside(path)}
    pictures = tuple(path for path in shown if path not in in_truth and path not in beside)
    if not pictures:
        raise TeachError(
            f"{root} has no pictures of defects; put them in folders named by their reason, with "
            f"masks in {MASK_FOLDER}/<reason>/ or labels beside them"
        )
    painted = tuple((path, mask) for path in pictures for mask in _masks_of(root, path))
    _check_no_strays(root, in_truth | beside, {mask for _, mask in painted}, pictures)
    return Pile(
        root=root,
        pictures=pictures,
        painted=painted,
        stems={path.with_suffix(""): path for path in pictures},
        jsons=tuple(natsorted(path for path in root.rglob("*.json") if _is_seen(root, path))),
        texts=tuple(natsorted(path for path in root.rglob("*.txt") if _is_seen(root, path))),
    )


def pile_of(folder: Path, given: Sequence[Path]) -> Pile:
    """The files that may mark those pictures of `given` that lie directly in `folder`.

    Other files of the folder are let be, whatever they are.
    """
    shown = [path for path in natsorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    masks = {mask for path in shown for mask in _beside(path)}
    own = [path for path in given if path.parent == folder and path not in masks]
    jsons = [path.with_suffix(".json") for path in own]
    texts = [path.with_suffix(".txt") for path in own]
    return Pile(
        root=folder,
        pictures=tuple(path for path in shown if path not in masks),
        painted=tuple((path, mask) for path in own for mask in _masks_of(folder, path)),
        stems={path.with_suffix(""): path for path in own},
        jsons=tuple(path for path in folder.glob("*.json") if path in jsons or _lists(path)),
        texts=tuple(path for path in texts if path.is_file()),
    )


def named(paths: Sequence[Path], root: Path) -> str:
    """A few of the paths, relative to the folder, and how many more there are."""
    shown = ", ".join(_inside(path, root) for path in paths[:SHOWN])
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return shown + more


def _lists(path: Path) -> bool:
    """Whether a JSON looks like COCO's, one file for all pictures."""
    try:
        text = path.read_bytes()
    except OSError:
        return False
    return b'"annotations"' in text and b'"images"' in text


def _masks_of(root: Path, picture: Path) -> Iterable[Path]:
    folder = picture.parent.relative_to(root)
    places = [root / MASK_FOLDER / folder, root.parent / MASK_FOLDER / folder]
    places += [root / MASK_FOLDER / folder.name]
    if not folder.parts:
        # the folder given is itself one reason: <reason>/ with ground_truth/<reason>/ about it
        places += [root.parent / MASK_FOLDER / root.name]
        places += [root.parent.parent / MASK_FOLDER / root.name]
    found = [place / f"{picture.stem}{ending}.png" for place in places for ending in MASK_ENDINGS]
    yield from dict.fromkeys(path for path in [*found, *_beside(picture)] if path.is_file())


def _beside(picture: Path) -> Iterable[Path]:
    masks = [picture.with_name(f"{picture.stem}_mask.png")]
    if picture.suffix.lower() != ".png":
        masks.append(picture.with_suffix(".png"))
    return [mask for mask in masks if mask.is_file()]


def _check_no_strays(
    root: Path, masks: set[Path], used: set[Path], pictures: Iterable[Path]
) -> None:
    alone = {path for path in pictures if path.stem.endswith("_mask")}
    strays = natsorted((masks - used) | alone)
    if strays:
        raise TeachError(
            f"{len(strays)} masks have no picture: {named(strays, root)}; a mask is called as its "
            "picture is, with _mask or without; put the picture there or take the mask out"
        )


def _reason_of(root: Path, picture: Path) -> str | None:
    for name in reversed(picture.relative_to(root).parts[:-1]):
        if name.lower() not in LABEL_FOLDERS | BAD_FOLDERS:
            return class_name(name)
    return None


def _is_good(root: Path, path: Path) -> bool:
    return any(part.lower() in GOOD_CLASSES for part in path.relative_to(root).parts[:-1])


def _is_seen(root: Path, path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden and not _is_good(root, path)


def _inside(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
