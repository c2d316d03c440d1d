"""Text as a print head, a plotter or a label printer puts it down: ink on nothing, five fonts."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from station.core.errors import SettingsError
from station.sources.synthetic.exact import Bytes
from station.sources.synthetic.glyphs import (
    DOT_COLUMNS,
    DOT_ROWS,
    DOTS,
    STROKE_HEIGHT,
    STROKE_WIDTH,
    STROKES,
)

_FINE = 4
"""Fractional bits of OpenCV's fixed-point drawing."""
_OVER = 4
"""How much larger outlines are drawn before they are averaged down."""


def letter(text: str, font: str, height_px: int) -> Bytes:
    """A line of capitals, digits and `. / - : ( )`: coverage 0 to 255, uint8 [h, w].

    Capitals are `height_px` high; a font's name is one of `FONTS`. What is drawn is cut out
    closely. The bytes depend on the arguments and the locked libraries alone.

    Raises:
        SettingsError: no such font.
    """
    if font not in FONTS:
        raise SettingsError(f"unknown font {font!r}: choose one of {', '.join(FONTS)}")
    ink = FONTS[font](text, height_px)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return np.zeros((height_px, max(1, height_px // 2)), np.uint8)
    return np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _dots(text: str, height_px: int) -> Bytes:
    """A dot-matrix print head: round dots that do not touch."""
    pitch = height_px / DOT_ROWS
    ink = np.zeros((height_px + 4, int((DOT_COLUMNS + 1) * pitch * len(text)) + 4), np.uint8)
    radius = max(1, round(0.40 * pitch * (1 << _FINE)))
    for place, sign in enumerate(text):
        for row, dots in enumerate(DOTS.get(sign, ())):
            for column, dot in enumerate(dots):
                if dot == "1":
                    x = (place * (DOT_COLUMNS + 1) + column + 0.5) * pitch + 2
                    y = (row + 0.5) * pitch + 2
                    centre = (round(x * (1 << _FINE)), round(y * (1 << _FINE)))
                    cv2.circle(ink, centre, radius, (255,), -1, cv2.LINE_AA, _FINE)
    return ink


def _strokes(text: str, height_px: int) -> Bytes:
    """A plotter's pen: lines of one width."""
    unit = height_px / (STROKE_HEIGHT + 0.9)
    advance = (STROKE_WIDTH + 2.0) * unit
    large = np.zeros(
        (_OVER * (height_px + 6), int(_OVER * (advance * len(text) + 2 * unit))), np.uint8
    )
    pen = max(1, round(0.85 * unit * _OVER))
    for place, sign in enumerate(text):
        for line in STROKES.get(sign, ()):
            points = [
                (place * advance + (int(spot[0]) + 0.8) * unit, (int(spot[1]) + 0.8) * unit)
                for spot in line.split(",")
            ]
            fine = np.round(np.array(points) * _OVER * (1 << _FINE)).astype(np.int32)
            cv2.polylines(large, [fine], False, (255,), pen, cv2.LINE_8, _FINE)
    return _averaged(large)


def _face(name: str, weight: int) -> Callable[[str, int], Bytes]:
    """A font that OpenCV carries."""

    def draw(text: str, height_px: int) -> Bytes:
        size = round(height_px * 1.40 * _OVER)
        large = np.zeros((2 * size, (size * (len(text) + 2)) // 1), np.uint8)
        cv2.putText(
            large, text, (size // 2, round(1.5 * size)), (255, 0, 0, 0), cv2.FontFace(name), size,
            weight,
        )  # fmt: skip
        return _averaged(large)

    return draw


def _default_face(text: str, height_px: int) -> Bytes:
    """The font that Pillow carries."""
    font = ImageFont.load_default(height_px * 1.38 * _OVER)
    width, height = round(font.getlength(text)) + 8 * _OVER, round(height_px * 2.4 * _OVER)
    page = Picture.new("L", (width, height), 0)
    ImageDraw.Draw(page).text((4 * _OVER, 4), text, fill=255, font=font)
    return _averaged(np.asarray(page, np.uint8))


def _averaged(large: Bytes) -> Bytes:
    """Blocks of _OVER x _OVER averaged; what is left over at the edges is dropped."""
    height, width = (size // _OVER for size in large.shape)
    whole = large[: height * _OVER, : width * _OVER]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


FONTS: Mapping[str, Callable[[str, int], Bytes]] = MappingProxyType(
    {
        "dots": _dots,
        "strokes": _strokes,
        "sans": _face("sans", 600),
        "uni": _face("uni", 500),
        "default": _default_face,
    }
)
"""Name -> how a line is drawn: two alphabets of our own, two of OpenCV's fonts, one of Pillow's."""
