"""From what stands where to what is written: every likely text of a line, with its probability."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from station.vision.reading.recogniser import SIGNS

Readings = Mapping[str, float]
"""Text -> its probability; they sum to at most 1."""

_BEAMS = 24
_LEAST = 1e-3
"""A sign less likely than that in a step is not followed there."""


def readings_of(distributions: NDArray[np.float64]) -> Readings:
    """The likeliest texts of a line, best first, without spaces.

    `distributions` is [steps, 1 + signs], blank first. A text's probability is summed over all
    ways to write it (connectionist temporal classification, Graves 2006, prefix search). Nothing
    is renormalised, so that a text that is merely the best of bad ones stays improbable.
    """
    beams: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}
    for step in distributions:
        likely = [
            (SIGNS[place], float(step[place + 1]))
            for place in np.flatnonzero(step[1:] >= _LEAST).tolist()
        ]
        beams = _continued(beams, float(step[0]), likely)
    whole: dict[str, float] = {}
    for text, (ended, going_on) in beams.items():
        plain = text.replace(" ", "")
        if ended + going_on > 0:
            whole[plain] = whole.get(plain, 0.0) + ended + going_on
    return dict(sorted(whole.items(), key=lambda item: -item[1]))


def places_of(distributions: NDArray[np.float64]) -> list[tuple[str, float]]:
    """The likeliest sign of each step as one line: signs without spaces, and the step of each.

    The step is the middle of those the sign was seen in, counted from the first one's left edge.
    """
    signs: list[tuple[str, float]] = []
    best = distributions.argmax(axis=1).tolist()
    start = 0
    for step, column in enumerate(best, 1):
        if step < len(best) and best[step] == column:
            continue
        if column and SIGNS[column - 1] != " ":
            signs.append((SIGNS[column - 1], (start + step) / 2))
        start = step
    return signs


def averaged(views: Iterable[Readings]) -> Readings:
    """The readings of several looks at one line: each text's mean probability, best first."""
    several = list(views)
    mean: dict[str, float] = {}
    for view in several:
        for text, probability in view.items():
            mean[text] = mean.get(text, 0.0) + probability / len(several)
    return dict(sorted(mean.items(), key=lambda item: -item[1]))


def _continued(
    beams: Mapping[str, tuple[float, float]], blank: float, likely: list[tuple[str, float]]
) -> dict[str, tuple[float, float]]:
    """One step on: each text with the probabilities that it ended in a blank, or did not."""
    after: dict[str, tuple[float, float]] = {}
    for text, (ended, going_on) in beams.items():
        _add(after, text, (ended + going_on) * blank, 0.0)
        for sign, probability in likely:
            if text and sign == text[-1]:
                _add(after, text, 0.0, going_on * probability)
                _add(after, text + sign, 0.0, ended * probability)
            else:
                _add(after, text + sign, 0.0, (ended + going_on) * probability)
    if len(after) <= _BEAMS:
        return after
    best = sorted(after, key=lambda text: -sum(after[text]))[:_BEAMS]
    return {text: after[text] for text in best}


def _add(beams: dict[str, tuple[float, float]], text: str, ended: float, going_on: float) -> None:
    before = beams.get(text, (0.0, 0.0))
    beams[text] = (before[0] + ended, before[1] + going_on)
