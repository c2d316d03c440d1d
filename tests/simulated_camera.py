"""A pinhole camera with distortion that photographs a flat picture lying anywhere before it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.vision.calibrating.board import Board, charuco_of
from station.vision.correction import distorted

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCamera:
    """What it is, in continuous pixels; `photograph` is the truth calibrations are held against."""

    size: tuple[int, int] = (640, 480)
    focal_px: tuple[float, float] = (800.0, 802.0)
    centre_px: tuple[float, float] = (325.0, 236.0)
    distortion: tuple[float, ...] = (-0.22, 0.09, 0.0008, -0.0006, 0.0)
    blur_px: float = 0.5
    noise: float = 1.5
    samples: int = 2
    """Rays through each pixel, each way."""

    def photograph(self, sheet: "Sheet", pose: "BoardPose", seed: int = 0) -> Image:
        """A grey or BGR picture of the sheet, averaged over the area of each pixel."""
        total: Points | None = None
        for ray in self._rays():
            places = pose.hit(ray) * sheet.px_per_mm - 0.5
            map_x, map_y = np.asarray(places, np.float32).T.reshape(2, *self.size[::-1])
            seen = cv2.remap(
                sheet.image, map_x, map_y, cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT, borderValue=sheet.around,
            ).astype(np.float64)  # fmt: skip
            total = seen if total is None else total + seen
        if total is None:
            raise ValueError("a camera needs rays")
        light = cv2.GaussianBlur(total / self.samples**2, (0, 0), self.blur_px)
        noisy = light + np.random.default_rng(seed).normal(0, self.noise, light.shape)
        return np.clip(np.round(noisy), 0, 255).astype(np.uint8)

    def project(self, points_mm: Points, pose: "BoardPose") -> Points:
        """Where points (n, 2) of the sheet appear, continuous pixels."""
        solid = np.column_stack((points_mm, np.zeros(len(points_mm)))) @ pose.turn.T + pose.shift
        rays = solid[:, :2] / solid[:, 2:]
        return np.asarray(distorted(rays, self.distortion) * self.focal_px + self.centre_px)

    def _rays(self) -> Sequence[Points]:
        return _rays_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A flat picture with its scale."""

    image: Image
    px_per_mm: float
    around: tuple[float, ...] = (90.0, 90.0, 90.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPose:
    """Where a sheet lies before the camera, mm: its `middle` is at `at`, turned by three angles."""

    at: tuple[float, float, float]
    turns_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """About the camera's x (right), y (down) and z (forward) axes, in that order."""
    middle_mm: tuple[float, float] = (120.0, 90.0)
    turn: Points = field(init=False)
    shift: Points = field(init=False)

    def __post_init__(self) -> None:
        turn = np.eye(3)
        for axis, angle in zip(np.eye(3), np.radians(self.turns_deg), strict=True):
            step, _ = cv2.Rodrigues(axis * angle)
            turn = step @ turn
        object.__setattr__(self, "turn", turn)
        object.__setattr__(self, "shift", np.array(self.at) - turn @ (*self.middle_mm, 0))

    def hit(self, rays: Points) -> Points:
        """Where rays (n, 2), normalised, hit the sheet: (n, 2) in mm."""
        to_camera = np.column_stack((self.turn[:, :2], self.shift))
        places = np.column_stack((rays, np.ones(len(rays)))) @ np.linalg.inv(to_camera).T
        return np.asarray(places[:, :2] / places[:, 2:])


def photographed(board: Board, camera: SimulatedCamera, poses: Sequence[BoardPose]) -> list[Image]:
    """One picture of a printed board for each pose; `middle_mm` is the pattern's own."""
    sheet = sheet_of(board)
    return [camera.photograph(sheet, pose, seed) for seed, pose in enumerate(poses)]


def sheet_of(board: Board) -> Sheet:
    """A board as it is printed, without margins but with white around it."""
    edge_px = round(board.square_mm * _PX_PER_MM)
    if board.kind == "charuco":
        size = (board.columns * edge_px, board.rows * edge_px)
        fine = charuco_of(board).generateImage(size, marginSize=0)
    else:
        down, across = np.indices((board.rows * edge_px, board.columns * edge_px)) // edge_px
        fine = ((down + across) % 2 * 255).astype(np.uint8)
    half = cv2.resize(fine, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return Sheet(image=np.asarray(half, np.uint8), px_per_mm=_PX_PER_MM / 2, around=(230,) * 3)


_PX_PER_MM = 8


def twelve_poses(away_mm: float = 420.0) -> list[BoardPose]:
    """Views as a person takes them: near the corners, tilted each way, nearer and farther."""
    places = (
        (0, 0, 1.0, 0, 0, 0), (-40, -30, 1.0, 25, 0, 3), (40, -30, 1.0, 0, 25, -4),
        (-40, 30, 1.0, -25, 0, 2), (40, 30, 1.0, 0, -25, 0), (0, -20, 0.85, 18, 18, 8),
        (0, 20, 0.85, -18, 18, -8), (-60, 0, 1.1, 20, -20, 90), (60, 0, 1.1, -20, -20, 5),
        (-70, -50, 1.1, 10, 15, 0), (70, 50, 1.15, -12, -14, 180), (-50, 45, 0.95, 15, -10, 12),
    )  # fmt: skip
    return [
        BoardPose(at=(x, y, scale * away_mm), turns_deg=(a, b, c))
        for x, y, scale, a, b, c in places
    ]


@lru_cache(maxsize=8)
def _rays_of(camera: SimulatedCamera) -> tuple[Points, ...]:
    width, height = camera.size
    matrix = np.array(
        ((camera.focal_px[0], 0, camera.centre_px[0]), (0, camera.focal_px[1], camera.centre_px[1]),
         (0, 0, 1))
    )  # fmt: skip
    steps = (np.arange(camera.samples) + 0.5) / camera.samples
    rays = []
    for down in steps:
        for right in steps:
            x, y = np.meshgrid(np.arange(width) + right, np.arange(height) + down)
            points = np.stack((x.ravel(), y.ravel()), axis=1).reshape(-1, 1, 2)
            criteria = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 40, 1e-10)
            straight = cv2.undistortPoints(
                points, matrix, np.array(camera.distortion), criteria=criteria
            )
            rays.append(np.asarray(straight, np.float64).reshape(-1, 2))
    return tuple(rays)
