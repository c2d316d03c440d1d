"""Teaching a classifier: frozen features, a calibrated linear head, honest figures, one graph."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from station import __version__
from station.core.errors import TeachError
from station.core.reasons import GOOD_CLASSES
from station.teach.export import check_parity, finished, load_bytes, with_head
from station.teach.features import Block, FeatureGraph, FeatureNet, build, find_features
from station.teach.figures import Figures, judge, percent
from station.teach.folds import find_twins, possible_folds
from station.teach.head import Array, Head, as_columns, calibrated, learn
from station.teach.keep import check_name, keep, next_version
from station.teach.limits import RULE, SORTING_LIMITS, SORTING_RULE, choose_limits
from station.teach.look import Seen, choose_input, in_parallel, look
from station.teach.made_from import listed
from station.teach.pictures import Found, find_classes
from station.vision.card import Limits, ModelCard, ModelOutput
from station.vision.geometry import Fit
from station.vision.images import read_image
from station.vision.model import Model, sha256_of

FEWEST = 3
WEAK_BELOW = 0.9
FEW = 10
"""Fewer pictures of a class than this are learnt from, but prove next to nothing."""
PARITY_PICTURES = 100
TIMED_RUNS = 20

Progress = Callable[[str, int, int], None]
"""Told the stage, how far it is, and of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What to teach, and how."""

    root: Path
    name: str
    features: str = "ocr"
    folds: int = 5
    seed: int = 0
    size_px: int | None = None
    fit: Fit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A model that was written, and what it is worth."""

    card: ModelCard
    folder: Path
    figures: Figures
    pictures: dict[str, int]
    broken: tuple[str, ...]
    warnings: tuple[str, ...]
    size_bytes: int
    ms_per_picture: float
    seconds: float


def teach_classifier(
    lesson: Lesson, model_dirs: Sequence[Path], progress: Progress = lambda *_: None
) -> Taught:
    """Teach a classifier on `root/<class>/…` and keep it as the next version in `model_dirs[0]`.

    Raises:
        TeachError: the pictures, their classes or the name are not fit to learn from.
        ModelError: the feature net cannot be used.
    """
    started_s = time.monotonic()
    check_name(lesson.name)
    found = find_classes(lesson.root)
    _check_enough(Counter(picture.label for picture in found.pictures), found)
    net, graph = _prepare(lesson, found, model_dirs)
    eye = _eye(net, graph)
    seen = look(eye, found.pictures, lambda done, of: progress("looking", done, of))
    counts = Counter(picture.label for picture in seen.pictures)
    _check_enough(counts, found)
    mind = _learn(lesson, found, graph, seen, lambda done, of: progress("learning", done, of))
    version = next_version(lesson.name, model_dirs)
    blocks = mind.views[mind.head.way.view]
    data = with_head(graph.model([graph.blocks[index] for index in blocks]), mind.head)
    card = _card(lesson, version, net, graph, found, mind, seen, data)
    model = load_bytes(card, data)
    difference = _prove(model, graph, mind, seen, lambda d, of: progress("proving", d, of))
    card = card.model_copy(
        update={"training": {**card.training, "largest_difference": float(f"{difference:.2g}")}}
    )
    ms_per_picture = _time(model, seen)
    return Taught(
        card=card,
        folder=keep(model_dirs[0], card, data, listed(p.digest for p in seen.pictures)),
        figures=mind.figures,
        pictures={name: counts[name] for name in found.classes},
        broken=seen.broken,
        warnings=(*found.warnings, *_warnings(found, seen, counts, mind)),
        size_bytes=len(data),
        ms_per_picture=ms_per_picture,
        seconds=time.monotonic() - started_s,
    )


def _prepare(
    lesson: Lesson, found: Found, model_dirs: Sequence[Path]
) -> tuple[FeatureNet, FeatureGraph]:
    net = find_features(lesson.features, model_dirs)
    width, height, fit = choose_input(net, found.pictures, lesson.size_px, lesson.fit)
    return net, build(net, width, height, fit=fit)


@dataclass(frozen=True, slots=True)
class _Mind:
    """What was learnt, before it is a graph."""

    head: Head
    views: dict[str, list[int]]
    """Name -> indices of the blocks it uses."""
    limits: Limits
    figures: Figures
    folds: int
    twins: int
    warnings: tuple[str, ...]


def _learn(
    lesson: Lesson, found: Found, graph: FeatureGraph, seen: Seen,
    tick: Callable[[int, int], None],
) -> _Mind:  # fmt: skip
    labels = np.array([found.classes.index(picture.label) for picture in seen.pictures], np.intp)
    groups = find_twins(seen.features[:, 0], [picture.digest for picture in seen.pictures])
    twins = len(groups) - len(set(groups.tolist()))
    warnings: tuple[str, ...] = ()
    if possible_folds(labels, groups, lesson.folds) < 2:
        warnings = (
            "all pictures of a class are nearly the same: the held-out figures mean nothing",
        )
        groups = np.arange(len(labels))
    folds = possible_folds(labels, groups, lesson.folds)
    views = name_views(graph.blocks)
    lengths = [block.length for block in graph.blocks]
    columns = {name: as_columns(lengths, chosen) for name, chosen in views.items()}
    head, held_out = learn(
        seen.features, labels, groups, columns, folds=folds, seed=lesson.seed, tick=tick
    )
    figures = judge(found.classes, labels, held_out, has_good=found.good is not None)
    answers = calibrated(held_out.logits, head.temperature, head.shift)
    limits = choose_limits(1 - answers[:, 0], labels != 0) if found.good else SORTING_LIMITS
    return _Mind(head, views, limits, figures, folds, twins, warnings)


