"""`python -m models.train ring cap`: render, fit, export and qualify the demo models.

Needs PyTorch 2.13 and onnxscript beside the station's own dependencies; no part of the station
does. About half an hour on one core for each product.
"""

import argparse
import logging
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from models.train.export import INPUT, OUTPUT, as_int8, as_onnx
from models.train.fit import fit, logits_of
from models.train.limits import Chosen, choose, temperature_of
from models.train.net import Net
from models.train.pool import HEIGHT, WIDTH, Pool, classes_of, pool
from models.train.recipe import write_demo_recipe
from station.sources.synthetic import PRODUCTS
from station.sources.synthetic.seeds import HELD_OUT, TRAINING
from station.vision.card import Limits, ModelCard, ModelInput, ModelOutput, write_model

_LOG = logging.getLogger(__name__)
_TRAINING_PAIRS = {"ring": 10_000, "cap": 4500}
_HELD_OUT_PAIRS, _CALIBRATION = 1000, 200
# How often each pair is seen as crops, then whole, in each cycle, and its highest learning rate;
# thin scratches take longer to learn.
_CYCLES = {
    "ring": ((9.7, 1.2, 3e-3), (5.4, 1.35, 2e-3), (1.2, 0.9, 1.5e-3)),
    "cap": ((8.0, 2.0, 3e-3),),
}
_MODELS = Path(__file__).parents[1]


def main() -> None:
    """Make the models named on the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("products", nargs="+", choices=list(PRODUCTS))
    options.add_argument("--work", type=Path, default=Path("build/train"), help="pools and weights")
    options.add_argument(
        "--reuse-weights", action="store_true", help="go on after the last finished cycle"
    )
    asked = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for product in asked.products:
        _make(product, asked.work, reuse=asked.reuse_weights)


def _make(product: str, work: Path, *, reuse: bool) -> None:
    """Both models of a product, fp32 and int8, with their cards."""
    held_out = pool(work, product, HELD_OUT, _HELD_OUT_PAIRS)
    net, minutes = _train(product, work, reuse=reuse)
    temperature = temperature_of(logits_of(net, held_out.images), held_out.labels)
    facts: dict[str, str | int | float] = {
        "made_by": "models/train: from scratch, on pictures rendered by this project only",
        "training_pictures": 2 * _TRAINING_PAIRS[product],
        "training_first_seed": TRAINING,
        "training_cpu_minutes": round(minutes, 1),
        "temperature": round(temperature, 3),
    }
    model = as_onnx(net, temperature)
    card = _ship(product, product, model, held_out, facts)
    write_demo_recipe(product, card)
    small = as_int8(model, held_out.images[:_CALIBRATION])
    facts["quantisation"] = "static QDQ; its accept limit is never above the fp32 model's"
    _ship(f"{product}-int8", product, small, held_out, facts, at_most=card.limits)


def _train(product: str, work: Path, *, reuse: bool) -> tuple[Net, float]:
    """The trained net and its CPU minutes; every finished cycle is kept in `work`."""
    net, minutes = Net(len(classes_of(product))), 0.0
    for cycle, (crop_rounds, rounds, rate) in enumerate(_CYCLES[product]):
        file = work / f"{product}-{cycle}.pt"
        if not (reuse and file.exists()):
            learned = pool(work, product, TRAINING, _TRAINING_PAIRS[product])
            net, spent = fit(
                net, learned, crop_rounds=crop_rounds, rounds=rounds, rate=rate, seed=cycle
            )
            torch.save({"net": net.state_dict(), "minutes": minutes + spent}, file)
        kept = torch.load(file, weights_only=True)
        net.load_state_dict(kept["net"])
        minutes = kept["minutes"]
    return net.eval(), minutes


def _ship(
    name: str,
    product: str,
    model: bytes,
    held_out: Pool,
    facts: dict[str, str | int | float],
    *,
    at_most: Limits | None = None,
) -> ModelCard:
    """Choose the limits on the held-out pictures and write model and card."""
    answers, ms = _answers(model, held_out.images)
    ceiling = at_most.accept_limit if at_most else 1.0
    chosen = choose(answers, held_out.labels, accept_at_most=ceiling)
    _LOG.info("%s: %d bytes, %.2f ms a picture, %s", name, len(model), ms, chosen)
    card = _card(name, product, model, chosen, facts)
    write_model(_MODELS / name / "1", card, model)
    return card


def _card(
    name: str, product: str, model: bytes, chosen: Chosen, facts: dict[str, str | int | float]
) -> ModelCard:
    classes = classes_of(product)
    return ModelCard(
        name=name,
        version=1,
        task="classify",
        description=f"Tells good parts of the demo product {product!r} from four kinds of defect.",
        sha256=sha256(model).hexdigest(),
        input=ModelInput(name=INPUT, width=WIDTH, height=HEIGHT),
        outputs=(ModelOutput(name=OUTPUT, holds="probabilities", shape=(1, len(classes))),),
        classes=classes,
        reason_codes={code: code for code in classes[1:]},
        limits=Limits(accept_limit=chosen.accept_limit, reject_limit=chosen.reject_limit),
        training={
            **facts,
            "held_out_pictures": 2 * _HELD_OUT_PAIRS,
            "held_out_first_seed": HELD_OUT,
            "held_out_escapes": chosen.escapes,
            "held_out_overkills": chosen.overkills,
            "held_out_wrong_reasons": chosen.wrong_reasons,
            "held_out_highest_good_score": round(chosen.highest_good_score, 4),
            "held_out_lowest_bad_score": round(chosen.lowest_bad_score, 4),
        },
        licence="Apache-2.0",
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def _answers(model: bytes, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """What the exported model says to each picture, and CPU milliseconds a picture."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    started = time.process_time()
    answers = [session.run([OUTPUT], {INPUT: np.asarray(image)[None]})[0][0] for image in images]
    return np.stack(answers), (time.process_time() - started) / len(images) * 1e3


if __name__ == "__main__":
    main()
