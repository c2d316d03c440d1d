"""A drawn print, dark on bright, its defects, and what contract tests need to have been taught."""

from pathlib import Path

import cv2
import numpy as np
from pydantic import JsonValue

from station.core.frame import Image
from station.teach.keep import keep_taught
from station.vision.colour import colours_of
from station.vision.geometry import to_channels
from station.vision.golden.template import learn_template

WIDTH, HEIGHT = 240, 180


def board(
    *, shift: tuple[float, float] = (0, 0), seed: int = 0, noise: float = 3.0, colour: bool = False
) -> Image:
    """A grey or BGR print of tracks, pads and a thin line, moved by parts of a pixel too."""
    image = np.full((HEIGHT, WIDTH, 3), (190, 200, 205), np.uint8)
    ink = (60, 50, 45)
    for y in (30, 60):
        cv2.line(image, (20, y), (150, y + 8), ink, 7, cv2.LINE_AA)
    cv2.line(image, (20, 160), (220, 140), ink, 2, cv2.LINE_AA)
    cv2.rectangle(image, (170, 20), (215, 70), ink, -1)
    for x in (50, 110, 190):
        cv2.circle(image, (x, 110), 16, ink, -1, cv2.LINE_AA)
    return _shot(image if colour else to_channels(image, 1), shift, seed, noise)


def _shot(image: Image, shift: tuple[float, float], seed: int, noise: float) -> Image:
    matrix = np.array(((1, 0, shift[0]), (0, 1, shift[1])), np.float64)
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)
    grain = np.random.default_rng(seed).normal(0, noise, moved.shape)
    return np.clip(np.round(moved + grain), 0, 255).astype(np.uint8)


def lit(image: Image, gain: float, offset: float = 0.0) -> Image:
    """In another light."""
    return np.clip(np.round(image * gain + offset), 0, 255).astype(np.uint8)


def painted(image: Image, box: tuple[int, int, int, int], level: int) -> Image:
    """With a rectangle (x, y, width, height) of one grey."""
    x, y, wide, tall = box
    changed = image.copy()
    changed[y : y + tall, x : x + wide] = level
    return changed


def write_board(models: Path) -> None:
    """Write `board/1` for `compare`: a region of 40 x 30 at (8, 8)."""
    region: JsonValue = {"x": 8.0, "y": 8.0, "width": 40.0, "height": 30.0}
    arrays = learn_template([board()[8:38, 8:48].copy()]).arrays
    keep_taught([models], "board", "compare", arrays, settings={"region": region})


def write_colour(models: Path) -> None:
    """Write `grey/1` for `colour`: grey 90 all over."""
    seen = colours_of(np.full((8, 8, 3), 90, np.uint8))
    arrays = {"mean": seen.mean, "quantiles": seen.quantiles, "colour": seen.mean}
    limits = {"delta_e_at_most": 3.0, "histogram_at_most": 9.0}
    shares = {"share_at_least": 0.5, "share_at_most": 1.0, "tolerance": 12.0}
    keep_taught([models], "grey", "colour", arrays, settings={**limits, **shares})
