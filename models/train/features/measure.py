"""`python -m models.train.features.measure`: how well nets tell bad from good by memory alone.

A table of AUROCs on photographs, `--data` (`../shared/data` unless told): at most 150 good pictures
to remember, 224 x 224 px, one thread. No picture of these sets was trained on.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from models.train.features.extract import EDGE_PX, Look, by_hand, by_net
from models.train.features.memory import Memory, remember
from station.core.frame import Image
from station.teach.features import find_features
from station.vision.card import find_model, read_card, write_model
from station.vision.geometry import cut, resize
from station.vision.images import read_image
from tests.benchmarks.accuracy_sets import BitSet, NormalSet, find_sets
from tests.benchmarks.random_net import write_random_net

SETS = ("casting", "magnetic_tile", "bsdata", "screws_missing")
_MOST_LEARNT, _MOST_GOOD, _MOST_BAD = 150, 110, 140
_LEARNT_BLOCKS = 40
_FEW, _DRAWS = 10, 3
_MODELS = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One set, cut to the protocol; pictures at 224 px. A mask is there only for some bad ones."""

    name: str
    learnt: list[Image]
    judged: list[Image]
    is_bad: NDArray[np.bool_]
    masks: list[NDArray[np.bool_] | None]


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--sets", nargs="+", default=list(SETS))
    options.add_argument("--nets", nargs="+", default=["random", "hand", "ocr", "fine"])
    options.add_argument("--note", action="store_true", help="write the row into the net's card")
    asked = options.parse_args()
    cv2.setNumThreads(1)
    trials = [_trial(entry) for entry in find_sets(asked.data, asked.sets)]
    typer.echo(f"{'features':24}" + "".join(f"{name:>23}" for name in _columns(trials)))
    for spec in asked.nets:
        numbers = _row(trials, spec)
        typer.echo(f"{spec[-24:]:24}" + "".join(f"{number:23.3f}" for number in numbers))
        if asked.note:
            _note(spec, dict(zip(_columns(trials), numbers, strict=True)))


def _row(trials: list[Trial], spec: str) -> list[float]:
    look = _look(spec)
    return [number for trial in trials for number in _measure(trial, look)]


def _note(name: str, numbers: dict[str, float]) -> None:
    folder = find_model(name, [_MODELS / "features"])
    card = read_card(folder)
    facts = {f"auroc_{what.replace(' ', '_')}": round(x, 3) for what, x in numbers.items()}
    told = {"measured_with": f"python -m models.train.features.measure --nets {name}", **facts}
    noted = card.model_copy(update={"training": {**card.training, **told}})
    write_model(folder, noted, (folder / card.file).read_bytes())


def _columns(trials: list[Trial]) -> Iterator[str]:
    for trial in trials:
        yield trial.name
        yield f"{trial.name} {_FEW} good"
        if any(mask is not None for mask in trial.masks):
            yield f"{trial.name} pixels"


def _measure(trial: Trial, look: Look) -> Iterator[float]:
    """AUROC by picture from all good ones, from few of them (mean of some draws), and by pixel."""
    learnt, judged = [look(x) for x in trial.learnt], [look(x) for x in trial.judged]
    memory = remember(learnt, np.random.default_rng(0))
    yield _by_picture(memory, judged, trial.is_bad)
    few = []
    for draw in range(_DRAWS):
        rng = np.random.default_rng(draw)
        chosen = rng.choice(len(learnt), min(_FEW, len(learnt)), replace=False)
        memory_of_few = remember([learnt[n] for n in chosen], rng)
        few.append(_by_picture(memory_of_few, judged, trial.is_bad))
    yield float(np.mean(few))
    if any(mask is not None for mask in trial.masks):
        yield _by_pixel(memory, judged, trial)


def _by_picture(
    memory: Memory, judged: list[NDArray[np.float32]], is_bad: NDArray[np.bool_]
) -> float:
    return float(roc_auc_score(is_bad, [memory.score(maps) for maps in judged]))


def _by_pixel(memory: Memory, judged: list[NDArray[np.float32]], trial: Trial) -> float:
    """Over every fourth pixel each way of good pictures and of bad ones that have a mask."""
    edge = EDGE_PX // 2
    scores, truth = [], []
    for maps, is_bad, mask in zip(judged, trial.is_bad, trial.masks, strict=True):
        if is_bad and mask is None:
            continue
        heat = cv2.resize(memory.distances(maps), (edge, edge))
        scores.append(cv2.GaussianBlur(heat, (0, 0), 2).ravel())
        here = np.zeros((edge, edge), np.uint8) if mask is None else mask.astype(np.uint8)
        truth.append(cv2.resize(here, (edge, edge), interpolation=cv2.INTER_NEAREST).ravel() > 0)
    return float(roc_auc_score(np.concatenate(truth), np.concatenate(scores)))


def _look(spec: str) -> Look:
    if spec == "hand":
        return by_hand
    if spec == "random":
        with TemporaryDirectory() as folder:
            return by_net(find_features(str(write_random_net(Path(folder))), [_MODELS]))
    return by_net(find_features(spec, [_MODELS]))


def _trial(entry: NormalSet | BitSet | object) -> Trial:
    if isinstance(entry, BitSet):
        return _of_regions(entry)
    if not isinstance(entry, NormalSet):
        raise SystemExit("only sets of good and bad pictures, or of regions, can be measured")
    learn = _few_of(entry.learn, _MOST_LEARNT, 5)
    good, bad = _few_of(entry.good, _MOST_GOOD, 6), _few_of(entry.all_bad, _MOST_BAD, 7)
    masks = [entry.masks.get(path) for path in (*good, *bad)]
    return Trial(
        name=entry.name,
        learnt=[_small(read_image(path)) for path in learn],
        judged=[_small(read_image(path)) for path in (*good, *bad)],
        is_bad=np.arange(len(good) + len(bad)) >= len(good),
        masks=[None if path is None else _coloured(read_image(path))[..., 0] > 0 for path in masks],
    )


def _of_regions(entry: BitSet) -> Trial:
    """Each box a picture: those with a screw are learnt in the first blocks, later all judged."""
    learnt, judged, is_bad = [], [], []
    for place, (path, bits) in enumerate(entry.pictures):
        image = read_image(path)
        for bit, box in zip(bits, entry.boxes, strict=True):
            region = _small(cut(image, box))
            if place < _LEARNT_BLOCKS:
                learnt += [region] if bit == "1" else []
            else:
                judged.append(region)
                is_bad.append(bit == "0")
    return Trial(
        name=entry.name,
        learnt=learnt,
        judged=judged,
        is_bad=np.array(is_bad),
        masks=[None] * len(judged),
    )


def _few_of(paths: tuple[Path, ...] | list[Path], most: int, seed: int) -> list[Path]:
    order = np.random.default_rng(seed).permutation(len(paths))[:most]
    return [paths[n] for n in sorted(order)]


def _small(image: Image) -> Image:
    return resize(_coloured(image), EDGE_PX, EDGE_PX)


def _coloured(image: Image) -> Image:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


if __name__ == "__main__":
    main()
