"""Another place, size, light and noise than rendered, so that a net does not rely on them."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.pool import HEIGHT, WIDTH, Pool

_CHANGED_GREY = 16
_RESHAPED, _BLURRED, _NOISY = 0.6, 0.25, 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A part of the small picture: its size and the place of its middle, in pixels."""

    width: int
    height: int
    x: float
    y: float


def vary(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], view: View, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The view of a picture [H, W, 3] and of its defect mask [H, W], changed at random."""
    image, mask = _reshape(image, mask, view, rng)
    flip = int(rng.integers(4))
    if flip:
        image, mask = cv2.flip(image, flip - 2), cv2.flip(mask, flip - 2)
    if rng.random() < _BLURRED:
        image = cv2.GaussianBlur(image, (3, 3), rng.uniform(0.3, 0.55))
    image = _relight(image, rng)
    if rng.random() < _NOISY:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.5, 2.5))
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    return np.asarray(image, np.uint8), np.asarray(mask, np.uint8)


def defect_mask(pool: Pool, bad: int) -> NDArray[np.uint8]:
    """Where the defect of picture `bad` shows, against the same part without it: 0 or 255."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    x0, y0, x1, y1 = pool.boxes[bad]
    place = (slice(int(y0), math.ceil(y1) + 1), slice(int(x0), math.ceil(x1) + 1))
    change = cv2.absdiff(pool.images[bad][place], pool.images[bad - 1][place]).max(axis=2)
    mask[place] = np.where(change >= min(_CHANGED_GREY, change.max()), 255, 0)
    return mask


def _reshape(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], view: View, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut the view out, often a little larger or smaller, turned, shifted, of another aspect."""
    middle = np.array([view.width / 2, view.height / 2])
    matrix, place = np.eye(2), np.round(np.array([view.x, view.y]))
    if rng.random() < _RESHAPED:
        scale_x, scale_y = rng.uniform(0.94, 1.06, 2)
        turn = rng.uniform(-0.06, 0.06)
        matrix = np.array([[scale_x, -turn], [turn, scale_y]])
        place = place + rng.uniform(-9, 9, 2)
    whole = np.column_stack([matrix, middle - matrix @ place])
    size = (view.width, view.height)
    return (
        np.asarray(cv2.warpAffine(image, whole, size, borderMode=cv2.BORDER_REFLECT_101), np.uint8),
        np.asarray(cv2.warpAffine(mask, whole, size, flags=cv2.INTER_NEAREST), np.uint8),
    )


def _relight(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Another exposure, tone curve, black level and colour of the light."""
    gain, gamma, lift = rng.uniform(0.87, 1.13), rng.uniform(0.88, 1.14), rng.uniform(-8, 8)
    grey = (np.arange(256) / 255) ** gamma * 255 * gain
    table = grey[:, None] * rng.uniform(0.97, 1.03, 3) + lift
    return np.asarray(cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)[None]), np.uint8)
