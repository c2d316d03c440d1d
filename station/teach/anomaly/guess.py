"""What a version says of pictures, and where it sees the defect on those nobody marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.errors import PictureError
from station.core.frame import Image
from station.core.region import Rectangle
from station.teach.look import Tick, in_parallel
from station.teach.marks import PLAIN_REASON, GuessedMask, Marked
from station.vision.card import Tiling
from station.vision.geometry import cut, tiles
from station.vision.heat import unfit
from station.vision.images import read_image
from station.vision.model import Model

HOTTEST_SHARE = 0.02
"""So much of a picture is taken for the defect at most."""
USUAL_SHARE = 0.95
"""And only where it is hotter than the hottest place of so many good parts."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The score of a picture, that of its worst tile, and the heat of its hottest patch."""

    score: float
    hottest: float


def judge_all(
    model: Model, tiling: Tiling | None, paths: Sequence[Path], tick: Tick
) -> dict[Path, Judged]:
    """What a model says of each picture that can be read."""

    def judge(path: Path) -> Judged | None:
        try:
            image = read_image(path)
        except PictureError:
            return None  # it was reported when it was shown
        seen = [model.score(cut(image, tile)) for tile in _tiles(image, tiling)]
        heats = [float(heat.max()) if heat is not None else score for score, heat in seen]
        return Judged(max(score for score, _ in seen), max(heats))

    answers = in_parallel(judge, paths, tick)
    return {p: answer for p, answer in zip(paths, answers, strict=True) if answer is not None}


def guess_marks(
    model: Model, tiling: Tiling | None, paths: Sequence[Path], usual: Sequence[float]
) -> tuple[list[Marked], list[Path]]:
    """Pictures of bad parts with a mask of the hottest 2 %, and those on which nothing is hot.

    Args:
        model: what looks at them.
        tiling: how a picture is parted for it.
        paths: the pictures.
        usual: the heat of the hottest patch of each good part.
    """
    level = float(np.quantile(usual, USUAL_SHARE)) if usual else 0.0
    guessed, blind = [], []
    for path in paths:
        heat = _heat_of(model, tiling, read_image(path))
        mask = heat > max(level, float(np.quantile(heat, 1 - HOTTEST_SHARE)))
        if mask.any():
            guessed.append(Marked(path, PLAIN_REASON, GuessedMask(path, mask)))
        else:
            blind.append(path)
    return guessed, blind


def _heat_of(model: Model, tiling: Tiling | None, image: Image) -> NDArray[np.float32]:
    """The heat of every pixel, (height, width); where tiles overlap, the hotter one's."""
    heat = np.zeros(image.shape[:2], np.float32)
    for tile in _tiles(image, tiling):
        crop = cut(image, tile)
        score, seen = model.score(crop)
        height, width = crop.shape[:2]
        full = np.full((height, width), score, np.float32)
        if seen is not None:
            full = unfit(seen, width, height, model.card.input)
        top, left = (round(tile.y), round(tile.x)) if tile else (0, 0)
        part = heat[top : top + height, left : left + width]
        np.maximum(part, full, out=part)
    return heat


def _tiles(image: Image, tiling: Tiling | None) -> list[Rectangle | None]:
    if tiling is None:
        return [None]
    height, width = image.shape[:2]
    return list(tiles(width, height, tiling.size_px, tiling.overlap))
