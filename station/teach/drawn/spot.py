"""The place a defect is drawn at: a window of the picture, how large and how strong it shall be."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image

Pixels = NDArray[np.float32]
"""(height, width, channels), 0 to 255."""
Mask = NDArray[np.float32]
"""(height, width), 0 to 1."""

COLOURFUL = 10.0
"""Channels that differ by more grey levels than this on average show a coloured product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where and how a defect is drawn; painters leave the window as it is and return a new one."""

    window: Pixels
    left: int
    top: int
    x: float
    """The middle of the defect, in pixels of the window; also `y`."""
    y: float
    size_px: float
    strength: float
    """Grey levels."""
    picture: Image
    donor: Image | None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        return self.window.shape[0], self.window.shape[1]

    @property
    def centre(self) -> NDArray[np.float64]:
        """(x, y) in the window."""
        return np.array((self.x, self.y))

    def grey(self) -> Mask:
        """The window without its colour, 0 to 255."""
        return np.ascontiguousarray(self.window.mean(axis=2), dtype=np.float32)

    def level(self) -> float:
        """The middle grey round about, 0 to 255."""
        return float(np.median(self.window))

    def lighter_or_darker(self, rng: np.random.Generator, lighter: float = 0.5) -> float:
        """+1 or -1; never towards an end of the grey scale that is already there."""
        level = self.level()
        if level < 35:
            return 1.0
        if level > 220:
            return -1.0
        return 1.0 if rng.random() < lighter else -1.0

    def tint(self, rng: np.random.Generator, coloured: float = 0.5) -> Pixels:
        """How much each channel takes part, (channels,); all alike on colourless products."""
        channels = self.window.shape[2]
        if channels == 1:
            return np.ones(1, np.float32)
        spread = float(np.mean(np.ptp(self.window, axis=2)))
        if rng.random() > (coloured if spread > COLOURFUL else 0.1 * coloured):
            return np.ones(channels, np.float32)
        share = np.asarray(rng.uniform(0.1, 1, channels), np.float32)
        return np.asarray(share / share.max(), np.float32)


def mix(below: Pixels, above: Pixels, alpha: Mask) -> Pixels:
    """`above` laid over `below` where alpha is 1."""
    part = alpha[:, :, None]
    return np.asarray(below + (above - below) * part, np.float32)


def blur(pixels: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """A Gaussian of this width; the shape is kept, (h, w, 1) too."""
    out = cv2.GaussianBlur(pixels, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(out, np.float32).reshape(pixels.shape)


def shifted(pixels: Pixels, matrix: NDArray[np.float64], shape: tuple[int, int]) -> Pixels:
    """The pixels moved by a 2 x 3 matrix that maps places of the result to the source."""
    out = cv2.warpAffine(
        pixels,
        matrix,
        (shape[1], shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(out, np.float32).reshape(*shape, -1)
