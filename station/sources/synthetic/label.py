"""The carton label: product, lot and expiry in print, and the same in a GS1 DataMatrix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType

import cv2
import numpy as np
import zxingcpp
from numpy.random import Generator
from numpy.typing import NDArray

from station.sources.synthetic.exact import (
    Bytes,
    Floats,
    cos_sin,
    smooth_field,
    speckle,
    stream,
)
from station.sources.synthetic.lettering import FONTS, letter
from station.sources.synthetic.scene import NOMINAL_SIZE, Scene, add_noise, develop, look

NUMBER = 4
GTIN = "04012345678901"
PRODUCT = "CHAMOMILE TEA"
LABEL_WIDTH, LABEL_HEIGHT = 520, 360
_TEXT, _FAULT, _CARTON = 11, 21, 31
_LEFT, _CODE_X, _CODE_Y, _MODULE = 80, 385, 36, 5
_PRODUCT_Y, _LOT_Y, _EXPIRY_Y = 62, 222, 274
_PRINTED_PX = 22
_MOST_TURNS = 3 / 360
_MARKED_GREY = 8
_OTHER_PRODUCTS = ("PEPPERMINT TEA", "FENNEL TEA", "CHAMOMILE SOAP")
_LETTERS = "ABCDEFGHJKLMNPRSTWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """What one label says, in print and in its code, and what became of the print.

    Faults leave out or spoil the areas they name: `lot`, `expiry`, `code`, `label`.
    """

    product: str
    lot: str
    expiry: date
    coded_lot: str
    coded_expiry: date
    font: str
    missing: str = ""
    spoilt: str = ""

    @property
    def coded(self) -> str:
        """The code's element strings."""
        return f"(01){GTIN}(17){self.coded_expiry:%y%m%d}(10){self.coded_lot}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One picture, BGR uint8 [H, W, 3], read-only; what is printed; the box of a fault."""

    image: Bytes
    printed: Print
    region: tuple[int, int, int, int] | None


def render_label(
    *, seed: int, defect: str | None = None, size: tuple[int, int] = NOMINAL_SIZE
) -> Label:
    """Label number `seed`, good or with one fault; the same seed lies and is lit the same way."""
    scene = look(seed, size, NUMBER, ())
    good = _good(seed)
    printed = good if defect is None else FAULTS[defect](good, stream(seed, NUMBER, _FAULT))
    shown = _photographed(printed, scene)
    region = None if defect is None else _changed(shown, _photographed(good, scene))
    image = add_noise(shown, scene, NUMBER)
    image.flags.writeable = False
    return Label(image=image, printed=printed, region=region)


