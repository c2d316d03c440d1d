"""White balance and colour matrix from pictures of a card whose colours are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.configuration import Configuration
from station.core.corrections import Colour
from station.core.errors import CalibrationError
from station.vision.calibrating.colour_card import GREYS, CardView
from station.vision.colour import delta_e
from station.vision.correction import corrected_image, decoded

Points = NDArray[np.float64]

MOST_CLIPPED = 4
FEWEST_GREYS = 3
GAIN_RANGE = (0.2, 5.0)
DOUBTFUL_DELTA_E = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourFit:
    """A colour correction, and each patch's colour difference before and after."""

    colour: Colour
    before: Points
    after: Points
    """(24,): NaN where a patch was saturated."""
    warnings: tuple[str, ...]


def fit_colour(
    views: Sequence[CardView], reference: Points, encoding: Literal["srgb", "linear"]
) -> ColourFit:
    """Gains from the greys, then a matrix that leaves greys grey, both by least squares.

    `reference` is (24, 3) sRGB, 0-255. Light counts about as the eye's lightness does.

    Raises:
        CalibrationError: no card, too much of it saturated, or nothing becomes better.
    """
    if not views:
        raise CalibrationError("no card was found: all four of its markers must be in the picture")
    usable = ~np.any([view.clipped for view in views], axis=0)
    _check_usable(usable)
    values = np.mean([view.values for view in views], axis=0)
    gains, matrix = _solved(values[usable], reference[usable], usable, encoding)
    before = differences(values, reference)
    after = differences(_through(values, gains, matrix, encoding), reference)
    for found in (before, after):
        found[~usable] = np.nan
    was, is_now = float(np.nanmean(before)), float(np.nanmean(after))
    if not is_now < was:
        raise CalibrationError(
            f"the correction would make colours no truer (mean difference {was:.1f} before, "
            f"{is_now:.1f} after); is it the right card, lit evenly?"
        )
    held_out = _held_out(values, reference, usable, encoding)
    colour = _colour(gains, matrix, encoding, was, is_now, held_out)
    return ColourFit(colour=colour, before=before, after=after, warnings=_warnings(held_out, gains))


def differences(values: Points, reference: Points) -> Points:
    """Colour difference (CIEDE2000) of each row, both sRGB 0-255, (n, 3) R G B, not rounded."""
    return delta_e(_lab(values), _lab(reference))


def _check_usable(usable: NDArray[np.bool_]) -> None:
    clipped = [str(number + 1) for number in np.nonzero(~usable)[0]]
    greys = int(usable[list(GREYS)].sum())
    if len(clipped) > MOST_CLIPPED or greys < FEWEST_GREYS:
        raise CalibrationError(f"patches {', '.join(clipped)} are saturated; shorten the exposure")


def _solved(
    values: Points, reference: Points, usable: NDArray[np.bool_], encoding: str
) -> tuple[Points, Points]:
    light, wanted = decoded(values / 255, encoding), decoded(reference / 255, "srgb")
    weights = (wanted.mean(axis=1) + 0.03) ** (-2 / 3)
    are_grey = np.isin(np.nonzero(usable)[0], list(GREYS))
    grey, goal = light[are_grey], wanted[are_grey]
    strength = weights[are_grey, np.newaxis] ** 2
    gains = (strength * grey * goal).sum(axis=0) / (strength * grey**2).sum(axis=0)
    if not ((gains >= GAIN_RANGE[0]) & (gains <= GAIN_RANGE[1])).all():
        raise CalibrationError(
            f"red, green and blue would have to be multiplied by {gains.round(2).tolist()}; set "
            "exposure and the camera's own white balance first"
        )
    return gains, _matrix(light * gains, wanted, weights)


def _matrix(light: Points, wanted: Points, weights: Points) -> Points:
    """Rows that add up to 1 each, so that what is grey stays grey."""
    rows = []
    for channel in range(3):
        others = [other for other in range(3) if other != channel]
        apart = (light[:, others] - light[:, [channel]]) * weights[:, np.newaxis]
        short = (wanted[:, channel] - light[:, channel]) * weights
        solution, *_ = np.linalg.lstsq(apart, short, rcond=None)
        row = np.zeros(3)
        row[others] = solution
        row[channel] = 1 - solution.sum()
        rows.append(row)
    return np.array(rows)


def _held_out(values: Points, reference: Points, usable: NDArray[np.bool_], encoding: str) -> float:
    """Mean difference of patches that took no part in the fit, one at a time."""
    found = []
    for number in np.nonzero(usable)[0]:
        rest = usable.copy()
        rest[number] = False
        gains, matrix = _solved(values[rest], reference[rest], rest, encoding)
        one = slice(number, number + 1)
        found.append(differences(_through(values[one], gains, matrix, encoding), reference[one])[0])
    return float(np.mean(found))


def _through(values: Points, gains: Points, matrix: Points, encoding: str) -> Points:
    """What the station makes of colours (n, 3) R G B, rounded to bytes as on the line."""
    image = np.round(values[np.newaxis, :, ::-1]).astype(np.uint8)
    configuration = Configuration(colour=_colour(gains, matrix, encoding, 0, 0, 0))
    return corrected_image(image, configuration)[0, :, ::-1].astype(np.float64)


def _colour(
    gains: Points, matrix: Points, encoding: str, before: float, after: float, held_out: float
) -> Colour:
    return Colour.model_validate(
        {
            "encoding": encoding,
            "gains": tuple(gains.tolist()),
            "matrix": tuple(matrix.ravel().tolist()),
            "delta_e_before": float(before),
            "delta_e_after": float(after),
            "delta_e_held_out": float(held_out),
        }
    )


def _lab(values: Points) -> Points:
    pixels = np.asarray(values / 255, np.float32)[np.newaxis]
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2Lab)[0], np.float64)


def _warnings(held_out: float, gains: Points) -> tuple[str, ...]:
    words = []
    if held_out > DOUBTFUL_DELTA_E:
        words.append(
            f"colours are still off by {held_out:.1f} in the mean: a printed card seldom has its "
            "nominal colours; measure its patches and give them with --values"
        )
    if gains.max() > 2:
        words.append(
            f"a channel is multiplied by {gains.max():.1f}: bright surfaces will saturate; set the "
            "exposure or the camera's own white balance nearer"
        )
    return tuple(words)
