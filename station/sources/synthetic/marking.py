"""Digits struck into the steel dot by dot along an arc, as a marking machine does it."""

from functools import lru_cache

import numpy as np

from station.sources.synthetic.exact import Floats

_RADIUS, _PITCH, _DEPTH = 158.5, 2.6, 2.6
NUMBER_TURNS = 0.08
"""A little more than the arc a number of four digits takes, in turns."""
_ROWS, _ADVANCE = 7, 7
# One string of seven rows a digit, five dots a row.
_GLYPHS = {
    "0": "01110 10001 10001 10001 10001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "11110 00001 00001 01110 00001 00001 11110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
}


def strike(
    digits: str, r: Floats, turns: Floats, start: float, lean_r: Floats, lean_t: Floats
) -> None:
    """Add the lean of the struck dots to `lean_r`, `lean_t` (float32 [h, w]) in place.

    `start` is where the number begins, in turns.
    """
    dots = _dots(digits)
    band = np.flatnonzero(np.abs(r - np.float32(_RADIUS)) < np.float32(_PITCH * _ROWS / 2))
    along = (turns.ravel()[band] - np.float32(start)) % np.float32(1.0)
    x = along * np.float32(2 * np.pi * _RADIUS / _PITCH)
    near = x < dots.shape[1] - 1
    band, x = band[near], x[near]
    y = (np.float32(_RADIUS) - r.ravel()[band]) * np.float32(1 / _PITCH) + np.float32(_ROWS / 2)
    row, column = np.floor(y).astype(np.int32), x.astype(np.int32)
    struck = dots[np.clip(row + 1, 0, _ROWS + 1), column + 1]
    off_x, off_y = x - column - np.float32(0.5), y - row - np.float32(0.5)
    bowl = np.clip(np.float32(1.0) - np.float32(4.4) * (off_x * off_x + off_y * off_y), 0.0, 1.0)
    depth = struck * bowl * np.float32(_DEPTH)
    lean_r.ravel()[band] += depth * off_y
    lean_t.ravel()[band] -= depth * off_x


@lru_cache(maxsize=64)
def _dots(digits: str) -> Floats:
    """Which dots are struck: float32 [9, columns + 2], with a border of zeros."""
    dots = np.zeros((_ROWS + 2, _ADVANCE * len(digits) + 2), np.float32)
    for place, digit in enumerate(digits):
        for row, line in enumerate(_GLYPHS[digit].split()):
            for column, dot in enumerate(line):
                dots[row + 1, place * _ADVANCE + column + 1] = float(dot)
    return dots
