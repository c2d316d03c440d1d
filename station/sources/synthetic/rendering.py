"""Render a part with known truth: one picture a seed, the same bytes each time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.random import Generator

from station.core.errors import SettingsError
from station.sources.synthetic import board, cap, cap_defects, label, ring, ring_defects
from station.sources.synthetic.board_plan import PICTURE_PX as BOARD_PICTURE_PX
from station.sources.synthetic.exact import Bytes, Floats, stream
from station.sources.synthetic.scene import NOMINAL_SIZE, Scene, Window, add_noise, develop

OK = "ok"
BOARD = "board"
"""The demo product that is put together from components; it has a pose and positions as truth."""
LABEL = "label"
"""The demo product that is read: print and a code, and what they say as truth."""
P = TypeVar("P", ring.Ring, cap.Cap)

_DEFECT, _ORDER = 21, 22
_STRENGTHS = (1.0, 1.4, 2.0, 2.8, 4.0)
_MARKED_GREY, _BAND_ROWS = 8, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One picture and the truth about it.

    `image` is BGR uint8 [H, W, 3], C-contiguous and read-only; `truth` is "ok" or the reason code
    of the defect; `region` is (x, y, w, h) in pixels around all that the defect changes visibly,
    None on a good part.
    """

    image: Bytes
    truth: str
    region: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Generic[P]):
    """A kind of part: how it is drawn and painted, and what can be wrong with it.

    `visible` says for each reason code what a defect shows at the least: (pixels of a 640 x 480
    picture, grey levels by which each of them differs from the same part without the defect),
    measured after the lens and before sensor noise.
    """

    number: int
    draw: Callable[[int, tuple[int, int]], P]
    paint: Callable[[P, Window], Floats]
    spoil: Callable[[P, str, Generator, float], tuple[Window, Floats]]
    visible: Mapping[str, tuple[int, int]]

    @property
    def reason_codes(self) -> tuple[str, ...]:
        """The reason codes of the defects, in a fixed order."""
        return tuple(self.visible)


# The products whose surface a shipped classifier judges; the board is another kind of thing.
PRODUCTS: Mapping[str, Product[Any]] = MappingProxyType(
    {
        "ring": Product(
            number=ring.NUMBER,
            draw=ring.draw,
            paint=ring.paint,
            spoil=ring_defects.spoil,
            visible=MappingProxyType(
                {"scratch": (120, 32), "dent": (60, 24), "stain": (220, 38), "chip": (70, 24)}
            ),
        ),
        "cap": Product(
            number=cap.NUMBER,
            draw=cap.draw,
            paint=cap.paint,
            spoil=cap_defects.spoil,
            visible=MappingProxyType(
                {
                    "flash": (80, 22),
                    "short_shot": (100, 24),
                    "discolouration": (220, 34),
                    "missing_liner": (5000, 30),
                }
            ),
        ),
    }
)


def nominal_size(product: str) -> tuple[int, int]:
    """(width, height) in pixels of the pictures a demo product is taught and shown with."""
    return BOARD_PICTURE_PX if product == BOARD else NOMINAL_SIZE


def reason_codes_of(product: str) -> tuple[str, ...]:
    """The reason codes of a demo product's defects, in a fixed order.

    Raises:
        SettingsError: no such product.
    """
    if product == BOARD:
        return board.REASON_CODES
    if product == LABEL:
        return label.REASON_CODES
    if product not in PRODUCTS:
        known = ", ".join((*PRODUCTS, BOARD, LABEL))
        raise SettingsError(f"unknown demo product {product!r}: choose one of {known}")
    return PRODUCTS[product].reason_codes


