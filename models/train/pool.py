"""Render the pictures a demo model learns from, once, at the model's input size."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from station.sources.synthetic import PRODUCTS, render
from station.sources.synthetic.exact import stream
from station.vision.geometry import resize

Labelled: TypeAlias = tuple[NDArray[np.uint8], int, tuple[float, float, float, float]]

WIDTH, HEIGHT = 320, 240
_LARGE = (1280, 1024)
_VARIETY = 41


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Pictures uint8 [N, HEIGHT, WIDTH, 3] BGR, classes int64 [N], defect boxes float32 [N, 4].

    A box is (x0, y0, x1, y1) in pixels of the small picture, zeros on a good part.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    boxes: NDArray[np.float32]


def classes_of(product: str) -> tuple[str, ...]:
    """The model's classes in order: "ok", then the reason codes."""
    return ("ok", *PRODUCTS[product].reason_codes)


def pool(folder: Path, product: str, first_seed: int, pairs: int, *, workers: int = 2) -> Pool:
    """`pairs` good parts and as many bad ones; rendered into `folder` if they are not there yet."""
    name = f"{product}-{first_seed}-{pairs}"
    places = [folder / f"{name}-{part}.npy" for part in ("images", "labels", "boxes")]
    if not places[-1].exists():
        folder.mkdir(parents=True, exist_ok=True)
        images = np.lib.format.open_memmap(places[0], "w+", np.uint8, (2 * pairs, HEIGHT, WIDTH, 3))
        labels, boxes = np.zeros(2 * pairs, np.int64), np.zeros((2 * pairs, 4), np.float32)
        one = partial(_pair, product, first_seed)
        with ProcessPoolExecutor(workers, initializer=cv2.setNumThreads, initargs=(1,)) as crew:
            for n, pair in enumerate(crew.map(one, range(pairs), chunksize=16)):
                for row, (image, label, box) in enumerate(pair, start=2 * n):
                    images[row], labels[row], boxes[row] = image, label, box
        images.flush()
        np.save(places[1], labels)
        np.save(places[2], boxes)
    return Pool(
        images=np.load(places[0], mmap_mode="r"),
        labels=np.load(places[1]),
        boxes=np.load(places[2]),
    )


def _pair(product: str, first_seed: int, n: int) -> list[Labelled]:
    """The n-th part good and with a defect; some pictures large, some through JPEG."""
    codes, pair = PRODUCTS[product].reason_codes, []
    rng = stream(first_seed + n, _VARIETY)
    size = _LARGE if rng.random() < 0.1 else (640, 480)
    for label, code in ((0, None), (1 + n % len(codes), codes[n % len(codes)])):
        part = render(product, seed=first_seed + n, defect=code, size=size)
        picture = part.image
        if rng.random() < 0.35:
            quality = int(rng.integers(75, 97))
            _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
            picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
        x, y, w, h = part.region or (0, 0, 0, 0)
        across, down = WIDTH / size[0], HEIGHT / size[1]
        box = (x * across, y * down, (x + w) * across, (y + h) * down)
        pair.append((resize(picture, WIDTH, HEIGHT), label, box))
    return pair
