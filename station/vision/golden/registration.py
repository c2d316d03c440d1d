"""Fine registration: how far each place of a view lies from where the template has it."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]

MOST_WORKING_PX = 400
"""The finest level shrinks a template below this edge; shifts are still found to a part of it."""
SMALLEST_WORKING_PX = 16
CELL_PX = 32
MOST_CELLS = 20
ITERATIONS = 4
STIFFNESS = 0.5
"""Pull of neighbouring cells on each other, in units of the mean cell's own evidence."""
COARSE_STIFFNESS = 4.0
"""On coarse levels times as much: there the view moves nearly as one."""
ANCHOR = 1e-3
"""Pull to no shift, in the same units; it decides where there is nothing to see at all."""
ROUNDS, TRUSTED_PX = 5, 0.5
"""Cells farther off than this say little of where the whole lies."""
CLIP_LEVELS = 40.0
"""A difference counts no more than so many grey levels, so that a defect pulls nothing after it."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """Where to look in the view for each pixel of the template: its own place plus (x, y)."""

    x: Floats
    y: Floats
    """(rows, columns) of a coarse grid whose cells cover the template evenly, in pixels."""

    def full(self, width: int, height: int) -> tuple[Floats, Floats]:
        """Both for every pixel of the template, (height, width), bilinear between cells."""
        return _grown(self.x, width, height), _grown(self.y, width, height)

    @property
    def largest_px(self) -> float:
        """The farthest shift of any cell."""
        return float(np.hypot(self.x, self.y).max())

    @property
    def displaced_px(self) -> float:
        """The farthest any cell lies from where the others say: from the plane through them all.

        Fitted with weights that forget what is displaced (Cauchy); a part that is moved, turned or
        stretched as a whole is not displaced.
        """
        rows, columns = np.indices(self.x.shape)
        plane = np.stack((np.ones(self.x.size), columns.ravel(), rows.ravel()), axis=1)
        seen = np.stack((self.x.ravel(), self.y.ravel()), axis=1).astype(np.float64)
        off = np.zeros(len(seen))
        for _ in range(ROUNDS):
            weights = np.sqrt(1 / (1 + (off / TRUSTED_PX) ** 2))[:, None]
            fitted = np.linalg.lstsq(plane * weights, seen * weights, rcond=None)[0]
            off = np.hypot(*(seen - plane @ fitted).T)
        return float(off.max())

    def bounded(self, whole_px: float, local_px: float) -> "Shifts":
        """No farther than `whole_px` as a whole, and each cell no farther than `local_px` off it.

        What lies farther than that stays where it is, so that it shows as a difference.
        """
        return Shifts(_bounded(self.x, whole_px, local_px), _bounded(self.y, whole_px, local_px))


class Registration:
    """A template made ready; finds the shifts of views, from several threads at once.

    Inverse compositional Lucas-Kanade (Baker and Matthews 2004, IJCV 56(3)) on a pyramid, with one
    shift a cell of a grid and a spring between neighbours, so that all matrices are inverted here.
    """

    def __init__(self, template: Image) -> None:
        """`template`: (height, width) grey."""
        self._size = (template.shape[1], template.shape[0])
        cell_px = max(CELL_PX, max(self._size) / MOST_CELLS)
        self._cells = (_cells(self._size[0], cell_px), _cells(self._size[1], cell_px))
        factors = list(_factors(self._size))
        springs = _springs(*self._cells)
        self._levels = [
            _Level(template, factor, self._cells, springs * _stiffness(factor, factors))
            for factor in factors
        ]

    def shifts(self, view: Image) -> Shifts:
        """The shifts of a grey view of the template's size."""
        columns, rows = self._cells
        found = self._levels[0].start(view)
        for level in self._levels:
            found = level.refine(view, found)
        x, y = found.reshape(2, rows, columns)
        return Shifts(x, y)


