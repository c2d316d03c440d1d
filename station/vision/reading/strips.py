"""A line of text as the recogniser wants it: upright, 48 px high, dark on light, full contrast."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from station.core.frame import Image
from station.core.region import Rectangle
from station.vision.geometry import to_channels
from station.vision.reading.recogniser import HEIGHT_PX, WIDTHS_PX

TEXT_PX = 32
"""How high the line's ink stands in a strip; the recogniser was taught on lines with a margin."""
_MARGIN = 0.5
"""Free ground before and after the text, in line heights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One way to make a strip of a line."""

    text_px: float = TEXT_PX
    widen: float = 1.0
    """How much wider than high the text is stretched."""
    join: float = 0.0
    """Ink is spread over so many dot pitches, so that dots join to strokes; 0: left as it is."""
    soften_px: float = 0.0
    """Standard deviation of a blur of the strip."""


def strip_of(image: Image, box: Rectangle, look: Look, *, is_dark: bool) -> Image:
    """The line within `box` of an image (grey or BGR): grey [48, w], uint8, ink 0, ground 255."""
    grey = to_channels(image, 1)
    scale = look.text_px / box.height
    grey, box, scale = _shrunk(grey, box, scale)
    across = min(scale * look.widen, (WIDTHS_PX[-1] - HEIGHT_PX) / box.width)
    width = math.ceil(box.width * across + 2 * _MARGIN * look.text_px)
    cut = cv2.warpAffine(
        grey, _onto_strip(box, across, scale, width), (width, HEIGHT_PX),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    strip = np.asarray(cut if is_dark else 255 - cut, np.uint8)
    if look.join > 0:
        strip = _joined(strip, look.join * look.text_px / 7)
    if look.soften_px > 0:
        strip = np.asarray(cv2.GaussianBlur(strip, (0, 0), look.soften_px), np.uint8)
    return _full_contrast(strip)


def _shrunk(grey: Image, box: Rectangle, scale: float) -> tuple[Image, Rectangle, float]:
    """Large print averaged down by two until it is less than twice as large as wanted."""
    while scale <= 0.5 and min(grey.shape) >= 2:
        height, width = (size // 2 * 2 for size in grey.shape)
        grey = np.asarray(
            cv2.resize(
                grey[:height, :width], (width // 2, height // 2), interpolation=cv2.INTER_AREA
            ),
            np.uint8,
        )
        box = Rectangle(
            x=box.x / 2, y=box.y / 2, width=box.width / 2, height=box.height / 2,
            angle_deg=box.angle_deg,
        )  # fmt: skip
        scale *= 2
    return grey, box, scale


def _onto_strip(
    box: Rectangle, across: float, scale: float, width: int
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """From indices of the strip to indices of the image."""
    cos, sin = math.cos(math.radians(box.angle_deg)), math.sin(math.radians(box.angle_deg))
    centre = np.array((box.x + box.width / 2 - 0.5, box.y + box.height / 2 - 0.5))
    turn = np.array(((cos / across, -sin / scale), (sin / across, cos / scale)))
    middle = np.array((width / 2 - 0.5, HEIGHT_PX / 2 - 0.5))
    return np.column_stack((turn, centre - turn @ middle))


def _joined(strip: Image, reach_px: float) -> Image:
    """Dark dots spread over their gaps, then what that thickened taken off again (opening)."""
    size = max(2, round(reach_px))
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(strip, cv2.MORPH_OPEN, around), np.uint8)


def _full_contrast(strip: Image) -> Image:
    """Ground to white and ink to black, uneven light taken out."""
    inner = strip.astype(np.float32)
    ground = cv2.GaussianBlur(
        cv2.morphologyEx(inner, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8)), (0, 0), 12
    )
    ink = ground - inner
    black = max(float(np.percentile(ink, 97)), 1.0)
    white = float(np.percentile(ink, 40))
    shown = 255 - 255 * np.clip((ink - white) / max(black - white, 1.0), 0, 1)
    return np.asarray(np.round(shown), np.uint8)
