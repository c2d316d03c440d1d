"""What lies in a folder of labelled sets, told by its layout and nothing else.

<set>/train/good/  <set>/test/good/  <set>/test/<reason>/  [<set>/ground_truth/<reason>/]
<set>/classes/<class>/
<set>/images/<number>_<bits>.jpg, with one box a bit in <set>/README.md
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.reasons import GOOD_CLASSES
from station.core.region import Rectangle
from station.vision.images import find_pictures, read_image

MASK_ENDINGS = ("", "_mask")
BITS = re.compile(r"\d+_([01]+)")
NUMBER = r"\s*(\d+)(?:\.\.\d+)?\s*"
BOX = re.compile(r"\(" + ",".join([NUMBER] * 4) + r"\)")


@dataclass(frozen=True, slots=True)
class NormalSet:
    """Good pictures to learn from, good and bad ones to judge by."""

    name: str
    learn: tuple[Path, ...]
    good: tuple[Path, ...]
    bad: dict[str, tuple[Path, ...]]
    """Folder -> pictures."""
    masks: dict[Path, Path]
    """Bad picture -> painted mask."""

    @property
    def all_bad(self) -> list[Path]:
        """Every bad picture, folder by folder."""
        return [path for paths in self.bad.values() for path in paths]


@dataclass(frozen=True, slots=True)
class ClassSet:
    """Folders of classes, to be told apart by held-out pictures."""

    name: str
    root: Path


@dataclass(frozen=True, slots=True)
class BitSet:
    """Pictures with the same boxes in each, and one bit a box: present or missing."""

    name: str
    boxes: tuple[Rectangle, ...]
    pictures: tuple[tuple[Path, str], ...]
    """(path, bits), in natural order."""


AnySet = NormalSet | ClassSet | BitSet


def find_sets(root: Path, names: Sequence[str] = ()) -> list[AnySet]:
    """The sets below `root` (all, or those named), in the order of their names.

    Raises:
        SystemExit: no such folder or set, or none that can be measured.
    """
    if not root.is_dir():
        raise SystemExit(f"{root} is no folder; give one of labelled sets with --data")
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    unknown = sorted(set(names) - {folder.name for folder in folders})
    if unknown:
        raise SystemExit(f"{root} has no set called {', '.join(unknown)}")
    found = [_read(folder) for folder in folders if not names or folder.name in names]
    sets = [entry for entry in found if entry]
    if not sets:
        raise SystemExit(f"no folder in {root} has a layout that can be measured")
    return sets


def spread_over_reasons(entry: NormalSet, count: int, seed: int) -> list[tuple[Path, Path, str]]:
    """Marked defects in turn from every reason, each reason shuffled; only masks with marks."""
    rng = np.random.default_rng(seed)
    piles = []
    for reason, paths in sorted(entry.bad.items()):
        usable = [path for path in paths if path in entry.masks]
        piles.append(
            [(usable[i], entry.masks[usable[i]], reason) for i in rng.permutation(len(usable))]
        )
    chosen: list[tuple[Path, Path, str]] = []
    while len(chosen) < count and any(piles):
        for pile in piles:
            while pile and len(chosen) < count:
                candidate = pile.pop(0)
                if read_mask(candidate[1]).any():
                    chosen.append(candidate)
                    break
    return chosen


def read_mask(path: Path) -> NDArray[np.bool_]:
    """(height, width): true where the painted mask is above half range."""
    values = read_image(path)
    return np.asarray((values if values.ndim == 2 else values.max(axis=2)) > 127, np.bool_)


def _read(folder: Path) -> AnySet | None:
    if (folder / "train" / "good").is_dir() and (folder / "test" / "good").is_dir():
        return _normal(folder)
    if (folder / "classes").is_dir():
        return ClassSet(folder.name, folder / "classes")
    return _bits(folder) if (folder / "images").is_dir() else None


def _normal(folder: Path) -> NormalSet | None:
    bad = {
        reason.name: tuple(find_pictures(reason))
        for reason in sorted((folder / "test").iterdir())
        if reason.is_dir() and reason.name not in GOOD_CLASSES
    }
    bad = {reason: paths for reason, paths in bad.items() if paths}
    learn = tuple(find_pictures(folder / "train" / "good"))
    good = tuple(find_pictures(folder / "test" / "good"))
    if not (learn and good and bad):
        return None
    masks = {}
    for reason, paths in bad.items():
        for path in paths:
            for ending in MASK_ENDINGS:
                mask = folder / "ground_truth" / reason / f"{path.stem}{ending}.png"
                if mask.is_file():
                    masks[path] = mask
    return NormalSet(folder.name, learn, good, bad, masks)


def _bits(folder: Path) -> BitSet | None:
    told = folder / "README.md"
    text = told.read_text(encoding="utf-8") if told.is_file() else ""
    # a range such as 305..325 tells how far the boxes wander; its first number is taken
    corners = [tuple(int(number) for number in match) for match in BOX.findall(text)]
    boxes = tuple(
        Rectangle(x=left, y=top, width=right - left, height=bottom - top)
        for left, top, right, bottom in corners
        if right > left and bottom > top
    )
    pictures = []
    for path in find_pictures(folder / "images"):
        match = BITS.fullmatch(path.stem)
        if match and len(match[1]) == len(boxes):
            pictures.append((path, match[1]))
    return BitSet(folder.name, boxes, tuple(pictures)) if boxes and pictures else None
