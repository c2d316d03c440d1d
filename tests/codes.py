"""Rendered codes on rendered labels, for tests of reading."""

from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from station.core.frame import Image
from station.vision.codes.symbologies import KINDS, Symbology


def render(
    text: str, symbology: Symbology = "data_matrix", *, scale: int = 4, gs1: bool = False
) -> Image:
    """A code with its quiet zone, black on white, `scale` pixels a module."""
    options = {"gs1": True} if gs1 else {}
    barcode = zxingcpp.create_barcode(text, KINDS[symbology].formats[0], **options)
    code = np.asarray(barcode.to_image(scale=scale), np.uint8)
    edges = (4 * scale,) * 4
    framed = cv2.copyMakeBorder(code, *edges, cv2.BORDER_CONSTANT, value=(255,))
    return np.asarray(framed, np.uint8)


def on_label(
    *codes: Image,
    size: tuple[int, int] = (480, 640),
    at: tuple[tuple[int, int], ...] = ((80, 60),),
    dark: int = 20,
    bright: int = 230,
    background: int = 180,
    turn_deg: float = 0.0,
    blur_px: float = 0.0,
    noise: float = 2.0,
    seed: int = 0,
) -> Image:
    """Codes on a grey label, each with its top-left corner at (x, y), then turned, blurred, noisy.

    Args:
        codes: as `render` gives them.
        size: height and width.
        at: where each code lies.
        dark: grey of the bars.
        bright: grey between them.
        background: grey of the label.
        turn_deg: turn of everything about the middle, clockwise.
        blur_px: standard deviation of the blur.
        noise: standard deviation of the noise, grey values.
        seed: of the noise.
    """
    label: NDArray[np.floating[Any]] = np.full(size, background, np.float32)
    for code, (x, y) in zip(codes, at, strict=True):
        height, width = code.shape
        label[y : y + height, x : x + width] = dark + code.astype(np.float32) / 255 * (
            bright - dark
        )
    if turn_deg:
        middle = (size[1] / 2, size[0] / 2)
        matrix = cv2.getRotationMatrix2D(middle, -turn_deg, 1.0)
        border = (float(background),)
        turned = cv2.warpAffine(label, matrix, size[::-1], borderValue=border)
        label = np.asarray(turned, np.float32)
    if blur_px:
        label = np.asarray(cv2.GaussianBlur(label, (0, 0), blur_px), np.float32)
    label = label + np.random.default_rng(seed).normal(0, noise, size)
    return np.clip(np.round(label), 0, 255).astype(np.uint8)
