"""What each number of a detector's box is, told from how many there are and what they are like."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from station.core.errors import ModelError
from station.teach.importing.wishes import ask
from station.vision.layout import BoxLayout

STRIDES = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (4, 8, 16, 32))
"""Strides of the grids YOLO detectors answer on."""

Answers = NDArray[np.float64]


def find_layout(
    answers: Answers,
    classes: int,
    coefficients: int,
    input_px: tuple[int, int],
    *,
    unit: str = "",
    usual_unit: str = "",
) -> BoxLayout:
    """The layout of a detector's output.

    A box has 4 + classes numbers (YOLOv8 and later), 5 + classes (YOLOv5: objectness too), or 6
    (suppression done: place, score, class); a segmenter's has its mask coefficients more. Six are
    the last of these where the sixth is a whole one in every box of every picture, and not always
    0 in as many boxes as a grid has places.

    Args:
        answers: (pictures, a, b), boxes along a or b.
        classes: how many there are.
        coefficients: numbers a box has for its mask, 0 without.
        input_px: width and height of the model's input.
        unit: `pixels` or `input_size` where it is said; empty to find out.
        usual_unit: the same, to be taken where no box was found.

    Raises:
        ModelError: nothing fits, or what fits cannot be told apart.
    """
    found = list(_fitting(answers, classes, coefficients, input_px))
    if not found:
        raise ModelError(
            f"boxes of {answers.shape[1]} x {answers.shape[2]} numbers do not fit {classes} classes"
            f" and {coefficients} coefficients (a box has 4 + classes, 5 + classes, or 6 numbers)"
            "; are the classes right?"
        )
    if len(found) > 1:
        ask("the boxes can be read in two ways", "--classes with all classes of the model")
    layout, rows = found[0]
    measured = {"corners": _corners(rows), "unit": unit or _unit(rows, input_px, usual_unit)}
    return layout.model_copy(update={**measured, "scores": _scores(layout, rows, classes)})


def _fitting(
    answers: Answers, classes: int, coefficients: int, input_px: tuple[int, int]
) -> Iterator[tuple[BoxLayout, Answers]]:
    for along in ("rows", "columns"):
        rows = answers if along == "rows" else answers.transpose(0, 2, 1)
        boxes, numbers = rows.shape[1:]
        numbers -= coefficients
        on_grid = _is_on_grid(boxes, input_px)
        is_index = numbers == 6 and _has_whole_last(rows, classes)
        if is_index and (not on_grid or rows[..., 5].any()):
            yield _layout(along, "index", objectness=False, coefficients=coefficients), rows
        elif numbers - classes in (4, 5):
            objectness = numbers - classes == 5
            yield _layout(along, "scores", objectness=objectness, coefficients=coefficients), rows


def _layout(along: str, classes: str, *, objectness: bool, coefficients: int) -> BoxLayout:
    return BoxLayout.model_validate(
        {
            "boxes_along": along,
            "classes": classes,
            "has_objectness": objectness,
            "coefficients": coefficients,
        }
    )


def _is_on_grid(boxes: int, input_px: tuple[int, int]) -> bool:
    """Whether there are as many boxes as places of the usual grids, with one or three anchors."""
    width, height = input_px
    places = {sum(-(-width // s) * -(-height // s) for s in strides) for strides in STRIDES}
    return any(boxes in (count, 3 * count) for count in places)


def _has_whole_last(rows: Answers, classes: int) -> bool:
    """Whether number 6 is the index of a class in every box, and number 5 a score."""
    if rows.shape[2] < 6:
        return False
    index, score = rows[..., 5], rows[..., 4]
    is_index = (
        np.array_equal(index, np.round(index)) and index.min() >= -1 and index.max() < classes
    )
    return bool(is_index and score.min() >= 0 and score.max() <= 1)


def _corners(rows: Answers) -> Literal["centre_size", "two_corners"]:
    """Two corners where the second is never before the first; sizes would be, far from the edge."""
    ordered = (rows[..., 2] >= rows[..., 0]) & (rows[..., 3] >= rows[..., 1])
    return "two_corners" if ordered.all() else "centre_size"


def _unit(rows: Answers, input_px: tuple[int, int], usual: str) -> str:
    largest = float(np.abs(rows[..., :4]).max())
    if largest == 0 and usual:
        return usual
    if largest == 0:
        ask(
            "the model found nothing in any picture tried, so that it stays open what its boxes "
            "are measured in",
            "--set unit=pixels or unit=input_size (0 to 1), or --pictures with something to find",
        )
    return "input_size" if largest <= 2 and min(input_px) >= 16 else "pixels"


def _scores(layout: BoxLayout, rows: Answers, classes: int) -> str:
    first = 5 if layout.has_objectness else 4
    last = 5 if layout.classes == "index" else first + classes
    scores = rows[..., 4:last]
    return "probabilities" if scores.min() >= -1e-6 and scores.max() <= 1 + 1e-6 else "logits"
