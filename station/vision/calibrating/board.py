"""Boards with known corners, and where those corners lie in a picture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.errors import SettingsError
from station.core.frame import Image
from station.vision.geometry import to_channels

Points = NDArray[np.float64]
BoardKind = Literal["charuco", "chessboard"]

FEWEST_CORNERS = 12
"""A view with fewer says too little of the lens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A printed board; the defaults are those `station calibrate target` prints on A4."""

    kind: BoardKind = "charuco"
    columns: int = 12
    rows: int = 9
    """Squares, not inner corners."""
    square_mm: float = 20.0
    marker_mm: float = 15.0
    """Edge of the markers of a ChArUco board."""
    dictionary: str = "DICT_4X4_100"

    def __post_init__(self) -> None:
        if not (3 <= self.columns <= 60 and 3 <= self.rows <= 60 and self.square_mm > 0):
            raise SettingsError("a board needs 3 to 60 squares each way and a size above zero")
        if self.kind == "charuco" and not 0.3 <= self.marker_mm / self.square_mm <= 0.9:
            raise SettingsError(
                f"markers of {self.marker_mm:g} mm do not fit squares of {self.square_mm:g} mm; "
                "make them about three quarters of a square"
            )
        if self.kind == "charuco" and self.columns * self.rows // 2 > _markers_in(self.dictionary):
            raise SettingsError(
                f"{self.dictionary} has too few markers for {self.columns} x {self.rows} squares; "
                "take one that ends in _250 or _1000"
            )

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the pattern."""
        return self.columns * self.square_mm, self.rows * self.square_mm

    @property
    def in_words(self) -> str:
        """The parameters as they are printed on it."""
        squares = f"{self.columns} x {self.rows} squares of {self.square_mm:g} mm"
        if self.kind == "chessboard":
            return f"chessboard, {squares}"
        return f"ChArUco, {squares}, markers {self.marker_mm:g} mm, {self.dictionary}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """A board as one picture shows it."""

    name: str
    ids: NDArray[np.intp]
    """(n,): which corner each point is."""
    points_px: Points
    """(n, 2), continuous pixels of the acquired picture."""
    points_mm: Points
    """(n, 2), in the board's plane, from its top-left square's outer corner."""


def find_board(image: Image, board: Board, name: str = "") -> BoardView | None:
    """The board in a picture; None where it is not there, or too little of it is seen."""
    found = _FINDERS[board.kind](to_channels(image, 1), board)
    if found is None:
        return None
    ids, points = found
    places = np.stack((ids % (board.columns - 1), ids // (board.columns - 1)), axis=1) + 1
    if len(ids) < FEWEST_CORNERS or np.linalg.matrix_rank(places - places.mean(axis=0)) < 2:
        return None
    return BoardView(
        name=name,
        ids=ids,
        points_px=points + 0.5,
        points_mm=places.astype(np.float64) * board.square_mm,
    )


def charuco_of(board: Board) -> cv2.aruco.CharucoBoard:
    """OpenCV's board of the same pattern, in mm."""
    return cv2.aruco.CharucoBoard(
        (board.columns, board.rows), board.square_mm, board.marker_mm, dictionary_of(board)
    )


def dictionary_of(board: Board) -> cv2.aruco.Dictionary:
    """OpenCV's dictionary of that name."""
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))


Found = tuple[NDArray[np.intp], Points]


def _find_charuco(grey: Image, board: Board) -> Found | None:
    corners, ids, _, _ = _detector(board).detectBoard(grey)
    if ids is None or len(ids) == 0:
        return None
    return np.asarray(ids, np.intp).ravel(), np.asarray(corners, np.float64).reshape(-1, 2)


@lru_cache(maxsize=4)
def _detector(board: Board) -> cv2.aruco.CharucoDetector:
    return cv2.aruco.CharucoDetector(charuco_of(board))


def _find_chessboard(grey: Image, board: Board) -> Found | None:
    inner = (board.columns - 1, board.rows - 1)
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY
    seen, corners = cv2.findChessboardCornersSB(grey, inner, flags=flags)
    if not seen:
        return None
    refined = _refined(grey, np.asarray(corners, np.float32).reshape(-1, 2), inner[0])
    return np.arange(inner[0] * inner[1]), refined


def _refined(grey: Image, corners: NDArray[np.float32], across: int) -> Points:
    """Corners by the gradient's direction (Foerstner 1987), in windows no square's edge reaches."""
    rows = corners.reshape(-1, across, 2)
    apart = min(float(np.linalg.norm(np.diff(rows, axis=axis), axis=2).min()) for axis in (0, 1))
    half = max(2, min(10, int(apart * 0.3)))
    criteria = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 40, 1e-3)
    refined = cv2.cornerSubPix(grey, corners.reshape(-1, 1, 2), (half, half), (-1, -1), criteria)
    return np.asarray(refined, np.float64).reshape(-1, 2)


_FINDERS: Mapping[BoardKind, Callable[[Image, Board], Found | None]] = {
    "charuco": _find_charuco,
    "chessboard": _find_chessboard,
}


def _markers_in(dictionary: str) -> int:
    if not dictionary.startswith("DICT_") or not hasattr(cv2.aruco, dictionary):
        raise SettingsError(
            f"there is no marker dictionary {dictionary!r}; take one like DICT_4X4_100"
        )
    found = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, dictionary))
    return int(found.bytesList.shape[0])
