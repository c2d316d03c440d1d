"""A detector's numbers as boxes: laid out as the card says, each thing once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.errors import ModelOutputError
from station.vision.card import ModelCard
from station.vision.layout import BoxLayout

Floats = NDArray[np.float32]

MOST_CANDIDATES = 4000
FAINTEST = 1e-3
"""Boxes fainter than this are not looked at, but for the strongest of a class."""


INSIDE = 0.9
"""A box with more than this share of it within a stronger one is a part of the same thing."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """What a detector answered for one picture, before anything is left out."""

    corners: Floats
    """(boxes, 4): x1, y1, x2, y2 in pixels of the model's input."""
    scores: Floats
    """(boxes, classes), 0 to 1."""
    coefficients: Floats
    """(boxes, coefficients) of the masks; no columns for a plain detector."""


def decode_boxes(answer: Floats, card: ModelCard) -> Boxes:
    """Every box of an answer (1, a, b).

    Raises:
        ModelOutputError: more or fewer numbers than the card lays out, a score that is none, or a
            class the card does not know.
    """
    layout = card.boxes
    if layout is None:
        raise ModelOutputError(f"the card of model {card.reference} does not lay out its boxes")
    rows = answer[0] if layout.boxes_along == "rows" else answer[0].T
    wanted = 4 + layout.has_objectness + layout.coefficients
    wanted += 2 if layout.classes == "index" else len(card.classes)
    if rows.shape[1] != wanted:
        raise ModelOutputError(
            f"model {card.reference} answered {rows.shape[1]} numbers a box, card: {wanted}"
        )
    read = _by_index if layout.classes == "index" else _scores
    scores = read(rows, layout, card)
    if scores.size and not (scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3):
        raise ModelOutputError(
            f"model {card.reference} answered scores from {scores.min():.3g} to "
            f"{scores.max():.3g}, which are no confidences"
        )
    first = rows.shape[1] - layout.coefficients
    return Boxes(_corners(rows, layout, card), np.clip(scores, 0, 1), rows[:, first:])


def each_once(corners: Floats, scores: Floats, overlap: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: the indices that stay, strongest first.

    Args:
        corners: (boxes, 4).
        scores: (boxes,) of one class.
        overlap: a box is left out when its intersection over union with a stronger one is above,
            or when it lies inside it: a part of a thing must not count as a second one.
    """
    order = np.argsort(-scores, kind="stable")[:MOST_CANDIDATES]
    order = order[(scores[order] >= FAINTEST) | (np.arange(len(order)) == 0)]
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        union, inner = _overlaps(corners[best], corners[order])
        order = order[(union <= overlap) & (inner <= INSIDE)]
    return np.array(kept, np.intp)


def areas(corners: Floats) -> Floats:
    """(boxes,) in square pixels; corners the wrong way round have an area too."""
    sides = np.abs(corners[:, 2:] - corners[:, :2])
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def _overlaps(one: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Intersection of a box with others over their union, and over the smaller one, (others,)."""
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    inner = np.prod(np.clip(high - low, 0, None), axis=1)
    mine, theirs = areas(one[None])[0], areas(others)
    union = np.maximum(mine + theirs - inner, 1e-9)
    smaller = np.maximum(np.minimum(mine, theirs), 1e-9)
    return np.asarray(inner / union, np.float32), np.asarray(inner / smaller, np.float32)


def _corners(rows: Floats, layout: BoxLayout, card: ModelCard) -> Floats:
    place = rows[:, :4]
    if layout.unit == "input_size":
        size = (card.input.width, card.input.height)
        place = place * np.array((*size, *size), np.float32)
    if layout.corners == "two_corners":
        return np.asarray(place, np.float32)
    half = place[:, 2:] / 2
    return np.concatenate((place[:, :2] - half, place[:, :2] + half), axis=1)


def _scores(rows: Floats, layout: BoxLayout, card: ModelCard) -> Floats:
    first = 5 if layout.has_objectness else 4
    scores = rows[:, first : first + len(card.classes)]
    thing = rows[:, 4:5] if layout.has_objectness else None
    if layout.scores == "logits":
        scores = sigmoid(scores)
        thing = None if thing is None else sigmoid(thing)
    return scores if thing is None else scores * thing


def _by_index(rows: Floats, layout: BoxLayout, card: ModelCard) -> Floats:
    """Scores by class where a box names the one class it is of."""
    strength = sigmoid(rows[:, 4]) if layout.scores == "logits" else rows[:, 4]
    index = np.round(rows[:, 5]).astype(np.int64)
    strange = (index < 0) | (index >= len(card.classes)) | (np.abs(rows[:, 5] - index) > 0.01)
    if (strength[strange] > FAINTEST).any():
        raise ModelOutputError(
            f"model {card.reference} found class {rows[strange, 5].max():.4g}, of "
            f"{len(card.classes)} classes"
        )
    scores = np.zeros((len(rows), len(card.classes)), np.float32)
    sound = np.flatnonzero(~strange)
    scores[sound, index[sound]] = strength[sound]
    return scores


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)
