"""`python -m models.train.features`: render, train, export and measure the station's feature net.

Needs PyTorch 2.13 beside the station's own dependencies; no part of the station does.
"""

import argparse
import logging
from pathlib import Path

import cv2
import torch

from models.train.features.episodes import stream
from models.train.features.fit import fit
from models.train.features.net import Net, start_from
from models.train.features.pool import pool

_LOG = logging.getLogger(__name__)
_FIRST_SEED, _PRODUCTS = 100_000, 4000


def main() -> None:
    """Make the net named on the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--name", default="fine")
    options.add_argument("--minutes", type=float, default=120.0, help="of training, on the clock")
    options.add_argument("--products", type=int, default=_PRODUCTS)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--work", type=Path, default=Path("build/features"))
    options.add_argument("--start", type=Path, help="weights to start from")
    asked = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    cv2.setNumThreads(1)
    _train(asked)


def _train(asked: argparse.Namespace) -> None:
    pool(asked.work, _FIRST_SEED, asked.products)
    file = asked.work / f"pool-{_FIRST_SEED}-{asked.products}.npy"
    net = Net()
    if asked.start:
        taken = start_from(net, asked.start)
        _LOG.info("%d parameters taken over from %s", taken, asked.start.name)
    batches = stream(file, _FIRST_SEED, asked.seed)
    fit(net, batches, asked.minutes, asked.work / f"{asked.name}.pt")


if __name__ == "__main__":
    main()
