"""Good pictures and tiles the memory was not made of: a model tells what it says of them."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.core.region import Rectangle
from station.teach.anomaly.goods import image_or_fault
from station.teach.anomaly.samples import Sample
from station.teach.look import Tick, in_parallel
from station.teach.pictures import Picture
from station.vision.card import Tiling
from station.vision.geometry import cut, tiles
from station.vision.images import read_image
from station.vision.model import Model
from station.vision.score import answer_of

MOST_WHOLE = 60
"""About so many whole pictures set the limit of a model that looks at tiles."""


def score_unlearnt(
    model: Model, pictures: Sequence[Picture], tick: Tick
) -> tuple[NDArray[np.float64], list[Picture], list[str]]:
    """Scores of the pictures that can be read, those pictures, and what is wrong with the others.

    One picture at a time, so that ten thousand need no more memory than one.
    """
    answers = in_parallel(lambda picture: _score(model, picture), pictures, tick)
    scored = [
        (picture, answer)
        for picture, answer in zip(pictures, answers, strict=True)
        if not isinstance(answer, str)
    ]
    faults = [answer for answer in answers if isinstance(answer, str)]
    return np.array([score for _, score in scored]), [p for p, _ in scored], faults


def score_whole(
    model: Model, tiling: Tiling, samples: Sequence[Sample], scores: Sequence[float], tick: Tick
) -> NDArray[np.float64]:
    """The scores of whole pictures of which some tiles were learnt, (pictures,).

    A verdict is that of a picture's worst tile. What was learnt counts as it was held out, the
    other tiles as the model scores them.

    Args:
        model: scores in the unit of `scores`.
        tiling: how the pictures are parted.
        samples: the tiles that were learnt.
        scores: of each of them, held out.
        tick: told the progress.
    """
    known: dict[Path, dict[Rectangle | None, float]] = defaultdict(dict)
    for sample, score in zip(samples, scores, strict=True):
        known[sample.picture.path][sample.tile] = score

    def worst(path: Path) -> float:
        image = read_image(path)
        places = tiles(image.shape[1], image.shape[0], tiling.size_px, tiling.overlap)
        others = [place for place in places if place not in known[path]]
        return max([*known[path].values(), *(model.score(cut(image, p))[0] for p in others)])

    paths = list(known)[:: max(1, len(known) // MOST_WHOLE)]
    return np.array(in_parallel(worst, paths, tick), np.float64)


def _score(model: Model, picture: Picture) -> float | str:
    image = image_or_fault(picture)
    return image if isinstance(image, str) else answer_of(model, image).score
