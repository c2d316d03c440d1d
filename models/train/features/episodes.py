"""Episodes: a few good parts of one product to remember, others, some defective, to judge."""

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.features.render import (
    add_defect,
    draw_camera,
    family_of,
    photograph,
    shows,
)
from models.train.features.render.fields import Plane
from models.train.features.teacher import Teacher

PRODUCTS, REFERENCES, QUERIES, EDGE_PX, CELL_PX = 8, 3, 2, 128, 8
_DEFECTIVE, _ALIGNED, _FEW_VIEWS, _ZOOMED = 0.7, 0.5, 0.2, 0.5
_COVERED = 0.12
_PATIENCE_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """PRODUCTS episodes of REFERENCES + QUERIES pictures."""

    pictures: NDArray[np.uint8]
    """[PRODUCTS, REFERENCES + QUERIES, EDGE_PX, EDGE_PX, 3], BGR."""
    labels: NDArray[np.int8]
    """[PRODUCTS, QUERIES, cells, cells]: 1 defective, 0 good, -1 does not count."""
    remembered: NDArray[np.bool_]
    """[PRODUCTS, REFERENCES]: which references are in the memory of this episode."""
    taught: tuple[NDArray[np.float16], NDArray[np.float16]]
    """The teacher's maps at stride 8 and 16, [PRODUCTS * (REFERENCES + QUERIES), C, h, w]."""


def stream(pool_file: Path, first_seed: int, seed: int, *, ahead: int = 6) -> Iterator[Batch]:
    """Batches without end, made by one process of its own, a few ahead; the same for a seed."""
    context = get_context("spawn")
    queue: Queue[Batch] = context.Queue(ahead)
    maker = context.Process(target=_feed, args=(queue, pool_file, first_seed, seed), daemon=True)
    maker.start()
    try:
        while True:
            yield queue.get(timeout=_PATIENCE_S)
    finally:
        maker.terminate()


def batch(pool: NDArray[np.uint8], first_seed: int, rng: Generator, teacher: Teacher) -> Batch:
    """One batch from a pool of rendered products."""
    chosen = rng.integers(0, len(pool), PRODUCTS)
    episodes = [_episode(pool, int(n), first_seed, rng) for n in chosen]
    pictures, labels = (np.stack(part) for part in zip(*episodes, strict=True))
    counts = rng.choice([1, 2, 3], PRODUCTS, p=[0.25, 0.25, 0.5])
    order = rng.permuted(np.tile(np.arange(REFERENCES), (PRODUCTS, 1)), axis=1)
    return Batch(
        pictures=pictures,
        labels=labels,
        remembered=order < counts[:, None],
        taught=teacher.maps(pictures.reshape(-1, EDGE_PX, EDGE_PX, 3)),
    )


def _feed(queue: "Queue[Batch]", pool_file: Path, first_seed: int, seed: int) -> None:
    cv2.setNumThreads(1)
    pool, rng = np.load(pool_file, mmap_mode="r"), np.random.default_rng(seed)
    teacher = Teacher(PRODUCTS * (REFERENCES + QUERIES), EDGE_PX)
    while True:  # ends by itself, with queue.Full, when nobody has taken a batch for long
        queue.put(batch(pool, first_seed, rng, teacher), timeout=_PATIENCE_S)


def _episode(
    pool: NDArray[np.uint8], product: int, first_seed: int, rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Pictures as taken, each in a light of its own, and the labels of the queries."""
    camera, look = draw_camera(rng), _draw_look(rng, pool.shape[2])
    order = rng.permutation(pool.shape[1])
    distinct = 3 if rng.random() < _FEW_VIEWS else len(order)
    is_stationary = family_of(first_seed + product) == "surface"
    taken, labels = [], []
    for place in range(REFERENCES + QUERIES):
        image = look.of(pool[product, order[place % distinct]], rng)
        change = np.zeros((EDGE_PX, EDGE_PX), np.float32)
        if place >= REFERENCES and rng.random() < _DEFECTIVE:
            image, change = _with_defects(image, pool, rng, is_stationary=is_stationary)
        taken.append(photograph(image, camera, rng))
        if place >= REFERENCES:
            labels.append(_cells(change))
    return np.stack(taken), np.stack(labels)


@dataclass(slots=True)
class _Look:
    """Which window of a product's pictures an episode sees, how large, turned and coloured."""

    edge: int
    corner: tuple[int, int] | None
    """None: another one for each picture."""
    is_flipped: bool
    is_turned: bool
    is_negative: bool
    channels: NDArray[np.int64]

    def of(self, view: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
        y, x = self.corner or rng.integers(0, len(view) - self.edge + 1, 2).tolist()
        image = view[y : y + self.edge, x : x + self.edge][..., self.channels]
        image = image[:, ::-1] if self.is_flipped else image
        image = image.transpose(1, 0, 2) if self.is_turned else image
        image = np.ascontiguousarray(255 - image if self.is_negative else image)
        if self.edge == EDGE_PX:
            return image
        size, way = (EDGE_PX, EDGE_PX), cv2.INTER_AREA if self.edge > EDGE_PX else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def _draw_look(rng: Generator, available: int) -> _Look:
    edge = int(rng.integers(100, available + 1)) if rng.random() < _ZOOMED else EDGE_PX
    y, x = rng.integers(0, available - edge + 1, 2).tolist()
    return _Look(
        edge=edge,
        corner=(y, x) if rng.random() < _ALIGNED else None,
        is_flipped=bool(rng.random() < 0.5),
        is_turned=bool(rng.random() < 0.5),
        is_negative=bool(rng.random() < 0.15),
        channels=rng.permutation(3) if rng.random() < 0.5 else np.arange(3),
    )


def _with_defects(
    image: NDArray[np.uint8], pool: NDArray[np.uint8], rng: Generator, *, is_stationary: bool
) -> tuple[NDArray[np.uint8], Plane]:
    """One defect or two; one that the texture hides is drawn again, up to twice."""
    total = np.zeros(image.shape[:2], np.float32)
    for _ in range(int(rng.choice([1, 1, 1, 2]))):
        donor = pool[rng.integers(len(pool)), rng.integers(pool.shape[1]), :EDGE_PX, :EDGE_PX]
        for _ in range(3):
            changed, change = add_defect(image, donor, rng, is_stationary=is_stationary)
            if shows(image, change):
                image, total = changed, np.maximum(total, change)
                break
    return image, total


def _cells(change: Plane) -> NDArray[np.int8]:
    """1 where a cell is clearly changed, -1 where it or a neighbour is a little, else 0."""
    clear = change > max(8.0, 0.3 * float(change.max()))
    split = (len(change) // CELL_PX, CELL_PX, len(change) // CELL_PX, CELL_PX)
    is_bad = clear.reshape(split).mean((1, 3)) > _COVERED
    touched = (change.reshape(split).max((1, 3)) > 3) | is_bad
    near = cv2.dilate(touched.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(is_bad, 1, np.where(near, -1, 0)).astype(np.int8)
