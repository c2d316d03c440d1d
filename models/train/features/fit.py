"""Train the net for so many minutes on one thread; an average of its last weights is kept."""

import copy
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from models.train.features.episodes import PRODUCTS, Batch
from models.train.features.losses import PICTURES, Losses, weighed
from models.train.features.net import Net, tensor_of

_LOG = logging.getLogger(__name__)
_RATE, _WARM_STEPS, _DECAY = 2e-3, 100, 0.02
_KEPT, _TOLD = 200, 50
_MEASURED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a training came."""

    steps: int
    pictures: int
    minutes: float
    losses: dict[str, float]


def fit(net: Net, batches: Iterator[Batch], minutes: float, file: Path) -> Progress:
    """Train `net` in place; the averaged weights are written to `file` now and then.

    A run that is cut leaves the last of these, good for use.
    """
    net.to(memory_format=torch.channels_last).train()
    losses = Losses(_scale([batch.taught for batch in islice(batches, _MEASURED)]))
    average = copy.deepcopy(net)
    parameters = [*net.parameters(), *losses.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    started, told = time.monotonic(), dict[str, float]()
    for step, batch in enumerate(batches):
        spent = (time.monotonic() - started) / 60
        is_done = spent >= minutes
        if is_done or step % _KEPT == _KEPT - 1:
            progress = Progress(
                steps=step, pictures=step * PRODUCTS * PICTURES, minutes=spent, losses=dict(told)
            )
            _keep(file, average, losses, progress)
        if is_done:
            break
        _set_rate(optimiser, step, spent / minutes)
        parts = _step(net, losses, optimiser, batch)
        _average(average, net, min(0.999, (step + 1) / (step + 10)))
        for name, value in parts.items():
            told[name] = 0.98 * told.get(name, value) + 0.02 * value
        if step % _TOLD == 0:
            now = ", ".join(f"{name} {value:.4f}" for name, value in told.items())
            _LOG.info("step %d, %.1f min: %s", step, spent, now)
    return progress


def _step(
    net: Net, losses: Losses, optimiser: torch.optim.Optimizer, batch: Batch
) -> dict[str, float]:
    pictures = tensor_of(torch.from_numpy(batch.pictures).flatten(0, 1))
    with torch.autocast("cpu", torch.bfloat16):
        maps = net(pictures)
    maps = type(maps)(*(part.float() for part in maps))
    fine, coarse = (torch.from_numpy(part).float() for part in batch.taught)
    parts = losses(
        maps, torch.from_numpy(batch.labels), torch.from_numpy(batch.remembered), (fine, coarse)
    )
    optimiser.zero_grad()
    weighed(parts).backward()
    torch.nn.utils.clip_grad_norm_([*net.parameters(), *losses.parameters()], 2.0)
    optimiser.step()
    return {name: float(value.detach()) for name, value in parts.items()}


def _scale(taught: list[tuple[object, object]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean and spread of the teacher's channels over rendered pictures."""
    scales = []
    for level in (0, 1):
        maps = torch.cat([torch.from_numpy(batch[level]).float() for batch in taught])
        scales += [maps.mean((0, 2, 3))[:, None, None], maps.std((0, 2, 3))[:, None, None] + 1e-4]
    return scales[0], scales[1], scales[2], scales[3]


def _set_rate(optimiser: torch.optim.Optimizer, step: int, done: float) -> None:
    """A short rise, then half a cosine down."""
    rate = _RATE * min(1.0, (step + 1) / _WARM_STEPS)
    rate *= 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done)))
    for group in optimiser.param_groups:
        group["lr"] = rate


@torch.no_grad()
def _average(average: Net, net: Net, keep: float) -> None:
    ours, new = average.state_dict(), net.state_dict()
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(new[name], 1 - keep)
        else:
            value.copy_(new[name])


def _keep(file: Path, average: Net, losses: Losses, progress: Progress) -> None:
    unfinished = file.with_suffix(".part")
    content = {"net": average.state_dict(), "judge": losses.state_dict()}
    torch.save({**content, **asdict(progress)}, unfinished)
    unfinished.rename(file)
