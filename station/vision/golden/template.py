"""What good parts look like: for each pixel the mean, and the darkest and brightest of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import ModelError, TeachError
from station.core.frame import Image
from station.vision.geometry import to_channels
from station.vision.golden.light import find_light
from station.vision.golden.registration import Registration, Shifts
from station.vision.taught import Taught

DEVIATIONS = 3.0
"""A good part may lie so many standard deviations from the mean of the taught ones."""
SMOOTH_PX = 5
"""Deviations of few parts are averaged over so many pixels."""
LEAST_CONTRAST = 12.0
"""A picture whose brightest and darkest percents lie nearer together shows nothing to compare."""
TEACH_SHIFT_PX, TEACH_LOCAL_PX = 16.0, 4.0
TEACH_LIGHT = 0.5

Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """All arrays are (height, width) or (height, width, 3), uint8."""

    mean: Image
    darkest: Image
    brightest: Image
    ignored: Mask
    """(height, width), above 0 where nobody looks."""

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.mean.ndim == 2 else 3

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.mean.shape[1], self.mean.shape[0]

    @property
    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """What is kept."""
        return {name: getattr(self, name) for name in NAMES}


NAMES = ("mean", "darkest", "brightest", "ignored")


def template_from(taught: Taught) -> Template:
    """The template that was kept.

    Raises:
        ModelError: arrays are missing or do not fit each other.
    """
    arrays = {name: taught.array(name) for name in NAMES}
    mean, ignored = arrays["mean"], arrays["ignored"]
    is_sound = (
        all(array.dtype == np.uint8 for array in arrays.values())
        and mean.ndim in (2, 3)
        and mean.shape[2:] in ((), (3,))
        and mean.shape == arrays["darkest"].shape == arrays["brightest"].shape
        and ignored.shape == mean.shape[:2]
        and min(mean.shape[:2]) > 0
    )
    if not is_sound:
        raise ModelError(f"the arrays of {taught.card.reference} do not fit; teach it again")
    return Template(**arrays)


def grey_of(image: Image) -> Image:
    """(height, width), of a grey or BGR image."""
    return to_channels(image, 1)


def contrast_of(image: Image) -> float:
    """Between the darkest and the brightest percent, in grey levels."""
    low, high = np.percentile(grey_of(image), (1, 99)).tolist()
    return float(high - low)


def laid_on(view: Image, shifts: Shifts) -> Image:
    """Each pixel of the template from where it lies in the view; off it, the border is repeated."""
    height, width = view.shape[:2]
    rows, columns = np.indices((height, width), dtype=np.float32)
    x, y = shifts.full(width, height)
    laid = cv2.remap(view, columns + x, rows + y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.uint8)


def learn_template(views: Sequence[Image], ignored: Mask | None = None) -> Template:
    """The template of one or more good views of one size, laid on the first and in its light.

    Raises:
        TeachError: sizes or channels differ, nothing is to be seen, or all of it is ignored.
    """
    first = views[0]
    check_alike(views)
    ignored = np.zeros(first.shape[:2], np.uint8) if ignored is None else ignored
    if ignored.shape != first.shape[:2]:
        raise TeachError(
            f"the mask of what is ignored is {ignored.shape[1]} x {ignored.shape[0]}, the view is "
            f"{first.shape[1]} x {first.shape[0]}; paint it on a picture of the view"
        )
    if ignored.all():
        raise TeachError("the mask ignores the whole view; leave something black to compare")
    if contrast_of(first) < LEAST_CONTRAST:
        raise TeachError(
            "the first picture is even all over, so that nothing can be compared with it; check "
            "the picture, or use `blob` or `anomaly` for surfaces"
        )
    registration = Registration(grey_of(first))
    return _summed(_laid(views, registration), ignored)


def check_alike(views: Sequence[Image]) -> None:
    """Refuse views that are not of one size and kind.

    Raises:
        TeachError: says which.
    """
    for number, view in enumerate(views, 1):
        if view.shape != views[0].shape:
            raise TeachError(
                f"good view {number} is {_words(view)}, the first is {_words(views[0])}; teach "
                "from pictures of one camera setting"
            )


def _laid(views: Sequence[Image], registration: Registration) -> Iterable[Image]:
    yield views[0]
    for view in views[1:]:
        shifts = registration.shifts(grey_of(view)).bounded(TEACH_SHIFT_PX, TEACH_LOCAL_PX)
        laid = laid_on(view, shifts)
        yield find_light(grey_of(laid), grey_of(views[0]), TEACH_LIGHT).applied(laid)


def _summed(laid: Iterable[Image], ignored: Mask) -> Template:
    """Sums instead of a stack, so that memory does not grow with the parts."""
    views = iter(laid)
    least = most = next(views)
    count, total = 1, least.astype(np.float64)
    squares = total**2
    for view in views:
        levels = view.astype(np.float64)
        count, total, squares = count + 1, total + levels, squares + levels**2
        least, most = np.minimum(least, view), np.maximum(most, view)
    mean = np.asarray(total / count)
    variance = np.asarray(np.maximum(squares / count - mean**2, 0) * count / max(1, count - 1))
    usual = DEVIATIONS * np.sqrt(cv2.blur(variance, (SMOOTH_PX, SMOOTH_PX)))
    return Template(
        mean=_levels(mean),
        darkest=np.minimum(least, _levels(mean - usual)),
        brightest=np.maximum(most, _levels(mean + usual)),
        ignored=ignored,
    )


def _levels(plane: NDArray[np.float64]) -> Image:
    return np.clip(np.round(plane), 0, 255).astype(np.uint8)


def _words(view: Image) -> str:
    kind = "grey" if view.ndim == 2 else "colour"
    return f"{view.shape[1]} x {view.shape[0]} {kind}"