class _Level:
    """One size of the template, its gradients, and the inverted system of its grid."""

    def __init__(self, template: Image, factor: int, cells: tuple[int, int], pull: Matrix) -> None:
        self._factor, self._cells = factor, cells
        self._size = (template.shape[1] // factor, template.shape[0] // factor)
        self._small = _small(template, self._size)
        self._across = _slope(self._small, 1, 0)
        self._down = _slope(self._small, 0, 1)
        self._evidence = self._sums(self._across, self._down)
        xx, xy, yy = (np.diag(sums.astype(np.float64)) for sums in self._evidence)
        evidence = np.block([[xx, xy], [xy, yy]])
        unit = float(np.trace(evidence)) / len(evidence) + 1e-6
        whole = evidence + (pull + ANCHOR * np.eye(len(evidence))) * unit
        self._inverse: Floats = np.linalg.inv(whole).astype(np.float32)
        self._rows, self._columns = np.indices(self._size[::-1], dtype=np.float32)

    def start(self, view: Image) -> Floats:
        """No shift at all, or one for the whole view by phase correlation if that fits better.

        Refinement alone goes astray where a shift is as large as what repeats in the picture.
        """
        small = _small(view, self._size)
        whole, _ = cv2.phaseCorrelate(self._small, small)
        cells = self._cells[0] * self._cells[1]
        none = np.zeros(2 * cells, np.float32)
        moved = np.repeat(np.array(whole, np.float32), cells)
        fits = [float(self._residual(small, shifts).std()) for shifts in (none, moved)]
        return np.asarray((moved if fits[1] < fits[0] else none) * self._factor, np.float32)

    def refine(self, view: Image, found: Floats) -> Floats:
        """Better shifts, in pixels of the template."""
        small, factor = _small(view, self._size), self._factor
        here = np.asarray(found / factor, np.float32)
        for _ in range(ITERATIONS):
            wanted = self._wanted(self._residual(small, here), here)
            here = np.asarray(self._inverse @ wanted, np.float32)
        return np.asarray(here * factor, np.float32)

    def _residual(self, small: Floats, shifts: Floats) -> Floats:
        residual = self._small - self._moved(small, shifts)
        return np.asarray(np.clip(residual, -CLIP_LEVELS, CLIP_LEVELS), np.float32)

    def _moved(self, small: Floats, found: Floats) -> Floats:
        x, y = found.reshape(2, self._cells[1], self._cells[0])
        across = self._columns + _grown(x, *self._size)
        down = self._rows + _grown(y, *self._size)
        moved = cv2.remap(small, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)

    def _wanted(self, residual: Floats, found: Floats) -> Floats:
        """The right side of (evidence + pull) shifts = force + evidence found.

        The same as a step from `found`, written so that the pull need not be multiplied out.
        """
        xx, xy, yy = self._evidence
        x, y = np.split(found, 2)
        across = self._per_cell(self._across * residual) + xx * x + xy * y
        down = self._per_cell(self._down * residual) + xy * x + yy * y
        return np.concatenate((across, down))

    def _sums(self, across: Floats, down: Floats) -> tuple[Floats, Floats, Floats]:
        """The structure tensor of each cell: xx, xy, yy."""
        products = (across * across, across * down, down * down)
        xx, xy, yy = (self._per_cell(product) for product in products)
        return xx, xy, yy

    def _per_cell(self, plane: Floats) -> Floats:
        means = cv2.resize(plane, self._cells, interpolation=cv2.INTER_AREA)
        return np.asarray(means.ravel(), np.float32)


def _factors(size: tuple[int, int]) -> Iterator[int]:
    """How much each level is shrunk, the coarsest first."""
    finest = max(1, -(-max(size) // MOST_WORKING_PX))
    for factor in (finest * 8, finest * 4, finest * 2):
        if min(size) // factor >= SMALLEST_WORKING_PX:
            yield factor
    yield finest


def _stiffness(factor: int, factors: list[int]) -> float:
    return STIFFNESS if factor == factors[-1] else STIFFNESS * COARSE_STIFFNESS


def _springs(columns: int, rows: int) -> Matrix:
    """The Laplacian of a grid of cells, once for x and once for y."""
    along, down = _chain(columns), _chain(rows)
    grid = np.kron(np.eye(rows), along) + np.kron(down, np.eye(columns))
    return np.asarray(np.kron(np.eye(2), grid), np.float64)


def _chain(length: int) -> Matrix:
    links = np.diff(np.eye(length), axis=0)
    return np.asarray(links.T @ links, np.float64)


def _cells(length: int, cell_px: float) -> int:
    return max(1, round(length / cell_px))


def _small(image: Image, size: tuple[int, int]) -> Floats:
    shrunk = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(shrunk, (0, 0), 1.0), np.float32)


def _slope(small: Floats, along: int, down: int) -> Floats:
    """Grey levels a pixel, in one direction."""
    return np.asarray(cv2.Sobel(small, -1, along, down, ksize=3, scale=1 / 8), np.float32)


def _grown(cells: Floats, width: int, height: int) -> Floats:
    return np.asarray(cv2.resize(cells, (width, height)), np.float32)


def _bounded(shifts: Floats, whole_px: float, local_px: float) -> Floats:
    whole = float(np.median(shifts))
    beside = np.clip(shifts - whole, -local_px, local_px)
    return np.asarray(beside + min(max(whole, -whole_px), whole_px), np.float32)