def _good(seed: int) -> Print:
    rng = stream(seed, NUMBER, _TEXT)
    letters = "".join(_LETTERS[int(place)] for place in rng.integers(0, len(_LETTERS), 2))
    lot = f"{letters}{int(rng.integers(0, 1_000_000)):06d}"
    expiry = date(2030, 1, 1) + timedelta(days=int(rng.integers(0, 5 * 365)))
    fonts = tuple(FONTS)
    # Every second label is printed by a dot-matrix head, as most dates on cartons are.
    font = fonts[0] if seed % 2 else fonts[1 + seed // 2 % (len(fonts) - 1)]
    return Print(
        product=PRODUCT, lot=lot, expiry=expiry, coded_lot=lot, coded_expiry=expiry, font=font
    )


def _expired(good: Print, rng: Generator) -> Print:
    day = date(2022, 1, 1) + timedelta(days=int(rng.integers(0, 3 * 365)))
    return replace(good, expiry=day, coded_expiry=day)


def _mismatched(good: Print, rng: Generator) -> Print:
    """Print and code come from different batches: one digit of the lot, or another day."""
    if rng.random() < 0.5:
        days = int(rng.integers(1, 300))
        return replace(good, expiry=good.expiry + timedelta(days=days))
    place = int(rng.integers(2, 8))
    digit = str((int(good.lot[place]) + int(rng.integers(1, 10))) % 10)
    return replace(good, lot=good.lot[:place] + digit + good.lot[place + 1 :])


def _other_product(good: Print, rng: Generator) -> Print:
    return replace(good, product=_OTHER_PRODUCTS[int(rng.integers(len(_OTHER_PRODUCTS)))])


def _not_printed(good: Print, rng: Generator) -> Print:
    return replace(good, missing="lot" if rng.random() < 0.5 else "expiry")


def _smeared(good: Print, rng: Generator) -> Print:
    return replace(good, spoilt="lot" if rng.random() < 0.5 else "expiry")


FAULTS: Mapping[str, Callable[[Print, Generator], Print]] = MappingProxyType(
    {
        "date_expired": _expired,
        "text_mismatch": _mismatched,
        "text_missing": _not_printed,
        "text_unreadable": _smeared,
        "other_product": _other_product,
        "code_missing": lambda good, _: replace(good, missing="code"),
        "code_unreadable": lambda good, _: replace(good, spoilt="code"),
        "label_missing": lambda good, _: replace(good, missing="label"),
    }
)
"""Reason code -> what it makes of a good label."""
REASON_CODES = tuple(FAULTS)


def _photographed(printed: Print, scene: Scene) -> Bytes:
    """The label on its carton through the lens, before the sensor's noise."""
    light = _carton(scene)
    if printed.missing != "label":
        cover, ink = _laid(printed, scene)
        shadow = np.zeros_like(cover)
        shadow[3:, 2:] = cover[:-3, :-2]
        dim = cv2.blur(shadow, (7, 7)).astype(np.float32) * np.float32(0.35 / 255)
        light *= (np.float32(1) - dim)[:, :, None]
        paper = np.array((0.66, 0.68, 0.69), np.float32) * np.float32(scene.ambient)
        black = np.float32(0.045)
        dark = (ink.astype(np.float32) * np.float32(1 / 255))[:, :, None]
        label = paper + (black - paper) * dark
        light += (label - light) * (cover.astype(np.float32) * np.float32(1 / 255))[:, :, None]
    return develop(light, scene, scene.whole)


def _carton(scene: Scene) -> Floats:
    """Brown board with its fibres and flutes, linear light [H, W, 3]."""
    rng = stream(scene.seed, NUMBER, _CARTON)
    shape = (scene.size[1], scene.size[0])
    tone = np.float32(1) + np.float32(0.10) * smooth_field(rng, shape, 60 * scene.frame_unit)
    tone += np.float32(0.07) * speckle(rng, shape, (7, 2))
    flutes = np.arange(shape[1], dtype=np.float64) / (9 * scene.frame_unit) % 1.0
    tone *= np.asarray(0.97 + 0.12 * flutes * (1 - flutes)).astype(np.float32)[None, :]
    brown = np.array((0.085, 0.155, 0.245), np.float32) * np.float32(scene.ambient)
    return np.asarray(tone[:, :, None] * brown, np.float32)


def _laid(printed: Print, scene: Scene) -> tuple[Bytes, Bytes]:
    """Where the label is and where its ink: coverage 0 to 255 each, uint8 [H, W]."""
    fine = max(1, round(scene.frame_unit))
    ink = _artwork(printed, fine)
    page = np.full_like(ink, 255)
    cos, sin = cos_sin((2 * scene.turns - 1) * _MOST_TURNS)
    inverse = np.array(((cos, sin, 0.0), (-sin, cos, 0.0))) * (fine / scene.unit)
    middle = np.array((LABEL_WIDTH / 2, LABEL_HEIGHT / 2)) * fine
    inverse[:, 2] = middle - inverse[:, :2] @ (scene.centre_x, scene.centre_y)
    both = _through(np.stack([page, ink], axis=2), inverse, scene.size)
    return np.ascontiguousarray(both[:, :, 0]), np.ascontiguousarray(both[:, :, 1])


def _artwork(printed: Print, fine: int) -> Bytes:
    """The label's ink, `fine` pixels a nominal pixel: uint8 [h, w]."""
    ink = np.zeros((LABEL_HEIGHT * fine, LABEL_WIDTH * fine), np.uint8)
    _put(ink, letter(printed.product, "sans", 19 * fine), _LEFT * fine, _PRODUCT_Y * fine)
    _put(ink, letter("20 BAGS - 30 G", "uni", 13 * fine), _LEFT * fine, (_PRODUCT_Y + 44) * fine)
    lines = {
        "lot": (_LOT_Y, f"LOT {printed.lot}"),
        "expiry": (_EXPIRY_Y, f"EXP {printed.expiry:%d.%m.%Y}"),
    }
    for name, (top, text) in lines.items():
        if name != printed.missing:
            line = letter(text, printed.font, _PRINTED_PX * fine)
            line = _wiped(line, _PRINTED_PX * fine) if name == printed.spoilt else line
            _put(ink, line, _LEFT * fine, top * fine)
    if printed.missing != "code":
        code = _code(printed.coded, fine)
        code = _dropped(code, _MODULE * fine) if printed.spoilt == "code" else code
        _put(ink, code, _CODE_X * fine, _CODE_Y * fine)
    return ink


def _code(elements: str, fine: int) -> Bytes:
    """A GS1 DataMatrix without its quiet zone, which the paper is: ink 255, uint8."""
    made = zxingcpp.create_barcode(elements, zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    dark = 255 - np.array(made.to_image(scale=1, add_quiet_zones=False), np.uint8)
    side = _MODULE * fine
    return np.ascontiguousarray(np.repeat(np.repeat(dark, side, axis=0), side, axis=1))


def _wiped(ink: Bytes, reach: int) -> Bytes:
    """Wet ink wiped to the side: drawn out into streaks of `reach` pixels that run together."""
    wide = cv2.copyMakeBorder(ink, 0, 0, 0, reach, cv2.BORDER_CONSTANT, value=(0,))
    streaks = cv2.dilate(wide, np.ones((1, reach // 2 | 1), np.uint8))
    smeared = cv2.blur(streaks, (reach // 2 | 1, reach // 5 | 1))
    return np.asarray(smeared.astype(np.uint16) * 4 // 5).astype(np.uint8)


def _dropped(code: Bytes, module: int) -> Bytes:
    """A code with every second band of three rows not printed, as by a worn ribbon."""
    rows = np.arange(code.shape[0]) // module
    return np.asarray(code * (rows // 3 % 2 == 0)[:, None], np.uint8)


def _put(onto: Bytes, ink: Bytes, x: int, y: int) -> None:
    under = onto[y : y + ink.shape[0], x : x + ink.shape[1]]
    np.maximum(under, ink[: under.shape[0], : under.shape[1]], out=under)


def _through(picture: Bytes, inverse: NDArray[np.float64], size: tuple[int, int]) -> Bytes:
    """A picture seen through a map of continuous places, in OpenCV's fixed point (1/32 px)."""
    x = np.arange(size[0], dtype=np.float64)[None, :] + 0.5
    y = np.arange(size[1], dtype=np.float64)[:, None] + 0.5
    column, row = (
        np.rint((line[0] * x + line[1] * y + line[2] - 0.5) * 32).astype(np.int32)
        for line in inverse
    )
    whole = np.clip(np.stack([column >> 5, row >> 5], axis=2), -2, 32_000).astype(np.int16)
    part = ((row & 31) * 32 + (column & 31)).astype(np.uint16)
    seen = cv2.remap(picture, whole, part, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(seen, np.uint8)


def _changed(shown: Bytes, good: Bytes) -> tuple[int, int, int, int]:
    """The box (x, y, w, h) around what a fault changed visibly."""
    change = np.abs(shown.astype(np.int16) - good.astype(np.int16)).max(axis=2) >= _MARKED_GREY
    rows, columns = np.flatnonzero(change.any(axis=1)), np.flatnonzero(change.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1
