"""Good pictures that are evidently not like the others: reported, and not learnt."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import TeachError
from station.core.frame import Image
from station.teach.anomaly.limits import fit_gumbel
from station.teach.pictures import Picture
from station.vision.card import ModelInput
from station.vision.geometry import resize
from station.vision.heat import hot_boxes, unfit
from station.vision.images import encode_jpeg

FALSE_REPORTS = 1e-3
"""How many of the good pictures of one teaching are expected beyond the fence by mere chance."""
LEAST_DIFFERENCE = 0.05
"""Single precision and the halves patches are kept in differ by less."""
LEAST_RATIO = 1.3
"""And at least so many times the median."""
MOST_SHARE = 0.05
SHOWN_PX, MARGIN_PX = 640, 8
MOST_ENLARGED = 4.0
RED = (38, 26, 190)


def far_pictures(pictures: Sequence[Picture], scores: Sequence[float]) -> list[int]:
    """For each picture evidently unlike the others the index of its worst sample, worst first.

    Args:
        pictures: of each sample; tiles of one picture count as one.
        scores: of each sample, held out.
    """
    worst: dict[Path, int] = {}
    for index, picture in enumerate(pictures):
        known = worst.setdefault(picture.path, index)
        if scores[index] > scores[known]:
            worst[picture.path] = index
    rows = list(worst.values())
    return [rows[far] for far in evident(np.array([scores[row] for row in rows], np.float64))]


def refuse_alike(distances: Sequence[NDArray[np.float32]]) -> None:
    """Refuse pictures between which there is no difference that a limit could be found from.

    Args:
        distances: of each sample's patches to those of the other samples; a patch is about 10 from
            the mean of all.

    Raises:
        TeachError: half of the samples are told from the others by nothing but rounding.
    """
    if float(np.median([heat.max() for heat in distances])) < LEAST_DIFFERENCE:
        raise TeachError(
            "the good pictures show the very same, without even a camera's noise, so that no limit "
            "can be found: are they renderings, or copies of one picture? take pictures of ten "
            "or more different parts"
        )


def evident(scores: NDArray[np.float64]) -> list[int]:
    """Indices of samples whose held-out score lies far out, worst first; at most one in twenty.

    The worst patch of a picture is an extreme value: the fence is that of a Gumbel distribution
    fitted to all but the farthest, so that more pictures do not mean more false reports.
    """
    most = max(1, int(MOST_SHARE * len(scores)))
    location, scale = fit_gumbel(np.sort(scores)[:-most])
    chance = np.log(len(scores) / FALSE_REPORTS)
    fence = max(location + chance * scale, LEAST_RATIO * float(np.median(scores)))
    far = [int(index) for index in np.argsort(-scores) if scores[index] > fence]
    return far[:most]


def picture_of(image: Image, heat: NDArray[np.float32], contract: ModelInput) -> bytes:
    """A JPEG of a picture with boxes round what is unlike the others; `heat` is (rows, columns)."""
    height, width = image.shape[:2]
    scale = min(MOST_ENLARGED, SHOWN_PX / max(height, width))
    shown = resize(image, max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = cv2.cvtColor(shown, cv2.COLOR_GRAY2BGR) if shown.ndim == 2 else shown.copy()
    full = unfit(heat, shown.shape[1], shown.shape[0], contract)
    for box in hot_boxes(full, 0.0):
        # some way off, so that what is strange is not drawn over
        corner = (round(box.x) - MARGIN_PX, round(box.y) - MARGIN_PX)
        other = (round(box.x + box.width) + MARGIN_PX, round(box.y + box.height) + MARGIN_PX)
        cv2.rectangle(canvas, corner, other, RED, 2)
    return encode_jpeg(np.asarray(canvas, np.uint8))


def names(sources: Sequence[str]) -> str:
    """A warning that names them."""
    return (
        f"{len(sources)} good pictures look unlike the others and were not learnt: "
        f"{', '.join(sources[:4])}{' …' if len(sources) > 4 else ''}; look at them in the "
        "model's folder outliers, and move them to a folder of defects or teach them with "
        "`station teach more`"
    )
