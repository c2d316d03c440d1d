"""The patch head: a small net that tells defective patches from normal ones, fitted in seconds."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from station.teach.anomaly.space import Patches

Weights = NDArray[np.float32]

HIDDEN = 32
SHRINKAGE = 1.0
ROUNDS = 25
BATCH = 512
STEEPEST = 16.0
"""Log-odds are held within this, as probabilities within 1e-7 of 0 and 1 would be."""


@dataclass(frozen=True, slots=True)
class PatchHead:
    """Log-odds of a patch being defective, from its place in the space and its distance.

    log-odds = clip(relu(z @ inner[:-1] + distance * inner[-1] + inner_bias) @ outer + outer_bias).
    """

    inner: Weights
    """(axes + 1, hidden)."""
    inner_bias: Weights
    outer: Weights
    """(hidden, 1)."""
    outer_bias: Weights

    def log_odds(self, z: Patches, distances: NDArray[np.float32]) -> NDArray[np.float32]:
        """(patches,), from z (patches, axes) and distances (patches,)."""
        hidden = z @ self.inner[:-1] + distances[:, None] * self.inner[-1] + self.inner_bias
        odds = np.maximum(hidden, 0) @ self.outer + self.outer_bias
        return np.asarray(np.clip(odds[:, 0], -STEEPEST, STEEPEST), np.float32)


def beside(z: Patches, distances: NDArray[np.float32]) -> Patches:
    """What the head looks at: (patches, axes + 1)."""
    return np.concatenate((z, distances[:, None]), axis=1)


def fit_patch_head(normal: Patches, defective: Patches, seed: int) -> PatchHead:
    """Fit on rows of `beside`: (rows, axes + 1) each; the classes count alike."""
    rows = np.concatenate((normal, defective)).astype(np.float32)
    mean = rows.mean(axis=0)
    spread = rows.std(axis=0) + np.float32(1e-6)
    labels = np.concatenate((np.zeros(len(normal)), np.ones(len(defective))))
    net = MLPClassifier(
        (HIDDEN,), alpha=SHRINKAGE, max_iter=ROUNDS, batch_size=min(BATCH, len(rows)),
        random_state=seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many rounds are what is wanted
        net.fit((rows - mean) / spread, labels)
    inner, outer = (np.asarray(layer, np.float32) for layer in net.coefs_)
    inner_bias, outer_bias = (np.asarray(layer, np.float32) for layer in net.intercepts_)
    inner = inner / spread[:, None]
    return PatchHead(inner, inner_bias - mean @ inner, outer, outer_bias)
