"""A flat part without any symmetry, drawn at a pose, and what `locate` is taught of it."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.pose import Pose
from station.teach.keep import keep_taught
from station.vision.locating import learn_shape

SIZE = (200, 140)
OUTLINE = ((20, 20), (180, 20), (180, 90), (120, 90), (120, 120), (20, 120))
HOLES = ((50, 50, 14), (90, 80, 9), (150, 55, 20))
FINER = 4
"""Scenes are drawn so many times as large and averaged, so that edges lie between pixels."""


def bracket(
    pose: Pose | None = None,
    size: tuple[int, int] = SIZE,
    *,
    back: int = 60,
    front: int = 180,
    onto: Image | None = None,
    noise: float = 1.0,
    seed: int = 0,
) -> Image:
    """An L-shaped plate with three holes at a pose of its 200 x 140 view; (height, width) grey."""
    pose = pose or Pose()
    width, height = size
    drawn = np.full((height * FINER, width * FINER), back, np.uint8)
    if onto is not None:
        drawn = np.repeat(np.repeat(onto, FINER, axis=0), FINER, axis=1)
    cv2.fillPoly(drawn, [_fine(pose, np.array(OUTLINE, np.float64))], front, lineType=8, shift=8)
    turn = np.linspace(0, 2 * np.pi, 73)[:-1]
    for x, y, radius in HOLES:
        rim = np.stack((x + radius * np.cos(turn), y + radius * np.sin(turn)), axis=1)
        cv2.fillPoly(drawn, [_fine(pose, rim)], back, lineType=8, shift=8)
    scene = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.float64)
    scene += np.random.default_rng(seed).normal(0, noise, scene.shape)
    return np.asarray(np.clip(np.round(scene), 0, 255), np.uint8)


def write_bracket(models: Path) -> None:
    """Write `bracket/1` for `locate`."""
    shape = learn_shape(bracket())
    arrays = {**shape.as_arrays(), "centre": shape.centre}
    keep_taught([models], "bracket", "locate", arrays, settings={"symmetry_deg": 360})


def _fine(pose: Pose, points: NDArray[np.float64]) -> NDArray[np.int32]:
    at = pose.to_image(points) * FINER - 0.5
    return np.round(at * 256).astype(np.int32)
