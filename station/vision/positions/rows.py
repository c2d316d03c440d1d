"""Descriptions as they lie in a file: equal ones once, in a few steps a number."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from station.vision.positions.descriptor import CHANNELS, Features
from station.vision.taught import Arrays

STEPS = 63


def rows_of(sets: Mapping[str, Features]) -> dict[str, NDArray[np.generic]]:
    """The arrays of sets of descriptions (n, length), each channel in even steps of its range.

    `rows` (uint8) holds each description once, `low` and `step` (CHANNELS,) say what the steps
    mean, and under its own name each set says which rows it has. Half a step is far
    less than good parts differ by.
    """
    every = np.concatenate(list(sets.values()))
    values = every.reshape(len(every), -1, CHANNELS)
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    step = np.maximum((high - low) / STEPS, np.float32(1e-9)).astype(np.float32)
    steps = np.rint((values - low) / step).clip(0, STEPS).astype(np.uint8)
    rows, which = np.unique(steps.reshape(len(every), -1), axis=0, return_inverse=True)
    ends = np.cumsum([len(one) for one in sets.values()])[:-1]
    parts = np.split(which.reshape(-1).astype(np.uint32), ends)
    return {"rows": rows, "low": low, "step": step, **dict(zip(sets, parts, strict=True))}


def sets_of(arrays: Arrays, names: Sequence[str]) -> dict[str, Features]:
    """The sets of descriptions that were kept.

    Raises:
        KeyError: an array is not there.
        ValueError: arrays do not fit each other, or hold what is no number.
    """
    rows, low, step = (arrays[name] for name in ("rows", "low", "step"))
    is_sound = (
        rows.dtype == np.uint8
        and rows.ndim == 2
        and rows.shape[1] % CHANNELS == 0
        and low.shape == step.shape == (CHANNELS,)
        and bool(np.isfinite(low).all() and np.isfinite(step).all())
    )
    if not is_sound:
        raise ValueError("rows, low and step do not fit")
    values = rows.reshape(len(rows), -1, CHANNELS) * step + low
    every = values.reshape(rows.shape).astype(np.float32)
    return {name: _picked(every, arrays[name], name) for name in names}


def _picked(every: Features, which: NDArray[Any], name: str) -> Features:
    if which.dtype != np.uint32 or which.ndim != 1 or (which >= len(every)).any():
        raise ValueError(f"{name} names rows that are not there")
    return np.asarray(every[which], np.float32)
