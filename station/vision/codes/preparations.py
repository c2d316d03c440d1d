"""Ways to prepare a picture before it is searched for codes, cheap and usual ones first."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import zxingcpp

from station.core.frame import Image

WHITE = 255
QUIET_ZONE_PX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """One way: the grey picture changed, scaled, framed, and binarized by one method."""

    name: str
    change: Callable[[Image], Image]
    scale: float = 1.0
    frame_px: int = 0
    """How much white is laid around it; codes without a quiet zone need some."""
    binarizer: zxingcpp.Binarizer = zxingcpp.Binarizer.LocalAverage
    is_for_matrix: bool = True
    is_for_linear: bool = True


def _same(image: Image) -> Image:
    return image


def _enlarge(scale: float) -> Callable[[Image], Image]:
    def enlarge(image: Image) -> Image:
        return _bytes(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))

    return enlarge


def _sharpen(sigma_px: float, amount: float) -> Callable[[Image], Image]:
    """Unsharp mask: what a Gaussian of `sigma_px` takes away is added `amount` times."""

    def sharpen(image: Image) -> Image:
        soft = cv2.GaussianBlur(image, (0, 0), sigma_px)
        return _bytes(cv2.addWeighted(image, 1 + amount, soft, -amount, 0))

    return sharpen


def _equalize(image: Image) -> Image:
    return _bytes(cv2.createCLAHE(2.0, (8, 8)).apply(image))


def _threshold(side_px: int) -> Callable[[Image], Image]:
    """Black and white by the mean of a square around each pixel."""

    def threshold(image: Image) -> Image:
        kind, method = cv2.THRESH_BINARY, cv2.ADAPTIVE_THRESH_MEAN_C
        return _bytes(cv2.adaptiveThreshold(image, WHITE, method, kind, side_px, 0))

    return threshold


def _surround(image: Image) -> Image:
    edges = (QUIET_ZONE_PX,) * 4
    return _bytes(cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=(WHITE,)))


def _then(
    first: Callable[[Image], Image], second: Callable[[Image], Image]
) -> Callable[..., Image]:
    return lambda image: second(first(image))


def _bytes(image: object) -> Image:
    return np.ascontiguousarray(image, np.uint8)


_GLOBAL = zxingcpp.Binarizer.GlobalHistogram

PREPARATIONS: tuple[Preparation, ...] = (
    Preparation(name="plain", change=_same),
    Preparation(name="enlarged", change=_enlarge(2), scale=2),
    Preparation(name="equalized", change=_equalize),
    Preparation(name="sharpened", change=_sharpen(2, 1.5), is_for_matrix=False),
    Preparation(name="framed", change=_surround, frame_px=QUIET_ZONE_PX, is_for_linear=False),
    Preparation(
        name="enlarged, one threshold", change=_enlarge(2), scale=2, binarizer=_GLOBAL,
        is_for_linear=False,
    ),
    Preparation(name="enlarged, equalized", change=_then(_enlarge(2), _equalize), scale=2),
    Preparation(name="local threshold", change=_threshold(51)),
    Preparation(name="enlarged by half", change=_enlarge(1.5), scale=1.5),
    Preparation(name="narrow threshold", change=_threshold(25)),
    Preparation(name="strongly sharpened", change=_sharpen(5, 3)),
    Preparation(name="equalized, one threshold", change=_equalize, binarizer=_GLOBAL),
    Preparation(name="enlarged threefold", change=_enlarge(3), scale=3),
    Preparation(
        name="enlarged, sharpened", change=_then(_enlarge(2), _sharpen(4, 3)), scale=2,
        is_for_matrix=False,
    ),
)  # fmt: skip
"""What reads more than it costs, measured on photographed codes; each differs from the others in
what it gets wrong, so that readings of several that agree are to be trusted."""

PLAIN = PREPARATIONS[0]
