"""What the demo board carries, seen from above: every sort of component as a small picture.

A picture has two pixels a part pixel, and is BGR and coverage, uint8 [h, w, 4], colours multiplied
by the coverage; larger ones are drawn without smoothing and averaged, so that all bits are exact.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import cv2
import numpy as np

from station.sources.synthetic.exact import Bytes
from station.sources.synthetic.lettering import letter

FINE = 2
"""Pixels of a component's picture a part pixel."""
MARGIN_PX = 6
"""Free part pixels around the component."""
_OVER = 4
_UNIT = FINE * _OVER

Colour = tuple[int, int, int]

BLACK, DARK, GREY, SILVER = (34, 33, 36), (52, 51, 54), (120, 120, 122), (192, 194, 196)
WHITE, GOLD, BEIGE, TAN = (228, 230, 232), (84, 160, 198), (138, 180, 208), (82, 122, 160)
_BANDS: Mapping[str, tuple[Colour, ...]] = MappingProxyType(
    {
        "4k7": ((50, 205, 225), (150, 60, 120), (45, 40, 190), GOLD),
        "10k": ((40, 60, 96), BLACK, (40, 120, 225), GOLD),
        "220r": ((45, 40, 190), (45, 40, 190), (40, 60, 96), GOLD),
        "1m": ((40, 60, 96), BLACK, (70, 140, 50), GOLD),
    }
)


@lru_cache(maxsize=64)
def picture_of(part: str, width: int, height: int) -> Bytes:
    """A component of a sort in a box of part pixels; what surrounds it has coverage 0."""
    sort, _, variant = part.partition("_")
    sheet = Sheet(width, height)
    SORTS[sort](sheet, variant)
    picture = sheet.averaged()
    if sort in _MARKED:
        _mark(picture, *_MARKED[sort])
    picture.flags.writeable = False
    return picture


