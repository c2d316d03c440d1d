"""Parting pictures into folds for held-out figures: every class in each, twins never apart."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TWIN_SIMILARITY = 0.995
"""Cosine of two standardised feature vectors from which pictures count as one and the same."""

Labels = NDArray[np.intp]


def find_twins(features: NDArray[np.float32], digests: Sequence[str]) -> Labels:
    """A group number for each picture; exact and near copies share one.

    Args:
        features: (pictures, numbers), any scale.
        digests: the sha256 of each file.
    """
    centred = features - features.mean(axis=0)
    spread = centred.std(axis=0)
    unit = centred / np.where(spread > 0, spread, 1)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    group = np.arange(len(features))
    first = {digest: index for index, digest in reversed(list(enumerate(digests)))}
    pairs = [(first[digest], index) for index, digest in enumerate(digests)]
    for start in range(0, len(unit), 1024):
        similar = unit[start : start + 1024] @ unit.T
        rows, columns = np.nonzero(similar >= TWIN_SIMILARITY)
        pairs += [
            (int(row) + start, int(column)) for row, column in zip(rows, columns, strict=True)
        ]
    for one, other in pairs:
        low, high = sorted((_root(group, one), _root(group, other)))
        group[high] = low
    return np.array([_root(group, index) for index in range(len(group))], np.intp)


def make_folds(labels: Labels, groups: Labels, folds: int, seed: int) -> Labels:
    """The fold of each picture: each group whole, each class spread as evenly as groups allow.

    The largest groups are placed first, each where its class is scarcest.
    """
    random = np.random.default_rng(seed)
    members = {group: np.flatnonzero(groups == group) for group in random.permutation(groups)}
    counts = np.zeros((folds, int(labels.max()) + 1), int)
    fold_of = np.zeros(len(labels), np.intp)
    for rows in sorted(members.values(), key=len, reverse=True):
        label = Counter(labels[rows].tolist()).most_common(1)[0][0]
        fold = min(range(folds), key=lambda f: (counts[f, label], counts[f].sum()))
        fold_of[rows] = fold
        np.add.at(counts[fold], labels[rows], 1)
    return fold_of


def possible_folds(labels: Labels, groups: Labels, wanted: int) -> int:
    """How many folds leave every class in each; below 2 there are none."""
    sizes = [len(set(groups[labels == label].tolist())) for label in range(int(labels.max()) + 1)]
    return min(wanted, *sizes)


def _root(group: Labels, index: int) -> int:
    while group[index] != index:
        index = int(group[index])
    return index
