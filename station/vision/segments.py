"""Masks as things with an outline: of boxes that have one, or of every place of a picture."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import ModelOutputError
from station.vision.boxes import Floats, sigmoid
from station.vision.card import ModelCard, ModelOutput

MOST_BLOBS = 256
STEPS = 10
"""Halvings on the way to a level: a score is exact to a thousandth, and never too low."""

Outline = NDArray[np.float32]
"""(points, 2), x and y."""


def decode_planes(answer: Floats, output: ModelOutput, card: ModelCard) -> Floats:
    """(classes, rows, columns): how probable each class is in every place, 0 to 1.

    Raises:
        ModelOutputError: numbers that are no probabilities, or a class nobody knows.
    """
    count = len(card.classes)
    if output.holds == "class_map":
        return _one_hot(answer.reshape(output.shape[-3:]), card)
    planes = np.moveaxis(answer[0], -1, 0) if output.layout == "NHWC" else answer[0]
    if len(planes) != count:
        raise ModelOutputError(
            f"model {card.reference} answered {len(planes)} planes for {count} classes"
        )
    if output.holds == "mask_logits":
        return sigmoid(planes) if count == 1 else _softmax(planes)
    if not (planes.min() >= -1e-3 and planes.max() <= 1 + 1e-3):
        raise ModelOutputError(
            f"model {card.reference} answered a mask from {planes.min():.3g} to "
            f"{planes.max():.3g}, which are no probabilities"
        )
    return np.asarray(np.clip(planes, 0, 1), np.float32)


def strongest(plane: Floats, area: float) -> float:
    """The highest level at which `area` places hang together at or above it.

    So the score of the strongest thing that is large enough, whatever the limits are. Found by
    halving, rounded up. 0 where a plane is smaller than `area`.
    """
    places = max(1, int(np.floor(area)))
    if places > plane.size:
        return 0.0
    high = float(np.partition(plane, plane.size - places, axis=None)[plane.size - places])
    if places == 1 or _largest(plane >= high) >= places:
        return high
    low = float(plane.min())
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _largest(plane >= middle) >= places:
            low = middle
        else:
            high = middle
    return high


def blobs(plane: Floats, level: float, area: float) -> Iterator[tuple[float, int, Outline]]:
    """Connected places above a level, if large enough: score, area in places, outline.

    The largest first, at most `MOST_BLOBS`.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((plane > level).astype(np.uint8))
    order = 1 + np.argsort(-stats[1:count, cv2.CC_STAT_AREA], kind="stable")[:MOST_BLOBS]
    for label in order.tolist():
        left, top, wide, tall, size = stats[label].tolist()
        if size < max(1, np.floor(area)):
            return
        window = (slice(top, top + tall), slice(left, left + wide))
        mask = labels[window] == label
        line = outline(mask) + np.array((left, top), np.float32)
        yield strongest(np.where(mask, plane[window], 0), area), size, line


def box_mask(
    coefficients: Floats, prototypes: Floats, corners: Floats, input_px: tuple[int, int]
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """The mask of one box, and where its first place lies (x, y), in places of the prototypes.

    The sum of the prototypes (n, rows, columns), weighted with the coefficients (n,), where it is
    above 0, inside the box (YOLACT, Bolya et al. 2019). Empty where the box holds no place.
    """
    rows, columns = prototypes.shape[1:]
    scale = np.array((columns / input_px[0], rows / input_px[1]) * 2, np.float32)
    x1, y1, x2, y2 = (corners * scale).tolist()
    left, right = max(0, int(np.floor(x1))), min(columns, int(np.ceil(x2)))
    top, bottom = max(0, int(np.floor(y1))), min(rows, int(np.ceil(y2)))
    inner = prototypes[:, top : max(bottom, top), left : max(right, left)]
    return np.tensordot(coefficients, inner, axes=1) > 0, (left, top)


def outline(mask: NDArray[np.bool_]) -> Outline:
    """The outer line of the largest part of a mask, (points, 2) in its own places; at least three.

    A place counts as a square, so that one alone has an outline too.
    """
    large = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    large = cv2.resize(large, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not lines:
        return np.array([(0, 0), (mask.shape[1], 0), mask.shape[::-1]], np.float32)
    line = cv2.approxPolyDP(max(lines, key=cv2.contourArea), 1.0, True)
    return np.asarray((line.reshape(-1, 2) + 0.5) / 2 - 1, np.float32)


def _largest(mask: NDArray[np.bool_]) -> int:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))


def _softmax(planes: Floats) -> Floats:
    powers = np.exp(planes - planes.max(axis=0, keepdims=True))
    return np.asarray(powers / powers.sum(axis=0, keepdims=True), np.float32)


def _one_hot(answer: Floats, card: ModelCard) -> Floats:
    index = np.round(answer.reshape(answer.shape[-3:]).squeeze()).astype(np.int64)
    if index.min() < 0 or index.max() >= len(card.classes):
        raise ModelOutputError(
            f"model {card.reference} found classes {index.min()} to {index.max()}, of "
            f"{len(card.classes)}"
        )
    return np.asarray(np.arange(len(card.classes))[:, None, None] == index, np.float32)