class Sheet:
    """A large drawing of one component; places are part pixels from the corner of its box."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        size = ((height + 2 * MARGIN_PX) * _UNIT, (width + 2 * MARGIN_PX) * _UNIT, 4)
        self._drawn = np.zeros(size, np.uint8)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle."""
        left, top = _large(x), _large(y)
        right, bottom = _large(x + width) - 1, _large(y + height) - 1
        cv2.rectangle(self._drawn, (left, top), (right, bottom), (*colour, 255), -1)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        centre = (_large(x), _large(y))
        cv2.circle(self._drawn, centre, round(radius * _UNIT), (*colour, 255), -1, cv2.LINE_8)

    def shape(self, points: tuple[tuple[float, float], ...], colour: Colour) -> None:
        """A filled polygon without dents."""
        large = np.array([(_large(x), _large(y)) for x, y in points], np.int32)
        cv2.fillConvexPoly(self._drawn, large, (*colour, 255), cv2.LINE_8)

    def body(
        self, x: float, y: float, width: float, height: float, colour: Colour, rim: Colour
    ) -> None:
        """A box with a rim of another tone, as light falls on rounded edges."""
        self.box(x, y, width, height, rim)
        self.box(x + 2, y + 2, width - 4, height - 4, colour)

    def averaged(self) -> Bytes:
        """The drawing at FINE pixels a part pixel."""
        height, width = self._drawn.shape[:2]
        size = (width // _OVER, height // _OVER)
        return np.asarray(cv2.resize(self._drawn, size, interpolation=cv2.INTER_AREA), np.uint8)


def _large(place: float) -> int:
    return round((place + MARGIN_PX) * _UNIT)


def _mark(picture: Bytes, lines: tuple[str, ...], tall: int, tone: Colour) -> None:
    """Lettering on the middle of a component, in place."""
    for number, line in enumerate(lines):
        ink = letter(line, "strokes", tall * FINE)
        top = (picture.shape[0] - len(lines) * (tall + 4) * FINE) // 2 + number * (tall + 4) * FINE
        left = (picture.shape[1] - ink.shape[1]) // 2
        under = picture[top : top + ink.shape[0], left : left + ink.shape[1], :3]
        cover = ink.astype(np.int32)[:, :, None]
        mixed = (under * (255 - cover) + np.array(tone, np.int32) * cover) // 255
        under[:] = mixed.astype(np.uint8)


def _resistor(sheet: Sheet, variant: str) -> None:
    middle = sheet.height / 2
    sheet.box(0, middle - 2, sheet.width, 4, SILVER)
    left, right = 16, sheet.width - 16
    for x in (left + 8, right - 8):
        sheet.disc(x, middle, 12, (118, 160, 190))
    sheet.box(left + 8, middle - 10, right - left - 16, 20, BEIGE)
    for place, colour in zip((6, 18, 30, 46), _BANDS[variant], strict=True):
        sheet.box(left + place, middle - 10, 7, 20, colour)


def _ceramic(sheet: Sheet, variant: str) -> None:
    top, colour = (3, TAN) if variant == "100n" else (0, (104, 112, 118))
    sheet.box(1, top, sheet.width - 2, sheet.height - 2 * top, SILVER)
    sheet.body(11, top, sheet.width - 22, sheet.height - 2 * top, colour, (70, 104, 138))


def _can(sheet: Sheet, _: str) -> None:
    x, y, radius = sheet.width / 2, sheet.height / 2, 41.0
    sheet.box(x - radius, y - radius, 2 * radius, 2 * radius, BLACK)
    sheet.disc(x, y, radius - 1, (150, 150, 152))
    sheet.disc(x, y, radius - 4, (208, 208, 210))
    # the dark segment is the minus side
    cut = (radius - 4) * 0.55
    for step in range(40):
        across = cut + (radius - 4 - cut) * step / 40
        reach = max(0.0, (radius - 4) ** 2 - (across + (radius - 4 - cut) / 40) ** 2) ** 0.5
        sheet.box(x - across - (radius - 4 - cut) / 40, y - reach, 1, 2 * reach, (30, 28, 30))


def _gull_wings(sheet: Sheet, per_side: int) -> None:
    """A housing with legs above and below, a notch at the left and a dot at pin 1."""
    pitch = (sheet.width - 4) / per_side
    for leg in range(per_side):
        x = 2 + pitch * (leg + 0.5) - 4
        sheet.box(x, 0, 8, sheet.height, SILVER)
    sheet.body(0, 14, sheet.width, sheet.height - 28, DARK, (66, 66, 70))
    sheet.disc(2, sheet.height / 2, 7, (24, 24, 26))
    sheet.disc(13, sheet.height - 25, 5, (150, 152, 154))


def _soic16(sheet: Sheet, _: str) -> None:
    _gull_wings(sheet, 8)


def _soic8(sheet: Sheet, _: str) -> None:
    _gull_wings(sheet, 4)


def _qfp(sheet: Sheet, _: str) -> None:
    legs, inset = 12, 14
    pitch = (sheet.width - 2 * inset - 4) / legs
    for leg in range(legs):
        at = inset + 2 + pitch * (leg + 0.5) - 2
        sheet.box(at, 0, 4, sheet.height, SILVER)
        sheet.box(0, at, sheet.width, 4, SILVER)
    side = sheet.width - 2 * inset
    sheet.body(inset, inset, side, side, DARK, (66, 66, 70))
    sheet.disc(inset + 15, inset + 15, 9, (190, 192, 194))


def _led(sheet: Sheet, _: str) -> None:
    sheet.box(0, 8, sheet.width, sheet.height - 16, SILVER)
    sheet.body(5, 1, sheet.width - 10, sheet.height - 2, WHITE, (200, 202, 204))
    sheet.disc(sheet.width / 2, sheet.height / 2, 13, (60, 50, 205))
    sheet.disc(sheet.width / 2, sheet.height / 2, 5, (105, 95, 250))
    sheet.shape(((5, 1), (16, 1), (5, 14)), (60, 120, 60))
    sheet.shape(((5, 35), (16, 35), (5, 22)), (60, 120, 60))


def _diode(sheet: Sheet, _: str) -> None:
    middle = sheet.height / 2
    sheet.box(0, middle - 2, sheet.width, 4, SILVER)
    sheet.body(14, middle - 11, sheet.width - 28, 22, BLACK, (47, 46, 48))
    sheet.box(19, middle - 11, 8, 22, (205, 206, 208))


def _sot(sheet: Sheet, _: str) -> None:
    sheet.box(9, sheet.height - 16, 9, 16, SILVER)
    sheet.box(sheet.width - 18, sheet.height - 16, 9, 16, SILVER)
    sheet.box(sheet.width / 2 - 5, 0, 10, 16, SILVER)
    sheet.body(1, 12, sheet.width - 2, sheet.height - 24, DARK, (66, 66, 70))


def _header(sheet: Sheet, _: str) -> None:
    sheet.body(0, 0, sheet.width, sheet.height, BLACK, (58, 58, 60))
    sheet.box(8, 8, sheet.width - 16, sheet.height - 16, (22, 22, 24))
    sheet.box(sheet.width / 2 - 22, sheet.height - 14, 44, 14, (150, 152, 154))
    for column in range(5):
        for row in range(2):
            x, y = 27 + 24 * column, sheet.height / 2 - 12 + 24 * row
            sheet.box(x - 4, y - 4, 8, 8, GOLD)
            sheet.box(x - 2, y - 2, 4, 4, (130, 205, 235))


def _terminal(sheet: Sheet, variant: str) -> None:
    blue, green, red = (70, 150, 60) if variant == "green" else (170, 100, 40)
    rim = (blue * 3 // 4, green * 3 // 4, red * 3 // 4)
    sheet.body(0, 0, sheet.width, sheet.height, (blue, green, red), rim)
    for screw in range(3):
        x = sheet.width * (screw + 0.5) / 3
        sheet.disc(x, sheet.height / 2 - 6, 17, (60, 62, 62))
        sheet.disc(x, sheet.height / 2 - 6, 14, (168, 170, 172))
        sheet.box(x - 12, sheet.height / 2 - 8, 24, 4, (70, 72, 74))
        sheet.box(x - 15, sheet.height - 14, 30, 14, (40, 44, 42))


def _socket(sheet: Sheet, _: str) -> None:
    sheet.box(8, sheet.height - 8, 12, 8, SILVER)
    sheet.box(sheet.width - 20, sheet.height - 8, 12, 8, SILVER)
    sheet.body(0, 0, sheet.width, sheet.height - 6, (170, 172, 174), (206, 208, 210))
    sheet.box(14, 12, 20, 8, (92, 94, 96))
    sheet.box(sheet.width - 34, 12, 20, 8, (92, 94, 96))
    sheet.box(0, sheet.height - 24, sheet.width, 3, (120, 122, 124))


def _crystal(sheet: Sheet, variant: str) -> None:
    if variant == "low":
        sheet.body(12, 3, sheet.width - 24, sheet.height - 6, (170, 190, 200), (120, 130, 136))
        return
    middle = sheet.height / 2
    for radius, tone in ((middle - 1, (150, 152, 154)), (middle - 4, (196, 198, 200))):
        for x in (middle, sheet.width - middle):
            sheet.disc(x, middle, radius, tone)
        sheet.box(middle, middle - radius, sheet.width - 2 * middle, 2 * radius, tone)


SORTS: Mapping[str, Callable[[Sheet, str], None]] = MappingProxyType(
    {
        "resistor": _resistor,
        "ceramic": _ceramic,
        "can": _can,
        "soic16": _soic16,
        "soic8": _soic8,
        "qfp": _qfp,
        "led": _led,
        "diode": _diode,
        "sot": _sot,
        "header": _header,
        "terminal": _terminal,
        "socket": _socket,
        "crystal": _crystal,
    }
)
_MARKED: Mapping[str, tuple[tuple[str, ...], int, Colour]] = MappingProxyType(
    {
        "soic16": (("KX7408", "2531"), 13, (158, 160, 162)),
        "soic8": (("LM24", "531"), 11, (158, 160, 162)),
        "qfp": (("MC32", "F407", "2530"), 13, (158, 160, 162)),
        "sot": (("2N7",), 10, (158, 160, 162)),
        "crystal": (("16.000",), 11, (96, 98, 100)),
        "can": (("470",), 12, (70, 72, 76)),
    }
)
