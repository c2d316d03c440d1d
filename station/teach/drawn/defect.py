"""Draw one defect into a good picture: where, which kind, how strong, and that it can be seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.errors import TeachError
from station.core.frame import Image
from station.teach.drawn.kinds import KINDS, Kind
from station.teach.drawn.lines import contrast_spot
from station.teach.drawn.place import Places, find_places, is_even
from station.teach.drawn.spot import Spot
from station.teach.drawn.visible import changed_pixels, is_visible

TRIES = 8
SMALLEST_PICTURE_PX = 16
WEAKEST, STRONGEST = 12.0, 90.0
"""Grey levels of change asked for; the texture round about adds to them."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture with a defect drawn into it."""

    image: Image
    """A copy; shape and channels of the picture it was made from."""
    mask: NDArray[np.bool_]
    """(height, width): the pixels that visibly changed."""
    kind: str


def draw_defect(
    image: Image,
    rng: np.random.Generator,
    *,
    size: float,
    donor: Image | None = None,
    places: Places | None = None,
    kind: str | None = None,
) -> Drawn:
    """Draw one defect into a copy of `image`, uint8 (height, width) or (height, width, 3) BGR.

    `size` is about its longest side: pixels, or below 1 a share of the picture's shorter side.
    `donor` is another picture, any size, from which foreign material is taken. `places` says where
    defects may lie (`find_places`); found from the picture itself when absent. `kind` is one of
    `KINDS`; any that fits the size when absent. A defect the texture hides is drawn again,
    stronger, at last as a stain or a `spot`; the same `rng` state gives the same picture.

    Raises:
        TeachError: the picture is too small, or no such kind.
    """
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST_PICTURE_PX:
        raise TeachError(
            f"a picture of {width} x {height} is too small to draw a defect into; "
            f"{SMALLEST_PICTURE_PX} pixels are the least"
        )
    size_px = float(np.clip(size * min(height, width) if size < 1 else size, 2, min(height, width)))
    places = places if places is not None else find_places(image)
    strength = float(np.exp(rng.uniform(np.log(WEAKEST), np.log(STRONGEST))))
    for attempt in range(TRIES):
        spot = _spot(image, rng, places, size_px, strength * 1.25**attempt, donor)
        # what the texture swallows five times is not tried for ever: a stain shows on any
        chosen = _choose(kind, spot, rng) if attempt < TRIES - 3 else KINDS["stain"]
        after = np.clip(chosen.paint(spot, rng), 0, 255)
        mask = changed_pixels(spot.window, after)
        if is_visible(spot.window, after, mask):
            return _drawn(image, spot, after, mask, chosen.name)
    after = np.clip(contrast_spot(spot, rng), 0, 255)
    return _drawn(image, spot, after, changed_pixels(spot.window, after), "spot")


def _choose(kind: str | None, spot: Spot, rng: np.random.Generator) -> Kind:
    if kind is not None:
        if kind not in KINDS:
            raise TeachError(f"no kind of drawn defect is called {kind!r}; one of {sorted(KINDS)}")
        return KINDS[kind]
    even = is_even(spot.window)
    fitting = [
        entry
        for entry in KINDS.values()
        if entry.smallest_px <= spot.size_px <= entry.largest_px
        and not (even and entry.needs_structure)
        and not (spot.donor is None and entry.needs_donor)
    ]
    weights = np.array([entry.weight for entry in fitting])
    return fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))]


def _spot(
    image: Image,
    rng: np.random.Generator,
    places: Places,
    size_px: float,
    strength: float,
    donor: Image | None,
) -> Spot:
    height, width = image.shape[:2]
    x, y = places.draw(rng, width, height)
    reach = round(0.75 * size_px) + 10
    left, top = max(0, x - reach), max(0, y - reach)
    window = image[top : y + reach + 1, left : x + reach + 1].astype(np.float32)
    window = window[:, :, None] if window.ndim == 2 else window
    roughness = float(window.std(axis=(0, 1)).mean())
    return Spot(
        window=window,
        left=left,
        top=top,
        x=float(x - left),
        y=float(y - top),
        size_px=size_px,
        strength=strength + 0.4 * min(roughness, 40.0),
        picture=image,
        donor=donor,
    )


def _drawn(
    image: Image, spot: Spot, after: NDArray[np.float32], mask: NDArray[np.bool_], kind: str
) -> Drawn:
    rows, columns = mask.shape
    here = np.s_[spot.top : spot.top + rows, spot.left : spot.left + columns]
    out, whole = image.copy(), np.zeros(image.shape[:2], np.bool_)
    pixels = np.round(after).astype(np.uint8)
    out[here] = pixels if image.ndim == 3 else pixels[:, :, 0]
    whole[here] = mask
    return Drawn(out, whole, kind)
