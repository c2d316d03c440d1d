"""The linear head on frozen features: chosen and judged on pictures it did not learn from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from station.teach.folds import Labels, make_folds, possible_folds

Array = NDArray[np.float64]

STRENGTHS = (0.1, 1.0, 10.0)
"""Inverse regularisation tried; the middle one where nothing can be tried."""
INNER_FOLDS = 3
BIAS_RIDGE = 0.01
TOLERANCE = 1e-4

Views = Mapping[str, NDArray[np.intp]]
"""Name -> the columns of the feature vector it uses."""


@dataclass(frozen=True, slots=True)
class Head:
    """probabilities = softmax(temperature * ((x - mean) / spread @ weights + bias) + shift)."""

    view: str
    strength: float
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
    features: NDArray[np.float32],
    labels: Labels,
    groups: Labels,
    views: Views,
    *,
    folds: int,
    seed: int,
    tick: Callable[[int, int], None],
) -> tuple[Head, HeldOut]:
    """Fit the head on everything, and say what it is worth on what it did not see.

    View and strength are chosen anew inside every fold, so that the held-out answers are honest
    about that choice too. `tick` is told how many of the fits are done, and of how many.
    """
    classes = int(labels.max()) + 1
    fold = make_folds(labels, groups, folds, seed)
    logits = np.zeros((len(labels), classes))
    with threadpool_limits(1, "blas"):  # such small systems only get slower on several threads
        for number in range(folds):
            tick(number, folds + 1)
            rest = fold != number
            part = _learn_one(features[rest], labels[rest], groups[rest], views, seed)
            logits[~rest] = part.logits(features[~rest][:, views[part.view]])
        tick(folds, folds + 1)
        raw = _learn_one(features, labels, groups, views, seed)
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
    features: NDArray[np.float32], labels: Labels, groups: Labels, views: Views, seed: int
) -> Head:
    """A head without calibration, its view and strength chosen by cross-validation."""
    view, strength = next(iter(views)), STRENGTHS[len(STRENGTHS) // 2]
    folds = possible_folds(labels, groups, INNER_FOLDS)
    if folds >= 2:
        fold = make_folds(labels, groups, folds, seed + 1)

        def loss(candidate: tuple[str, float]) -> float:
            return _inner_loss(features[:, views[candidate[0]]], labels, fold, candidate)

        view = min(((name, strength) for name in views), key=loss)[0]
        strength = min(((view, value) for value in STRENGTHS), key=loss)[1]
    return _fit(features[:, views[view]], labels, view, strength)


def _inner_loss(
    features: NDArray[np.float32], labels: Labels, fold: Labels, candidate: tuple[str, float]
) -> float:
    """The mean log loss over the classes, each weighing the same, of held-out answers."""
    losses = np.zeros(len(labels))
    for number in np.unique(fold):
        rest = fold != number
        head = _fit(features[rest], labels[rest], *candidate)
        answers = log_softmax(head.logits(features[~rest]), axis=1)
        losses[~rest] = -answers[np.arange(len(answers)), labels[~rest]]
    return float(np.mean([losses[labels == label].mean() for label in np.unique(labels)]))


def _fit(features: NDArray[np.float32], labels: Labels, view: str, strength: float) -> Head:
    mean = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    # A feature that hardly moves would be blown up by its own smallness on the next part.
    spread = np.maximum(spread, 1e-3 * max(float(np.median(spread)), 1e-6))
    model = LogisticRegression(
        C=strength, class_weight="balanced", tol=TOLERANCE, max_iter=500, solver="lbfgs"
    )
    model.fit((features - mean) / spread, labels)
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:  # two classes: one column that speaks for the second
        weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    return Head(view, strength, mean, spread, weights, bias, 1.0, np.zeros(len(bias)))


def as_columns(lengths: Sequence[int], chosen: Sequence[int]) -> NDArray[np.intp]:
    """The columns of the chosen blocks in a vector of blocks of these lengths."""
    starts = np.concatenate(([0], np.cumsum(lengths)))
    return np.concatenate([np.arange(starts[i], starts[i + 1]) for i in chosen]).astype(np.intp)
