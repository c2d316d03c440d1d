"""Fit a demo classifier to its pool: first on crops around defects, then on whole pictures."""

import copy
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.train.net import STRIDE, Net
from models.train.pool import HEIGHT, WIDTH, Pool
from models.train.vary import View, defect_mask, vary

_LOG = logging.getLogger(__name__)
_GAMMA = 2.0
_NO_LABEL = -100
_SEEN_SHARE, _COVERED = 0.3, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One stage of the training: the size of the pictures and how many of them."""

    width: int
    height: int
    pairs_a_batch: int
    steps: int
    rate: float


def fit(
    net: Net, pool: Pool, *, crop_rounds: float, rounds: float, rate: float, seed: int
) -> tuple[Net, float]:
    """Train a net on, once through both courses; gives an average of its last weights.

    Crops first, where a defect is not lost in the picture, then whole pictures: so many times each
    pair of the pool is seen, those more often that the net finds hard. Also gives the CPU minutes.
    """
    torch.manual_seed(seed)
    rng, started = np.random.default_rng(seed), time.process_time()
    pairs = len(pool.labels) // 2
    net = net.to(memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    hardness = _hardness(net, pool) if seed else np.ones(pairs)
    crop_steps, steps = int(crop_rounds * pairs / 24), int(rounds * pairs / 12)
    for course in (
        Course(width=128, height=128, pairs_a_batch=24, steps=crop_steps, rate=rate),
        Course(width=WIDTH, height=HEIGHT, pairs_a_batch=12, steps=steps, rate=rate / 3),
    ):
        _follow_course(net, average, pool, course, hardness, rng)
    return average.eval(), (time.process_time() - started) / 60


def logits_of(net: Net, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits of small pictures [N, HEIGHT, WIDTH, 3], float32 [N, classes]."""
    net.eval()
    with torch.no_grad():
        parts = [
            net(_tensor(np.asarray(images[n : n + 32]))).numpy() for n in range(0, len(images), 32)
        ]
    return np.concatenate(parts)


def _hardness(net: Net, pool: Pool) -> NDArray[np.float64]:
    """How often to show each pair: up to 8 times where the net is wrong, float64 [pairs]."""
    logits = logits_of(net, pool.images)
    logits -= logits.max(axis=1, keepdims=True)
    right = np.exp(logits[np.arange(len(logits)), pool.labels]) / np.exp(logits).sum(axis=1)
    return np.asarray(1.0 + 7.0 * (1.0 - right.reshape(-1, 2).min(axis=1)), np.float64)


def _follow_course(
    net: Net,
    average: Net,
    pool: Pool,
    course: Course,
    hardness: NDArray[np.float64],
    rng: Generator,
) -> None:
    optimiser = torch.optim.AdamW(net.parameters(), lr=course.rate, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step / course.steps))
    started = time.monotonic()
    net.train()
    for step, (x, labels, maps) in enumerate(_batches(pool, course, hardness, rng)):
        seen = net.look(x)
        loss_map = _map_loss(seen, maps)
        loss_class = functional.cross_entropy(net.judge(seen), labels, ignore_index=_NO_LABEL)
        optimiser.zero_grad()
        (loss_class + loss_map).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        _average(average, net, min(0.99, (step + 1) / (step + 10)))
        if step % 50 == 0:
            _LOG.info(
                "%d px, step %d of %d, %.0f s: class loss %.4f, map loss %.4f",
                course.width, step, course.steps, time.monotonic() - started,
                float(loss_class), float(loss_map),
            )  # fmt: skip


def _rate(done: float) -> float:
    """Learning rate: a short rise, then half a cosine down."""
    return min(1.0, done / 0.05 + 0.02) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done)))


def _map_loss(seen: Tensor, maps: Tensor) -> Tensor:
    """Focal loss (Lin et al. 2017) a defective cell; cells with a target below 0 do not count."""
    wanted = maps.clamp(min=0.0)
    loss = functional.binary_cross_entropy_with_logits(seen, wanted, reduction="none")
    sure = torch.exp(-loss)
    loss = loss * (1 - sure) ** _GAMMA * (maps >= 0)
    return loss.sum() / (wanted.sum() + 1.0)


@torch.no_grad()
def _average(average: Net, net: Net, keep: float) -> None:
    for slow, fast in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if slow.dtype.is_floating_point:
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)


def _batches(
    pool: Pool, course: Course, hardness: NDArray[np.float64], rng: Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pictures in pairs, the same part and place good and bad, each changed in its own way."""
    classes = int(pool.labels.max()) + 1
    order: list[int] = []
    for _ in range(course.steps):
        if len(order) < course.pairs_a_batch:
            times = np.floor(hardness + rng.random(len(hardness))).astype(int)
            order = [int(n) for n in rng.permutation(np.repeat(np.arange(len(times)), times))]
        images, labels, maps = [], [], []
        for pair in (order.pop() for _ in range(course.pairs_a_batch)):
            bad = 2 * pair + 1
            mask, view = defect_mask(pool, bad), _view(pool, bad, course, rng)
            for row in (bad - 1, bad):
                label = int(pool.labels[row])
                image, seen = vary(np.asarray(pool.images[row]), mask, view, rng)
                images.append(image)
                labels.append(_label(label, mask, seen))
                maps.append(_target(seen, label, classes))
        yield _tensor(np.stack(images)), torch.tensor(labels), torch.from_numpy(np.stack(maps))


def _view(pool: Pool, bad: int, course: Course, rng: Generator) -> View:
    """Where to look: the middle for whole pictures, for crops mostly near the defect."""
    if course.width == WIDTH:
        return View(width=WIDTH, height=HEIGHT, x=WIDTH / 2, y=HEIGHT / 2)
    x0, y0, x1, y1 = pool.boxes[bad]
    if rng.random() < 0.75:
        # Somewhere in the box, so that a box larger than the crop is seen in all its parts.
        x, y = (
            rng.uniform(x0, x1) + rng.uniform(-44, 44),
            rng.uniform(y0, y1) + rng.uniform(-44, 44),
        )
    else:
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
    half_x, half_y = course.width / 2, course.height / 2
    return View(
        width=course.width,
        height=course.height,
        x=float(np.clip(x, half_x, WIDTH - half_x)),
        y=float(np.clip(y, half_y, HEIGHT - half_y)),
    )


def _label(label: int, mask: NDArray[np.uint8], seen: NDArray[np.uint8]) -> int:
    """The class of a crop: none where too little of the defect is in it to say."""
    if not label or not seen.any():
        return 0
    return label if np.count_nonzero(seen) >= _SEEN_SHARE * np.count_nonzero(mask) else _NO_LABEL


def _target(seen: NDArray[np.uint8], label: int, classes: int) -> NDArray[np.float32]:
    """1 in the cells a defect covers, -1 where it only touches the cell, 0 elsewhere."""
    rows, columns = seen.shape[0] // STRIDE, seen.shape[1] // STRIDE
    target = np.zeros((classes - 1, rows, columns), np.float32)
    if label:
        cells = seen.reshape(rows, STRIDE, columns, STRIDE) > 0
        count = cells.sum(axis=(1, 3))
        target[label - 1] = np.where(count >= min(_COVERED, max(1, count.max())), 1.0, 0.0)
        target[label - 1][(count > 0) & (target[label - 1] == 0)] = -1.0
    return target


def _tensor(images: NDArray[np.uint8]) -> Tensor:
    # The permuted view already lies in memory the way `channels_last` wants it.
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(torch.float32).mul_(1 / 255)
