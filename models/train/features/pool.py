"""Render the products the net learns from once, and keep them in one file."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.train.features.render import views

EDGE_PX, VIEWS = 168, 6


def pool(folder: Path, first_seed: int, products: int, *, workers: int = 2) -> Path:
    """A file of good parts, uint8 [products, VIEWS, EDGE_PX, EDGE_PX, 3] BGR; made if not there.

    Product n has the seed `first_seed + n`.
    """
    path = folder / f"pool-{first_seed}-{products}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npy")
        shape = (products, VIEWS, EDGE_PX, EDGE_PX, 3)
        kept = np.lib.format.open_memmap(unfinished, "w+", np.uint8, shape)
        for n, parts in enumerate(_rendered(first_seed, products, workers)):
            kept[n] = parts
        kept.flush()
        unfinished.rename(path)
    return path


def _rendered(first_seed: int, products: int, workers: int) -> Iterator[NDArray[np.uint8]]:
    seeds = range(first_seed, first_seed + products)
    with ProcessPoolExecutor(workers, initializer=cv2.setNumThreads, initargs=(1,)) as crew:
        yield from crew.map(_one, seeds, chunksize=8)


def _one(seed: int) -> NDArray[np.uint8]:
    return views(seed, EDGE_PX, VIEWS)
