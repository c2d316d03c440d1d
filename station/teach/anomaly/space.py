"""The space patches are compared in: standardised, decorrelated, cut to its strongest axes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Patches = NDArray[np.float32]
"""(patches, numbers)."""

MOST_AXES = 128
LEARN_FROM = 20_000
DAMPING = 0.1
"""Share of the mean variance added to each axis, so that mere noise is not blown up."""


@dataclass(frozen=True, slots=True)
class Space:
    """z = patches @ matrix + offset: (patches, length) -> (patches, axes)."""

    matrix: NDArray[np.float32]
    offset: NDArray[np.float32]

    @property
    def axes(self) -> int:
        """How many numbers a patch has in this space."""
        return int(self.matrix.shape[1])

    def place(self, patches: Patches) -> Patches:
        """Patches in this space, (patches, axes)."""
        return np.asarray(patches @ self.matrix + self.offset, np.float32)


def fit_space(patches: Patches, rng: np.random.Generator) -> Space:
    """PCA whitening of standardised patches, damped; see Kessy, Lewin, Strimmer, "Optimal
    whitening and decorrelation" (2018).

    Distances then count how unusual a change is, not how loud the number is that changed.
    """
    if len(patches) > LEARN_FROM:
        patches = patches[rng.choice(len(patches), LEARN_FROM, replace=False)]
    mean = patches.mean(axis=0, dtype=np.float64)
    spread = patches.std(axis=0, dtype=np.float64)
    spread += 1e-3 * spread.mean() + 1e-6
    standard = (patches - mean) / spread
    values, vectors = np.linalg.eigh(np.cov(standard, rowvar=False).reshape(len(mean), -1))
    values = np.maximum(values, 0)
    kept = slice(-MOST_AXES, None)
    scale = np.sqrt(values[kept] + DAMPING * values.mean() + 1e-12)
    matrix = vectors[:, kept] / scale / spread[:, None]
    return Space(matrix.astype(np.float32), (-mean @ matrix).astype(np.float32))
