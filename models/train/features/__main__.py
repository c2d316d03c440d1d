"""`python -m models.train.features`: render, train and export the station's own feature net.

Needs PyTorch 2.13 beside the station's own dependencies; no part of the station does.
"""

import argparse
import logging
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
import torch

from models.train.features.episodes import EDGE_PX, stream
from models.train.features.export import INPUT, as_onnx, card_of
from models.train.features.fit import fit
from models.train.features.losses import WEIGHTS
from models.train.features.net import Net, start_from
from models.train.features.pool import VIEWS, pool
from models.train.features.teacher import Teacher
from station.vision.card import write_model

_LOG = logging.getLogger(__name__)
_FIRST_SEED, _PRODUCTS = 100_000, 4000
_MODELS = Path(__file__).parents[2]
_RUNS = 50


def main() -> None:
    """Make the net named on the command line."""
    asked = _asked()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    cv2.setNumThreads(1)
    weights = asked.work / f"{asked.name}.pt"
    if not asked.reuse_weights:
        _train(asked, weights)
    _ship(asked, weights)


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--name", default="fine")
    options.add_argument("--minutes", type=float, default=240.0, help="of training, on the clock")
    options.add_argument("--products", type=int, default=_PRODUCTS)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--work", type=Path, default=Path("build/features"), help="pool, weights")
    options.add_argument("--models", type=Path, default=_MODELS, help="where to write the model")
    options.add_argument("--start", type=Path, help="weights to start from; none unless told")
    options.add_argument("--start-note", default="", help="for the card: what those weights are")
    options.add_argument(
        "--reuse-weights", action="store_true", help="export what was trained before"
    )
    return options.parse_args()


def _train(asked: argparse.Namespace, weights: Path) -> None:
    file = pool(asked.work, _FIRST_SEED, asked.products)
    net = Net()
    if asked.start:
        taken = start_from(net, asked.start)
        _LOG.info("%d parameters taken over from %s", taken, asked.start.name)
    fit(net, stream(file, _FIRST_SEED, asked.seed), asked.minutes, weights)


def _ship(asked: argparse.Namespace, weights: Path) -> None:
    """Export, and write model and card."""
    net, kept = Net(), torch.load(weights, weights_only=True)
    net.load_state_dict(kept["net"])
    model = as_onnx(net)
    facts = _facts(asked, kept) | _size(net, model)
    folder = asked.models / "features" / asked.name / "1"
    write_model(folder, card_of(asked.name, model, facts), model)


def _facts(asked: argparse.Namespace, kept: dict[str, Any]) -> dict[str, str | int | float]:
    """How the net was made."""
    teacher = Teacher(1, EDGE_PX)
    start = f"{asked.start.name}: {asked.start_note}" if asked.start else "none"
    told = "" if not asked.start else f" --start {asked.start.name}"
    return {
        "made_by": "models/train/features: on pictures rendered by this project only",
        "command": f"python -m models.train.features --minutes {asked.minutes:g}{told}",
        "starting_weights": start,
        "from_nothing": "the same without --start; more minutes; not yet run at full length",
        "teacher": f"{teacher.name} (Apache-2.0), its maps at stride 8 and 16 of rendered pictures",
        "teacher_sha256": teacher.sha256,
        "losses": ", ".join(f"{name} x{weight:g}" for name, weight in WEIGHTS.items()),
        "losses_at_the_end": ", ".join(f"{n} {v:.3f}" for n, v in kept["losses"].items()),
        "products": asked.products,
        "views_a_product": VIEWS,
        "first_seed": _FIRST_SEED,
        "steps": kept["steps"],
        "crops": kept["pictures"],
        "crop_px": EDGE_PX,
        "minutes": round(kept["minutes"], 1),
    }


def _size(net: Net, model: bytes) -> dict[str, str | int | float]:
    """Bytes, parameters, and CPU milliseconds at 224 px on one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    picture, spent = np.zeros((1, 3, 224, 224), np.float32), []
    for _ in range(_RUNS):
        started = time.process_time()
        session.run(None, {INPUT: picture})
        spent.append((time.process_time() - started) * 1e3)
    return {
        "bytes": len(model),
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "cpu_ms_at_224_px": round(float(np.median(spent)), 1),
    }


if __name__ == "__main__":
    main()
