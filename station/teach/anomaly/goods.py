"""The good pictures to learn from: found, readable, healthy, each once, and all about one size."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from station.core.errors import PictureError, TeachError
from station.core.frame import Image
from station.core.reasons import GOOD_CLASSES
from station.core.recipe import HealthLimits
from station.teach.look import Tick, in_parallel
from station.teach.pictures import GOOD_IN_OTHER_WORDS, Picture
from station.vision.health import find_fault
from station.vision.images import SUFFIXES, find_pictures, read_image

FEWEST = 10
MAX_LOST_SHARE = 0.2
MASK_FOLDER = "ground_truth"
NAMED = 4


@dataclass(frozen=True, slots=True)
class Goods:
    """The good pictures of a folder, each file once, and what was noticed on the way."""

    pictures: tuple[Picture, ...]
    other_folders: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readable:
    """The pictures that can be learnt from, their sizes, and what is wrong with the others."""

    pictures: tuple[Picture, ...]
    sizes: tuple[tuple[int, int], ...]
    """(width, height) in pixels."""
    left_out: tuple[str, ...]
    copies: tuple[str, ...] = ()
    """Names of other files with the very pixels of one that is learnt."""


def find_goods(root: Path, tick: Tick = lambda *_: None) -> Goods:
    """The pictures in `root/good` (or `ok`), each file once.

    A file that lies in a folder of defects too proves neither and is left out.

    Raises:
        TeachError: no such folder, or fewer than ten different pictures in it.
    """
    if not root.is_dir():
        raise TeachError(f"{root} is no folder; give one that holds a folder good with pictures")
    folders = [path for path in sorted(root.iterdir()) if path.is_dir()]
    good = [path for path in folders if path.name.lower() in GOOD_CLASSES]
    if len(good) != 1:
        raise TeachError(_no_good_folder(root, folders, good))
    others = [path for path in folders if path not in (good[0], root / MASK_FOLDER)]
    others = [path for path in others if not path.name.startswith(".")]
    pictures = as_pictures(find_pictures(good[0]), tick)
    elsewhere = {_digest(path) for folder in others for path in find_pictures(folder)}
    kept, warnings = _each_once(pictures, elsewhere)
    if len(kept) < FEWEST:
        raise TeachError(
            f"{good[0]} holds {len(kept)} different pictures; {FEWEST} are the least to learn "
            "what good looks like, 20 or more to say how often it will be wrong"
        )
    return Goods(tuple(kept), tuple(path.name for path in others), tuple(warnings))


def as_pictures(paths: Iterable[Path], tick: Tick = lambda *_: None) -> list[Picture]:
    """Good pictures with the sha256 of their files."""
    return in_parallel(lambda path: Picture(path, "good", _digest(path)), list(paths), tick)


def read_all(pictures: Sequence[Picture], tick: Tick) -> Readable:
    """Read every picture once; leave out what is broken, black, white or empty, and copies.

    Raises:
        TeachError: more than a fifth is lost, or too few show anything different.
    """
    answers = in_parallel(_seen, pictures, tick)
    left_out = tuple(answer for answer in answers if isinstance(answer, str))
    if len(left_out) > MAX_LOST_SHARE * len(pictures) or len(pictures) - len(left_out) < FEWEST:
        raise TeachError(
            f"{len(left_out)} of {len(pictures)} good pictures cannot be learnt from "
            f"({left_out[0]}); take them out or take them again"
        )
    first: dict[str, tuple[Picture, tuple[int, int]]] = {}
    copies = []
    for picture, answer in zip(pictures, answers, strict=True):
        if not isinstance(answer, str):
            size, pixels = answer
            if pixels in first:
                copies.append(picture.path.name)
            first.setdefault(pixels, (picture, size))
    if len(first) < FEWEST:
        raise TeachError(
            f"the good pictures show only {len(first)} different ones, the others are copies "
            f"({copies[0]}); what good parts have in common is learnt from {FEWEST} or more parts"
        )
    kept, sizes = zip(*first.values(), strict=True)
    return Readable(kept, sizes, left_out, tuple(copies))


def describe_sizes(sizes: Sequence[tuple[int, int]]) -> str | None:
    """A warning where the pictures differ in size, or None."""
    different = sorted(set(sizes))
    if len(different) == 1:
        return None
    smallest, largest = (
        min(different, key=lambda s: s[0] * s[1]),
        max(different, key=lambda s: s[0] * s[1]),
    )
    return (
        f"the good pictures have {len(different)} sizes, from {smallest[0]} x {smallest[1]} to "
        f"{largest[0]} x {largest[1]}; each is brought to the model's input, so that scale varies: "
        "one camera setting, or a region in the recipe, learns better"
    )


def describe_copies(names: Sequence[str]) -> str | None:
    """A warning where files hold the pixels of others, or None."""
    if not names:
        return None
    return (
        f"{len(names)} good pictures have the very pixels of others and count once: "
        f"{_listed(names)}"
    )


def image_or_fault(picture: Picture) -> Image | str:
    """A picture's image, or what is wrong with it: unreadable, black, white or empty."""
    try:
        image = read_image(picture.path)
    except PictureError as error:
        return str(error)
    fault = find_fault(image, HealthLimits())
    return f"{picture.path.name}: {fault.text}" if fault else image


def size_or_fault(picture: Picture) -> tuple[int, int] | str:
    """(width, height) in pixels of a picture that can be learnt from, or what is wrong with it."""
    image = image_or_fault(picture)
    return image if isinstance(image, str) else (image.shape[1], image.shape[0])


def _seen(picture: Picture) -> tuple[tuple[int, int], str] | str:
    """Size and digest of the pixels, or what is wrong; two files can hold the same pixels."""
    image = image_or_fault(picture)
    if isinstance(image, str):
        return image
    return (image.shape[1], image.shape[0]), hashlib.sha256(image.data).hexdigest()


def _no_good_folder(root: Path, folders: list[Path], good: list[Path]) -> str:
    if len(good) > 1:
        return f"{root} holds {' and '.join(path.name for path in good)}; join the two folders"
    like = [path.name for path in folders if path.name.lower() in GOOD_IN_OTHER_WORDS]
    if like:
        return f"folder {like[0]!r} in {root} seems to hold good parts; call it good"
    loose = sum(path.suffix.lower() in SUFFIXES for path in root.iterdir())
    if loose:
        return (
            f"{loose} pictures lie directly in {root}; put those of good parts into "
            f"{root / 'good'}, or give the folder above if {root.name} is that folder"
        )
    return (
        f"{root} has no folder called good; put the pictures of good parts into {root / 'good'} "
        "(ten or more), those of defects into folders with the defect's name"
    )


def _each_once(pictures: list[Picture], elsewhere: set[str]) -> tuple[list[Picture], list[str]]:
    warnings = []
    contradicting = [p.path for p in pictures if p.digest in elsewhere]
    if contradicting:
        warnings.append(
            f"{len(contradicting)} files lie in good and in a folder of defects and were left "
            f"out: {named(contradicting)}; decide where each belongs"
        )
    first: dict[str, Picture] = {}
    copies = []
    for picture in pictures:
        if picture.digest in elsewhere:
            continue
        if picture.digest in first:
            copies.append(picture.path)
        first.setdefault(picture.digest, picture)
    if copies:
        warnings.append(
            f"{len(copies)} good pictures are exact copies of others and count once: "
            f"{named(copies)}"
        )
    return list(first.values()), warnings


def named(paths: Sequence[Path]) -> str:
    """The first few names, and how many more."""
    return _listed([path.name for path in paths])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}") from error
