"""Good pictures that are evidently not like the others: reported, and not learnt."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.vision.card import ModelInput
from station.vision.geometry import resize
from station.vision.heat import hot_boxes, unfit
from station.vision.images import encode_jpeg

FENCES = 5.0
"""Interquartile ranges above the upper quartile (Tukey's far-out fence is 3)."""
LEAST_RATIO = 1.3
"""And at least so many times the median."""
MOST_SHARE = 0.05
SHOWN_PX = 640
RED = (38, 26, 190)


def evident(scores: NDArray[np.float64]) -> list[int]:
    """Indices of samples whose held-out score lies far out, worst first; at most one in twenty."""
    lower, middle, upper = np.quantile(scores, [0.25, 0.5, 0.75])
    fence = max(upper + FENCES * (upper - lower), LEAST_RATIO * middle)
    far = [int(index) for index in np.argsort(-scores) if scores[index] > fence]
    return far[: max(1, int(MOST_SHARE * len(scores)))]


def picture_of(image: Image, heat: NDArray[np.float32], contract: ModelInput) -> bytes:
    """A JPEG of a picture with boxes round what is unlike the others; `heat` is (rows, columns)."""
    height, width = image.shape[:2]
    scale = min(1.0, SHOWN_PX / max(height, width))
    shown = resize(image, max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = cv2.cvtColor(shown, cv2.COLOR_GRAY2BGR) if shown.ndim == 2 else shown.copy()
    full = unfit(heat, shown.shape[1], shown.shape[0], contract)
    for box in hot_boxes(full, float("inf")):
        corner = (round(box.x), round(box.y))
        other = (round(box.x + box.width), round(box.y + box.height))
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
