"""The linear head on frozen features: chosen and judged on pictures it did not learn from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from station.teach.folds import Labels, make_folds, possible_folds

Array = NDArray[np.float64]

STRENGTHS = (0.1, 1.0, 10.0)
"""Inverse regularisation tried; the middle one where nothing can be tried."""
INNER_FOLDS = 3
MOST_TO_CHOOSE, FEWEST_TO_CHOOSE = 600, 20
"""The way of looking is chosen on this many pictures at most, but so many of each class."""
BIAS_RIDGE = 0.01
TOLERANCE = 1e-4

Views = NDArray[np.float32]
"""Features (pictures, views, numbers): the picture as it is first, then mirrored ones."""

Columns = Mapping[str, NDArray[np.intp]]
"""Name of a view -> the columns of the feature vector it uses."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the head looks: which numbers, learnt from mirrored pictures too or not, how freely."""

    view: str
    is_mirrored: bool
    strength: float


@dataclass(frozen=True, slots=True)
class Head:
    """probabilities = softmax(temperature * ((x - mean) / spread @ weights + bias) + shift)."""

    way: Way
    mean: Array
    spread: Array
    weights: Array
    bias: Array
    temperature: float
    shift: Array

    def logits(self, features: NDArray[np.float32]) -> Array:
        """Uncalibrated class scores, (pictures, classes); features of the head's own view."""
        unit = (features.astype(np.float64) - self.mean) / self.spread
        return np.asarray(unit @ self.weights + self.bias, np.float64)

    def probabilities(self, features: NDArray[np.float32]) -> Array:
        """Calibrated probabilities, (pictures, classes)."""
        return calibrated(self.logits(features), self.temperature, self.shift)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What heads that never saw a picture said of it, before calibration."""

    fold: Labels
    logits: Array


def learn(
    features: Views,
    labels: Labels,
    groups: Labels,
    columns: Columns,
    *,
    folds: int,
    seed: int,
    tick: Callable[[int, int], None],
) -> tuple[Head, HeldOut]:
    """Fit the head on everything, and say what it is worth on what it did not see.

    The way of looking is chosen anew inside every fold, so that the held-out answers are honest
    about that choice too. `tick` is told how many of the fits are done, and of how many.
    """
    classes = int(labels.max()) + 1
    fold = make_folds(labels, groups, folds, seed)
    logits = np.zeros((len(labels), classes))
    with threadpool_limits(1, "blas"):  # such small systems only get slower on several threads
        for number in range(folds):
            tick(number, folds + 1)
            rest = fold != number
            part = _learn_one(features[rest], labels[rest], groups[rest], columns, seed)
            logits[~rest] = part.logits(features[~rest, 0][:, columns[part.way.view]])
        tick(folds, folds + 1)
        raw = _learn_one(features, labels, groups, columns, seed)
        temperature, shift = calibrate(logits, labels)
    tick(folds + 1, folds + 1)
    return replace(raw, temperature=temperature, shift=shift), HeldOut(fold, logits)


def calibrated(logits: Array, temperature: float, shift: Array) -> Array:
    """softmax(temperature * logits + shift)."""
    return np.asarray(softmax(temperature * logits + shift, axis=1), np.float64)


def calibrate(logits: Array, labels: Labels) -> tuple[float, Array]:
    """Temperature and shift that make held-out answers probabilities.

    Temperature scaling with a bias for each class, fitted to J. Platt's smoothed targets (n + 1) /
    (n + 2), n being the class's pictures: with few pictures no probability comes near 0 or 1.
    Sources: J. Platt, "Probabilistic outputs for support vector machines" (1999); A. Alexandari
    et al., "Maximum likelihood with bias-corrected calibration" (ICML 2020).
    """
    classes = logits.shape[1]
    counts = np.bincount(labels, minlength=classes).astype(float)
    sure = (counts + 1) / (counts + 2)
    targets = np.repeat(((1 - sure) / (classes - 1))[labels][:, None], classes, axis=1)
    targets[np.arange(len(labels)), labels] = sure[labels]

    def loss(parameters: Array) -> tuple[float, Array]:
        temperature, shift = np.exp(parameters[0]), parameters[1:]
        scaled = temperature * logits + shift
        error = (softmax(scaled, axis=1) - targets) / len(labels)
        value = -(targets * log_softmax(scaled, axis=1)).sum() / len(labels)
        slope = np.concatenate(
            ([temperature * (error * logits).sum()], error.sum(axis=0) + 2 * BIAS_RIDGE * shift)
        )
        return float(value + BIAS_RIDGE * (shift**2).sum()), slope

    best = minimize(loss, np.zeros(1 + classes), jac=True, method="L-BFGS-B").x
    return float(np.exp(best[0])), np.asarray(best[1:], np.float64)


def _learn_one(
    features: Views, labels: Labels, groups: Labels, columns: Columns, seed: int
) -> Head:
    """A head without calibration, its way of looking chosen by cross-validation."""
    mirrored = (False, True) if features.shape[1] > 1 else (False,)
    ways = [Way(view, mirror, STRENGTHS[1]) for mirror in mirrored for view in columns]
    rows = _a_few_of_each(labels, seed)
    folds = possible_folds(labels[rows], groups[rows], INNER_FOLDS)
    if folds >= 2:
        fold = make_folds(labels[rows], groups[rows], folds, seed + 1)

        def loss(way: Way) -> float:
            return _inner_loss(features[rows][:, :, columns[way.view]], labels[rows], fold, way)

        best = min(ways, key=loss)
        way = min((replace(best, strength=value) for value in STRENGTHS), key=loss)
    else:
        way = ways[0]
    return _fit(features[:, :, columns[way.view]], labels, way)


def _a_few_of_each(labels: Labels, seed: int) -> Labels:
    """Enough pictures to choose by, the classes evenly; all of them where they are few."""
    random = np.random.default_rng(seed)
    classes = np.unique(labels)
    most = max(FEWEST_TO_CHOOSE, MOST_TO_CHOOSE // len(classes))
    chosen = [random.permutation(np.flatnonzero(labels == label))[:most] for label in classes]
    return np.sort(np.concatenate(chosen))


def _inner_loss(features: Views, labels: Labels, fold: Labels, way: Way) -> float:
    """The mean log loss over the classes, each weighing the same, of held-out answers."""
    losses = np.zeros(len(labels))
    for number in np.unique(fold):
        rest = fold != number
        head = _fit(features[rest], labels[rest], way)
        answers = log_softmax(head.logits(features[~rest, 0]), axis=1)
        losses[~rest] = -answers[np.arange(len(answers)), labels[~rest]]
    return float(np.mean([losses[labels == label].mean() for label in np.unique(labels)]))


def _fit(features: Views, labels: Labels, way: Way) -> Head:
    views = features.shape[1] if way.is_mirrored else 1
    rows = features[:, :views].reshape(-1, features.shape[2])
    mean = rows.mean(axis=0, dtype=np.float64)
    spread = rows.std(axis=0, dtype=np.float64)
    # A feature that hardly moves would be blown up by its own smallness on the next part.
    spread = np.maximum(spread, 1e-3 * max(float(np.median(spread)), 1e-6))
    model = LogisticRegression(
        C=way.strength / views, class_weight="balanced", tol=TOLERANCE, max_iter=500
    )
    model.fit((rows - mean) / spread, np.repeat(labels, views))
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:  # two classes: one column that speaks for the second
        weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    return Head(way, mean, spread, weights, bias, 1.0, np.zeros(len(bias)))


def as_columns(lengths: Sequence[int], chosen: Sequence[int]) -> NDArray[np.intp]:
    """The columns of the chosen blocks in a vector of blocks of these lengths."""
    starts = np.concatenate(([0], np.cumsum(lengths)))
    return np.concatenate([np.arange(starts[i], starts[i + 1]) for i in chosen]).astype(np.intp)
