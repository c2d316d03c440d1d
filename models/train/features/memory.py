"""The plainest anomaly memory: standardised patches of good parts, thinned out, nearest neighbour.

After PatchCore (Roth et al. 2022). The station's own teacher chooses more; this one is for telling
nets apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_PATCHES, _POOL, _PROJECTED = 1000, 10_000, 64
_WORST = 0.01


@dataclass(frozen=True, slots=True)
class Memory:
    """Patches of good parts, float32 [patches, channels], and the scale they are compared on."""

    patches: NDArray[np.float32]
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    def distances(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far each place [rows, columns, channels] is from its nearest patch."""
        asked = (maps.reshape(-1, maps.shape[2]) - self.mean) / self.spread
        squares = (asked * asked).sum(1)[:, None] + (self.patches * self.patches).sum(1)
        nearest = (squares - 2 * asked @ self.patches.T).min(1)
        return np.asarray(np.sqrt(np.maximum(nearest, 0)).reshape(maps.shape[:2]), np.float32)

    def score(self, maps: NDArray[np.float32]) -> float:
        """The mean of the worst hundredth of all places."""
        distances = np.sort(self.distances(maps).ravel())
        return float(distances[-max(1, round(_WORST * len(distances))) :].mean())


def remember(good: list[NDArray[np.float32]], rng: Generator) -> Memory:
    """The memory of some good parts."""
    patches = np.concatenate([maps.reshape(-1, maps.shape[2]) for maps in good])
    if len(patches) > _POOL:
        patches = patches[rng.choice(len(patches), _POOL, replace=False)]
    mean, spread = patches.mean(0), patches.std(0)
    spread = spread + 1e-3 * patches.std() + 1e-6
    patches = (patches - mean) / spread
    return Memory(patches[_far_apart(patches, rng)], mean, spread)


def _far_apart(patches: NDArray[np.float32], rng: Generator) -> NDArray[np.intp]:
    """Greedy choice: always the patch farthest from those chosen, on a random projection."""
    if len(patches) <= _PATCHES:
        return np.arange(len(patches))
    axes = rng.standard_normal((patches.shape[1], _PROJECTED)).astype(np.float32)
    points = np.ascontiguousarray(patches @ axes)
    lengths = (points * points).sum(1)
    newest = int(rng.integers(len(points)))
    chosen, away = [newest], np.full(len(points), np.inf, np.float32)
    for _ in range(_PATCHES - 1):
        away = np.minimum(away, lengths + lengths[newest] - 2 * points @ points[newest])
        newest = int(away.argmax())
        chosen.append(newest)
    return np.array(chosen)
