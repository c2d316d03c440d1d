"""A flat field from pictures of an evenly lit blank surface and, for the dark level, of nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.configuration import Configuration
from station.core.corrections import MOST_DEFECT_PIXELS, FlatField, Grid
from station.core.errors import CalibrationError
from station.core.frame import Image
from station.vision.correction import corrected_image, hats, spread

Floats = NDArray[np.float32]
Points = NDArray[np.float64]

NODES = (17, 13)
"""Across and down: light is even between nodes, dust on the blank surface is not followed."""
SATURATED, MOST_SATURATED_SHARE = 250, 0.001
DARKEST_BRIGHT, BRIGHTEST_DARK = 60.0, 25.0
HOT, DEAD_SHARE = 12.0, 0.3
"""A pixel is hot so many grey values above its neighbours in the dark, and dead so far off them in
the bright."""
MOST_GAIN, DOUBTFUL_GAIN = 4.0, 2.0
NO_DARK = 0.5
_SEEN = (96, 72)
"""What the light is looked at in: means of so many fields across and down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatFit:
    """A flat field and what it is worth on a picture it was not made from, where there is one."""

    flat: FlatField
    uneven_before: float
    uneven_after: float
    """Brightest less darkest field, over the mean: 0 is even."""
    is_held_out: bool
    dark_level: float
    warnings: tuple[str, ...]


def fit_flat(bright: Sequence[Image], dark: Sequence[Image]) -> FlatFit:
    """Gain, dark level and defect pixels; one gain a channel, so that colours stay as they are.

    Raises:
        CalibrationError: pictures that are saturated, too dark, of different kinds, or light too
            uneven to be corrected.
    """
    _check(bright, dark)
    is_held_out = len(bright) > 2
    light = _mean(bright[:-1] if is_held_out else bright)
    darkness = _mean(dark) if dark else np.zeros_like(light)
    dark_grids = _grids(_reduced(darkness))
    flat = FlatField(
        gain=_gains(_reduced(light) - _reduced(darkness)),
        dark=dark_grids if _highest(dark_grids) >= NO_DARK else (),
        defect_pixels=_defects(light, darkness),
    )
    height, width = light.shape[:2]
    evened = corrected_image(
        bright[-1], Configuration(image_size_px=(width, height), flat_field=flat)
    )
    return FlatFit(
        flat=flat,
        uneven_before=unevenness(bright[-1].astype(np.float32) - darkness),
        uneven_after=unevenness(evened.astype(np.float32)),
        is_held_out=is_held_out,
        dark_level=float(darkness.mean()),
        warnings=tuple(_warnings(flat, bright, dark)),
    )


def unevenness(image: Floats) -> float:
    """Brightest less darkest field over the mean, of the worst channel; 0 is even."""
    fields = _reduced(image).reshape(_SEEN[1], _SEEN[0], -1)
    spans = fields.max(axis=(0, 1)) - fields.min(axis=(0, 1))
    return float((spans / np.maximum(fields.mean(axis=(0, 1)), 1e-6)).max())


def _check(bright: Sequence[Image], dark: Sequence[Image]) -> None:
    if not bright:
        raise CalibrationError("there are no bright pictures: photograph a blank, even surface")
    if len({image.shape for image in (*bright, *dark)}) > 1:
        raise CalibrationError("the pictures differ in size or channels; take all with one setting")
    for image in bright:
        share = float((image >= SATURATED).mean())
        if share > MOST_SATURATED_SHARE:
            raise CalibrationError(
                f"{share:.1%} of a bright picture is saturated; shorten the exposure until the "
                "brightest place is at about 200"
            )
    if float(_mean(bright).mean()) < DARKEST_BRIGHT:
        raise CalibrationError(
            f"the bright pictures are too dark (mean {_mean(bright).mean():.0f}); lengthen the "
            f"exposure to a mean above {DARKEST_BRIGHT:g}"
        )
    if dark and float(_mean(dark).mean()) > BRIGHTEST_DARK:
        raise CalibrationError(
            f"the dark pictures are not dark (mean {_mean(dark).mean():.0f}); cover the lens"
        )


def _mean(images: Sequence[Image]) -> Floats:
    total = np.zeros(images[0].shape, np.float32)
    for image in images:
        cv2.accumulate(image, total)
    return np.asarray(total / len(images), np.float32)


def _reduced(image: Floats) -> Floats:
    """Means of fields, without specks: (72, 96) or (72, 96, channels)."""
    fields = cv2.resize(image, _SEEN, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.medianBlur(np.asarray(fields, np.float32), 5), np.float32)


def _gains(light: Floats) -> tuple[Grid, ...]:
    darkest = float((light / light.mean(axis=(0, 1))).min())
    if darkest < 1 / MOST_GAIN:
        raise CalibrationError(
            f"the darkest place has {darkest:.0%} of the mean light, which leaves only noise; "
            "light more evenly, or crop the picture"
        )
    return _grids(np.asarray(light.mean(axis=(0, 1)) / light, np.float32))


def _grids(fields: Floats) -> tuple[Grid, ...]:
    """Nodes by least squares, so that bilinear between them comes nearest to the fields."""
    across, down = (
        np.linalg.pinv(hats(_SEEN[0], NODES[0])),
        np.linalg.pinv(hats(_SEEN[1], NODES[1])),
    )
    planes = np.atleast_3d(fields).astype(np.float64)
    nodes = [down @ planes[..., channel] @ across.T for channel in range(planes.shape[2])]
    return tuple(
        tuple(tuple(round(value, 5) for value in row) for row in plane.tolist()) for plane in nodes
    )


def _highest(grids: tuple[Grid, ...]) -> float:
    return max(float(spread(np.array(grid), 8, 8).max()) for grid in grids)


def _defects(light: Floats, darkness: Floats) -> tuple[tuple[int, int], ...]:
    """(column, row) of pixels unlike their neighbours, in the dark or in the bright."""
    hot = darkness - cv2.medianBlur(darkness, 5) > HOT
    usual = cv2.medianBlur(light, 5)
    dead = np.abs(light - usual) > DEAD_SHARE * usual
    bad = np.atleast_3d(hot | dead).any(axis=2)
    count = int(bad.sum())
    if count > MOST_DEFECT_PIXELS:
        raise CalibrationError(
            f"{count} pixels stand out from their neighbours, at most {MOST_DEFECT_PIXELS} can be "
            "mended; is the surface blank and out of focus, and the camera sound?"
        )
    rows, columns = np.nonzero(bad)
    return tuple(zip(columns.tolist(), rows.tolist(), strict=True))


def _warnings(flat: FlatField, bright: Sequence[Image], dark: Sequence[Image]) -> list[str]:
    words = []
    highest = max(value for grid in flat.gain for row in grid for value in row)
    if highest > DOUBTFUL_GAIN:
        words.append(
            f"the darkest place is brightened {highest:.1f} times, its noise with it: light more "
            "evenly if you can"
        )
    if len(bright) < 3:
        words.append("with three or more bright pictures the gain is tried on one it has not seen")
    if not dark:
        words.append("without dark pictures (lens covered) the dark level counts as 0")
    return words
