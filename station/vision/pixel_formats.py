"""Raw bytes of a camera to a picture, by the name its pixel format has in the GenICam PFNC."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import AcquisitionError, IncompleteFrameError
from station.core.frame import Image
from station.vision.images import to_eight_bits

Raw = bytes | bytearray | memoryview | NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the values of one pixel format lie in memory; deeper values fill 16 bits each."""

    bits: int = 8
    channels: int = 1
    conversion: int | None = None
    """OpenCV's code from these values to BGR; none: they are grey or BGR already."""

    @property
    def bytes_per_pixel(self) -> int:
        """Bytes of one pixel."""
        return self.channels * (1 if self.bits == 8 else 2)


BAYER = {
    "RG": cv2.COLOR_BayerBG2BGR,
    "GR": cv2.COLOR_BayerGB2BGR,
    "GB": cv2.COLOR_BayerGR2BGR,
    "BG": cv2.COLOR_BayerRG2BGR,
}
"""GenICam names the first two pixels of the first row, OpenCV the second two of the second."""

LAYOUTS = (
    {f"Mono{bits}": Layout(bits=bits) for bits in (8, 10, 12, 14, 16)}
    | {
        f"Bayer{tile}{bits}": Layout(bits=bits, conversion=code)
        for tile, code in BAYER.items()
        for bits in (8, 10, 12, 16)
    }
    | {
        "RGB8": Layout(channels=3, conversion=cv2.COLOR_RGB2BGR),
        "BGR8": Layout(channels=3),
        "RGBa8": Layout(channels=4, conversion=cv2.COLOR_RGBA2BGR),
        "BGRa8": Layout(channels=4, conversion=cv2.COLOR_BGRA2BGR),
    }
)
OLD_NAMES = {
    "RGB8Packed": "RGB8",
    "BGR8Packed": "BGR8",
    "RGBA8Packed": "RGBa8",
    "BGRA8Packed": "BGRa8",
}
"""Names cameras used before the PFNC."""


def layout_of(pixel_format: str) -> Layout:
    """How a pixel format lies in memory.

    Raises:
        AcquisitionError: the station cannot read it; says what it can read.
    """
    layout = LAYOUTS.get(OLD_NAMES.get(pixel_format, pixel_format))
    if layout is None:
        raise AcquisitionError(
            f"pixel format {pixel_format!r} cannot be read; set pixel_format to one of "
            f"{', '.join(LAYOUTS)}"
        )
    return layout


def decoder(pixel_format: str) -> Callable[[Raw, int, int], Image]:
    """The function from bytes, width and height to a picture; see `to_image`.

    Raises:
        AcquisitionError: the station cannot read the format.
    """
    layout_of(pixel_format)
    return lambda raw, width, height: to_image(raw, pixel_format, width, height)


def to_image(
    raw: Raw, pixel_format: str, width: int, height: int, *, padding_bytes: int = 0
) -> Image:
    """The picture, uint8 grey or BGR, in memory of its own.

    Deeper values are scaled by the one rule of `images.decode`. `padding_bytes` follow each row.

    Raises:
        AcquisitionError: the station cannot read the format.
        IncompleteFrameError: there are fewer bytes than pixels, or no pixels.
    """
    layout = layout_of(pixel_format)
    values = _values(raw, layout, width, height, padding_bytes)
    grey_or_colour = to_eight_bits(values, bits=layout.bits) if layout.bits > 8 else values
    if layout.conversion is None:
        return np.array(grey_or_colour, order="C")
    return np.ascontiguousarray(cv2.cvtColor(grey_or_colour, layout.conversion), np.uint8)


def _values(
    raw: Raw, layout: Layout, width: int, height: int, padding_bytes: int
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The values as they came: (height, width) or (height, width, channels)."""
    row_bytes = width * layout.bytes_per_pixel
    needed = (row_bytes + padding_bytes) * height
    content = np.frombuffer(raw, np.uint8)
    if content.size < needed or width <= 0 or height <= 0:
        raise IncompleteFrameError(
            f"a frame of {width} x {height} pixels needs {needed} bytes and has {content.size}"
        )
    rows = content[:needed].reshape(height, row_bytes + padding_bytes)[:, :row_bytes]
    values = np.ascontiguousarray(rows)
    shape = (height, width) if layout.channels == 1 else (height, width, layout.channels)
    return (values if layout.bits == 8 else values.view("<u2")).reshape(shape)
