"""The protocol: which trials a set allows, and what is measured in each."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from station.cli.home import shipped
from station.teach.classify import Lesson, teach_classifier
from station.vision.geometry import cut, resize, to_channels
from station.vision.images import read_image
from tests.benchmarks.accuracy_sets import AnySet, BitSet, ClassSet, NormalSet, spread_over_reasons
from tests.benchmarks.accuracy_trial import (
    Looker,
    Trial,
    judge,
    judge_pixels,
    teach,
    time_looks,
)

MOST_TO_LEARN = 150
FEW_GOOD = 10
MARKED = 10
SEEDS = (0, 1, 2)
TIMED_GOOD = 50
TIMED_PX = 224
FIRST_SHARE = 0.4
COMPLETE = 5
FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One figure of one set."""

    set: str
    row: str
    value: float
    spread: float | None = None
    """Standard deviation over the seeds."""
    ms: float | None = None
    """Median CPU time of one look."""
    teach_s: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Whose features, how thorough, and over how many seeds."""

    features: str = "auto"
    is_fast: bool = False
    seeds: tuple[int, ...] = SEEDS

    def trial(self, learn: Sequence[Path], marked: Sequence[tuple[Path, Path, str]] = ()) -> Looker:
        """Teach this way on these pictures."""
        return teach(
            Trial(learn=learn, marked=marked, features=self.features, is_fast=self.is_fast)
        )


def measure(entry: AnySet, way: Way) -> Iterator[Measured]:
    """Every figure the layout of a set allows, as soon as it is there."""
    if isinstance(entry, NormalSet):
        yield from _normal_only(entry, way)
        yield from _from_few(entry, way)
        yield from _with_marked(entry, way)
    elif isinstance(entry, BitSet):
        yield from _regions(entry, way)
    else:
        yield _classes(entry, way)


def measure_time(entry: NormalSet, way: Way) -> Iterator[Measured]:
    """How long teaching fifty good pictures takes, and one look at a picture of 224 px."""
    learn = _some(entry.learn, TIMED_GOOD, seed=0)
    looker = way.trial(learn)
    yield Measured(
        set=entry.name, row=f"teach {len(learn)} good, seconds", value=looker.teach_s,
        note=looker.choice,
    )  # fmt: skip
    image = resize(read_image(learn[0]), TIMED_PX, TIMED_PX)
    yield Measured(
        set=entry.name, row=f"inspect one {TIMED_PX} px picture, ms",
        value=time_looks(looker, image), note=looker.choice,
    )  # fmt: skip


def nearest_to_timed(sets: Sequence[NormalSet]) -> NormalSet:
    """The set whose pictures are nearest to the size that is timed."""

    def distance(entry: NormalSet) -> float:
        height, width = read_image(entry.learn[0]).shape[:2]
        return abs(math.sqrt(height * width) - TIMED_PX)

    return min(sets, key=distance)


def _normal_only(entry: NormalSet, way: Way) -> Iterator[Measured]:
    learn = _some(entry.learn, MOST_TO_LEARN, seed=0)
    looker = way.trial(learn)
    value, ms = judge(looker, entry.good, entry.all_bad)
    yield Measured(
        set=entry.name, row="normal only, image AUROC", value=value, ms=ms,
        teach_s=looker.teach_s, note=looker.choice,
    )  # fmt: skip
    if entry.masks:
        pixels = judge_pixels(looker, entry.good, entry.masks.items())
        if pixels is not None:
            yield Measured(set=entry.name, row="normal only, pixel AUROC", value=pixels)


def _from_few(entry: NormalSet, way: Way) -> Iterator[Measured]:
    if len(entry.learn) < 2 * FEW_GOOD:
        return
    yield _mean(
        entry.name,
        f"from {FEW_GOOD} good, image AUROC",
        way,
        lambda seed: (_some(entry.learn, FEW_GOOD, seed), [], entry.all_bad),
        entry,
    )


def _with_marked(entry: NormalSet, way: Way) -> Iterator[Measured]:
    if len(entry.masks) < 2 * MARKED:
        return

    def split(seed: int) -> tuple[list[Path], list[tuple[Path, Path, str]], list[Path]]:
        marked = spread_over_reasons(entry, MARKED, seed)
        shown = {picture for picture, _, _ in marked}
        rest = [path for path in entry.all_bad if path not in shown]
        return _some(entry.learn, MOST_TO_LEARN, seed=0), marked, rest

    yield _mean(entry.name, f"+ {MARKED} marked, image AUROC", way, split, entry)


Split = tuple[list[Path], list[tuple[Path, Path, str]], list[Path]]


def _mean(
    name: str, row: str, way: Way, split: Callable[[int], Split], entry: NormalSet
) -> Measured:
    values, times_ms, teach_s = [], [], []
    for seed in way.seeds:
        learn, marked, bad = split(seed)
        looker = way.trial(learn, marked)
        value, ms = judge(looker, entry.good, bad)
        values.append(value)
        times_ms.append(ms)
        teach_s.append(looker.teach_s)
    return Measured(
        set=name,
        row=row,
        value=float(np.mean(values)),
        spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        ms=float(np.mean(times_ms)),
        teach_s=float(np.mean(teach_s)),
    )


def _regions(entry: BitSet, way: Way) -> Iterator[Measured]:
    first = round(FIRST_SHARE * len(entry.pictures))
    complete = [number for number, (_, bits) in enumerate(entry.pictures) if "0" not in bits]
    early = [number for number in complete if number < first]
    with TemporaryDirectory(prefix="accuracy-") as name:
        regions = _cut_regions(entry, Path(name))
        for row, learn, rest in (
            (f"regions of {len(early)} complete pictures, AUROC", early,
             range(first, len(entry.pictures))),
            (f"from {COMPLETE} complete pictures, AUROC", complete[:COMPLETE],
             [n for n in range(len(entry.pictures)) if n not in complete[:COMPLETE]]),
        ):  # fmt: skip
            if not learn:
                continue
            looker = way.trial([path for number in learn for path, _ in regions[number]])
            shown = [region for number in rest for region in regions[number]]
            value, ms = judge(
                looker,
                [path for path, is_there in shown if is_there],
                [path for path, is_there in shown if not is_there],
            )
            yield Measured(
                set=entry.name, row=row, value=value, ms=ms, teach_s=looker.teach_s,
                note=looker.choice,
            )  # fmt: skip


def _cut_regions(entry: BitSet, folder: Path) -> list[list[tuple[Path, bool]]]:
    regions = []
    for path, bits in entry.pictures:
        image = to_channels(read_image(path), 3)
        here = []
        for number, (box, bit) in enumerate(zip(entry.boxes, bits, strict=True)):
            target = folder / f"{path.stem}_{number}.png"
            if not cv2.imwrite(str(target), cut(image, box)):
                raise SystemExit(f"cannot write {target}; free the disk")
            here.append((target, bit == "1"))
        regions.append(here)
    return regions


def _classes(entry: ClassSet, way: Way) -> Measured:
    features = "ocr" if way.features == "auto" else way.features
    with TemporaryDirectory(prefix="accuracy-") as name:
        taught = teach_classifier(
            Lesson(root=entry.root, name="trial", features=features, folds=FOLDS),
            (Path(name), shipped() / "models"),
        )
    return Measured(
        set=entry.name, row=f"supervised, {FOLDS}-fold accuracy",
        value=taught.figures.class_right.share, ms=taught.ms_per_picture, teach_s=taught.seconds,
        note=taught.card.description,
    )  # fmt: skip


def _some(paths: Sequence[Path], count: int, seed: int) -> list[Path]:
    chosen = np.random.default_rng(seed).permutation(len(paths))[:count]
    return [paths[index] for index in sorted(chosen.tolist())]
