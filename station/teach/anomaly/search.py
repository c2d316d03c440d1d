"""Which way of looking suits a product: a few are tried, a later one must be clearly better."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from station.core.errors import ModelError
from station.teach.anomaly.eye import Eye, build_eye
from station.teach.anomaly.held_out import hold_out
from station.teach.anomaly.merit import Reading, best_reading
from station.teach.anomaly.samples import Crops
from station.teach.anomaly.sight import Marks, Sight, Tick, look_at
from station.teach.anomaly.way import Way
from station.teach.drawn import Places
from station.teach.features import FeatureNet
from station.teach.look import GRID_PX
from station.vision.model import Model

STRIDES: tuple[tuple[int, ...], ...] = ((8, 16), (8,))
LARGER = 1.42
"""The larger input that is tried is so many times as wide and as high."""
MARGIN, COSTLY_MARGIN = 0.01, 0.03
"""What a way must be better by; the second where it takes twice the time."""
PLACE_WEIGHTS = (0.0, 1.0, 3.0)
DRAWN_ABOUT, DRAWN_LEAST, DRAWN_MOST = 100, 2, 10
"""Defects drawn in all, and into each sample."""
TIMED_RUNS = 5
STEPS = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """One way that was tried, what it was worth, and what it costs."""

    way: Way
    reading: Reading
    ms: float
    """CPU milliseconds of the feature net for one input, on one thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What ways are tried on."""

    nets: Mapping[str, FeatureNet]
    crops: Crops
    marks: Sequence[Marks]
    places: Places
    seed: int
    ms_at_most: float


@dataclass(frozen=True, slots=True)
class _Tried:
    trial: Trial
    sight: Sight


def search(ground: Ground, first: Way, tick: Tick) -> tuple[Trial, list[Trial]]:
    """The best way and all that were tried: nets and strides, a larger input, light, the place.

    A way that costs more than is allowed, or cannot be built from its net, is passed over.

    Raises:
        ModelError: not even the first way works.
    """
    steps = _Steps(tick, len(ground.nets) * len(STRIDES) + 3)
    best, trials = _try(ground, first, steps), []
    trials.append(best.trial)

    def attempt(way: Way, margin: float = MARGIN) -> None:
        nonlocal best
        try:
            tried = _try(ground, way, steps)
        except ModelError:
            return
        if tried.trial.ms > ground.ms_at_most:
            return
        trials.append(tried.trial)
        if _merit(tried.trial) > _merit(best.trial) + margin:
            best = tried

    for way in _nets_and_strides(ground, first):
        attempt(way)
    if ground.nets[best.trial.way.features].is_free_in_size:
        attempt(best.trial.way.model_copy(update=_larger(best.trial.way)), COSTLY_MARGIN)
    attempt(best.trial.way.model_copy(update={"is_levelled": True}))
    for trial in _with_places(ground, best):
        trials.append(trial)
        if _merit(trial) > _merit(best.trial) + MARGIN:
            best = _Tried(trial, best.sight)
    steps.end()
    return best.trial, trials


def _try(ground: Ground, way: Way, steps: "_Steps") -> _Tried:
    eye = eye_of(ground.nets[way.features], way)
    model = eye.opened()
    each = min(max(DRAWN_ABOUT // len(ground.crops), DRAWN_LEAST), DRAWN_MOST)
    sight = look_at(
        eye, model, ground.crops, ground.marks, each=each, places=ground.places,
        seed=ground.seed, tick=steps.next(),
    )  # fmt: skip
    return _Tried(_judged(sight, way, ground.seed, ms_of(model, eye)), sight)


def _judged(sight: Sight, way: Way, seed: int, ms: float) -> Trial:
    reading = best_reading(sight, hold_out(sight, way.place_weight, seed))
    update = {"head_weight": reading.head_weight, "summary": reading.summary}
    return Trial(way.model_copy(update=update), reading, ms)


def _nets_and_strides(ground: Ground, first: Way) -> Iterator[Way]:
    for features in ground.nets:
        for strides in STRIDES:
            way = first.model_copy(update={"features": features, "strides": strides})
            if (features, strides) != (first.features, first.strides):
                yield way


def _larger(way: Way) -> dict[str, int]:
    return {
        "width": round(way.width * LARGER / GRID_PX) * GRID_PX,
        "height": round(way.height * LARGER / GRID_PX) * GRID_PX,
    }


def _with_places(ground: Ground, best: _Tried) -> Iterator[Trial]:
    way = best.trial.way
    for weight in PLACE_WEIGHTS:
        if weight != way.place_weight and way.tiling is None:
            other = way.model_copy(update={"place_weight": weight})
            yield _judged(best.sight, other, ground.seed, best.trial.ms)


def _merit(trial: Trial) -> float:
    return trial.reading.merit.total


def eye_of(net: FeatureNet, way: Way) -> Eye:
    """The eye a way describes.

    Raises:
        ModelError: the net cannot be used so.
    """
    return build_eye(
        net, way.width, way.height, fit=way.fit, strides=way.strides, is_levelled=way.is_levelled
    )


def ms_of(model: Model, eye: Eye) -> float:
    """CPU milliseconds for one picture of the input's size on one thread, the mean of a few."""
    noise = np.random.default_rng(0).integers(
        0, 256, (eye.contract.height, eye.contract.width, 3), np.uint8
    )
    started_s = time.thread_time()
    for _ in range(TIMED_RUNS):
        model.run_all(noise)
    return 1e3 * (time.thread_time() - started_s) / TIMED_RUNS


@dataclass(slots=True)
class _Steps:
    """Progress over trials of unequal length, each a hundred steps."""

    tick: Tick
    count: int
    done: int = 0

    def next(self) -> Tick:
        """The progress of the next trial."""
        start = min(self.done, self.count - 1)
        self.done += 1

        def inner(now: int, of: int) -> None:
            self.tick(
                min(start * STEPS + now * STEPS // max(1, of), self.count * STEPS - 1),
                self.count * STEPS,
            )

        return inner

    def end(self) -> None:
        """All done."""
        self.tick(self.count * STEPS, self.count * STEPS)