def name_views(blocks: Sequence[Block]) -> dict[str, list[int]]:
    """The ways of looking that are tried: fine structure, all of it, and where it lies."""
    own = [i for i, block in enumerate(blocks) if block.statistic == "as_is"]
    plain = [i for i, block in enumerate(blocks) if block.statistic in ("mean", "std", "top")]
    if not plain:
        return {"output": own}
    finest = min(blocks[i].stride for i in plain)
    views = {"fine": [i for i in plain if blocks[i].stride == finest], "all": own + plain}
    if views["fine"] == views["all"]:
        del views["all"]
    places = [i for i, block in enumerate(blocks) if block.statistic in ("grid", "std", "top")]
    if len(places) > len([i for i in places if blocks[i].statistic != "grid"]):
        views["places"] = own + places
    return views


def _check_enough(counts: Counter[str], found: Found) -> None:
    for name in found.classes:
        if counts[name] < FEWEST:
            raise TeachError(
                f"class {name!r} has {counts[name]} usable pictures; {FEWEST} are the least to "
                f"learn anything from, {FEW} or more to say what it is worth"
            )


def _warnings(found: Found, seen: Seen, counts: Counter[str], mind: _Mind) -> list[str]:
    warnings = list(mind.warnings)
    few = [f"{name} ({counts[name]})" for name in found.classes if counts[name] < FEW]
    if few:
        warnings.append(
            f"too few pictures to claim anything: {', '.join(few)}; {FEW} or more of each class, "
            "better 50, make the figures mean something"
        )
    if found.good is None:
        warnings.append(
            "no folder is called ok or good: this model names the defect, and never passes a part"
        )
    if mind.figures.right.share < WEAK_BELOW:
        warnings.append(
            f"only {percent(mind.figures.right.share)} of the held-out pictures were decided "
            "right: take more pictures, closer ones, or the same light for all"
        )
    if seen.broken:
        warnings.append(f"{len(seen.broken)} pictures could not be read and were left out")
    return warnings


def _eye(net: FeatureNet, graph: FeatureGraph) -> Model:
    """The whole feature graph as a loaded model."""
    data = finished(graph.model(graph.blocks))
    length = sum(block.length for block in graph.blocks)
    output = ModelOutput(name="features", holds="features", shape=(1, length))
    card = net.card.model_copy(
        update={
            "input": graph.contract, "outputs": (output,), "sha256": sha256_of(data),
            "file": "model.onnx",
        }
    )  # fmt: skip
    return load_bytes(card, data)


def _prove(
    model: Model, graph: FeatureGraph, mind: _Mind, seen: Seen, tick: Callable[[int, int], None]
) -> float:
    """Run the finished graph on up to a hundred of the pictures and compare; see `check_parity`."""
    lengths = [block.length for block in graph.blocks]
    columns = as_columns(lengths, mind.views[mind.head.way.view])
    rows = np.unique(np.linspace(0, len(seen.pictures) - 1, PARITY_PICTURES).astype(int)).tolist()

    def answer(row: int) -> Array:
        return model.classify(read_image(seen.pictures[row].path))

    expected = mind.head.probabilities(seen.features[rows, 0][:, columns])
    return check_parity(in_parallel(answer, rows, tick), list(expected))


def _time(model: Model, seen: Seen) -> float:
    """CPU milliseconds from decoded picture to probabilities, the mean on one thread."""
    image = read_image(seen.pictures[0].path)
    started_s = time.thread_time()
    for _ in range(TIMED_RUNS):
        model.classify(image)
    return 1e3 * (time.thread_time() - started_s) / TIMED_RUNS


def _card(
    lesson: Lesson, version: int, net: FeatureNet, graph: FeatureGraph, found: Found,
    mind: _Mind, seen: Seen, data: bytes,
) -> ModelCard:  # fmt: skip
    good = found.good
    codes = {name: name for name in found.classes if name not in GOOD_CLASSES}
    told = f"{good} from {', '.join(codes)}" if good else ", ".join(codes)
    output = ModelOutput(name="probabilities", holds="probabilities", shape=(1, len(found.classes)))
    return ModelCard(
        name=lesson.name,
        version=version,
        task="classify",
        description=f"tells {told}; taught on {len(seen.pictures)} pictures",
        sha256=sha256_of(data),
        input=graph.contract,
        outputs=(output,),
        classes=found.classes,
        reason_codes=codes,
        limits=mind.limits,
        training=_facts(lesson, net, graph, found, mind, seen),
        licence=f"head: the pictures' owner; feature net {net.card.name}: {net.card.licence}",
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def _facts(
    lesson: Lesson, net: FeatureNet, graph: FeatureGraph, found: Found, mind: _Mind, seen: Seen
) -> dict[str, JsonValue]:
    head = mind.head
    counts = Counter(picture.label for picture in seen.pictures)
    blocks = [graph.blocks[index] for index in mind.views[head.way.view]]
    return {
        "features": {
            "net": net.card.name,
            "description": net.card.description,
            "sha256": net.card.sha256,
            "view": head.way.view,
            "blocks": [f"stride {block.stride}: {block.statistic}" for block in blocks],
        },
        "pictures": {name: counts[name] for name in found.classes},
        "left_out": {"broken": len(seen.broken), "near_copies_kept_together": mind.twins},
        "head": {
            "learnt_from_mirrored_pictures_too": head.way.is_mirrored,
            "strength": head.way.strength,
            "temperature": round(head.temperature, 6),
            "shift": [round(float(value), 6) for value in head.shift],
        },
        "score": (
            "1 - P(good), calibrated on held-out pictures in the proportions of the folder"
            if found.good
            else SORTING_RULE
        ),
        "limits_rule": RULE if found.good else SORTING_RULE,
        "held_out": {"folds": mind.folds, "seed": lesson.seed, **mind.figures.as_facts()},
        "station": __version__,
    }