def render(
    product: str, *, seed: int, defect: str | None, size: tuple[int, int] | None = None
) -> Rendered:
    """Render part number `seed` of `product`, good (None) or with one defect.

    The same seed shows the same part under the same light with and without a defect. `size` is
    (width, height) in pixels, the product's own where it is not given. The bytes depend on the
    arguments alone: whole arrays see only operations that IEEE 754 rounds exactly and OpenCV's
    fixed-point functions, so every machine with the locked versions of OpenCV and NumPy gives the
    same.

    Raises:
        SettingsError: no such product, or no such defect of it.
    """
    if product == BOARD:
        return _render_board(seed, defect, size or BOARD_PICTURE_PX)
    if product == LABEL:
        return _render_label(seed, defect, size or NOMINAL_SIZE)
    made = _product(product, defect)
    part = made.draw(seed, size or NOMINAL_SIZE)
    scene: Scene = part.scene
    linear = _paint_whole(made, part)
    region = None
    if defect is not None:
        window, spoilt, region = _spoil(made, part, defect, linear)
        linear[window.slices] = spoilt
    image = add_noise(develop(linear, scene, scene.whole), scene, made.number)
    image.flags.writeable = False
    return Rendered(image=image, truth=defect or OK, region=region)


def _paint_whole(made: Product[P], part: P) -> Floats:
    """The whole picture in linear light; band by band, because small arrays stay in the cache."""
    width, height = part.scene.size
    linear = np.empty((height, width, 3), np.float32)
    for y in range(0, height, _BAND_ROWS):
        band = Window(0, y, width, min(y + _BAND_ROWS, height))
        linear[band.slices] = made.paint(part, band)
    return linear


def sequence(product: str, *, seed: int, defect_rate: float) -> Iterator[str | None]:
    """Endlessly, what is wrong with part 0, 1, 2 … of the line `seed`: None or a reason code."""
    codes = reason_codes_of(product)
    n = 0
    while True:
        rng = stream(seed, _ORDER, n)
        is_bad = float(rng.random()) < defect_rate
        yield codes[int(rng.integers(len(codes)))] if is_bad else None
        n += 1


def _spoil(
    made: Product[P], part: P, defect: str, linear: Floats
) -> tuple[Window, Floats, tuple[int, int, int, int]]:
    """The defect's window, light and visible region; made stronger until a careful eye sees it."""
    scene = part.scene
    pixels, grey = made.visible[defect]
    for strength in _STRENGTHS:
        rng = stream(scene.seed, made.number, _DEFECT)
        window, spoilt = made.spoil(part, defect, rng, strength)
        before = develop(linear[window.slices], scene, window)
        after = develop(spoilt, scene, window)
        change = np.abs(after.astype(np.int16) - before.astype(np.int16)).max(axis=2)
        if (change >= grey).sum() >= pixels * scene.frame_unit**2:
            break
    rows = np.flatnonzero((change >= _MARKED_GREY).any(axis=1))
    columns = np.flatnonzero((change >= _MARKED_GREY).any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    width, height = int(columns[-1]) - x + 1, int(rows[-1]) - y + 1
    return window, spoilt, (window.x0 + x, window.y0 + y, width, height)


def _render_board(seed: int, defect: str | None, size: tuple[int, int]) -> Rendered:
    _check_defect(BOARD, defect)
    made = board.render_board(seed=seed, defect=defect, size=size)
    return Rendered(image=made.image, truth=defect or OK, region=made.region)


def _render_label(seed: int, defect: str | None, size: tuple[int, int]) -> Rendered:
    _check_defect(LABEL, defect)
    made = label.render_label(seed=seed, defect=defect, size=size)
    return Rendered(image=made.image, truth=defect or OK, region=made.region)


def _product(product: str, defect: str | None) -> Product[Any]:
    _check_defect(product, defect)
    return PRODUCTS[product]


def _check_defect(product: str, defect: str | None) -> None:
    codes = reason_codes_of(product)
    if defect is not None and defect not in codes:
        raise SettingsError(
            f"the demo product {product!r} has no defect {defect!r}: "
            f"choose one of {', '.join(codes)}"
        )
