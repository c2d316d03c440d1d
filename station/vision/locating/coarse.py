"""Every turn, size and place at once, on a small picture: candidates for the finer search."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.vision.locating.profiles import Poses
from station.vision.locating.pyramid import Grey
from station.vision.locating.shape import Floats, LevelPoints

BINS = 8
"""Directions of an edge, over half a turn: which side is brighter depends on the background."""
FULL = 255
NOISE_FLOOR = 3.0
"""Grey levels a pixel (of Sobel, over 8) below which a rise is taken for noise."""
SECTORS = 8
"""Turns are parted in so many groups; each keeps its own candidates, so that none hides others."""
STRIDE = 2

Planes = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Templates:
    """The points of a shape in every turn and size, as places in the planes of responses."""

    poses: Floats
    """(T, 4): a, b and 0, 0, about the centre of the points, at the level's size."""
    starts: tuple[tuple[int, ...], ...]
    """For each template, where in the flattened planes each of its points begins."""
    pad: int
    width: int
    count: int
    """Places tried: rows of `width` one after another."""


def responses(picture: Grey, pad: int) -> NDArray[np.uint16]:
    """How well each pixel fits each direction: (BINS, 2, 2, rows, columns), 0 to 255.

    Every second row and column of the padded picture makes a plane. Rises are measured against
    those around them, so that weak light and strong light look alike; each spreads by a pixel.
    """
    smooth = cv2.GaussianBlur(picture, (3, 3), 0).astype(np.float32)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    square = gx * gx + gy * gy + np.float32(1e-6)
    rise = np.sqrt(square)
    around = cv2.blur(rise, (15, 15))
    strength = np.minimum(1, rise / (1.5 * around + NOISE_FLOOR)) * FULL
    cos2, sin2 = strength * (gx * gx - gy * gy) / square, strength * 2 * gx * gy / square
    height, width = picture.shape
    tall, wide = height + 2 * pad, width + 2 * pad
    planes = np.zeros((BINS, 2, 2, -(-tall // 2), -(-wide // 2)), np.uint16)
    kernel = np.ones((3, 3), np.uint8)
    padded = np.zeros((2 * planes.shape[3], 2 * planes.shape[4]), np.uint8)
    for number in range(BINS):
        angle = 2 * math.pi * number / BINS
        fit = np.maximum(cos2 * math.cos(angle) + sin2 * math.sin(angle), 0).astype(np.uint8)
        padded[pad : pad + height, pad : pad + width] = cv2.dilate(fit, kernel)
        for row in range(2):
            for column in range(2):
                planes[number, row, column] = padded[row::2, column::2]
    return planes


def templates_of(
    level: LevelPoints,
    halvings: int,
    angles_deg: Floats,
    scales: Floats,
    size: tuple[int, int],
) -> Templates:
    """Templates for pictures of `size` (width, height) after so many halvings."""
    centre = level.points.mean(axis=0)
    points = (level.points - centre) / 2**halvings
    reach = float(np.hypot(*points.T).max()) * float(scales.max())
    pad = 2 * math.ceil((reach + 2) / 2)
    width = -(-(size[0] + 2 * pad) // 2)
    rows = -(-(size[1] + 2 * pad) // 2)
    count = (rows - pad) * width - pad
    plane = rows * width
    poses, starts = [], []
    for angle_deg in angles_deg:
        for scale in scales:
            angle = math.radians(angle_deg)
            a, b = scale * math.cos(angle), scale * math.sin(angle)
            turn = np.array(((a, -b), (b, a)))
            # the pixel in whose square the point lies, with the centre in the middle of a pixel
            cells = np.floor(points @ turn.T + 0.5).astype(int) + pad
            normals = level.normals @ turn.T
            bins = (
                np.round(np.arctan2(normals[:, 1], normals[:, 0]) / math.pi * BINS).astype(int)
                % BINS
            )
            phase = (cells[:, 1] & 1) * 2 + (cells[:, 0] & 1)
            begin = (bins * 4 + phase) * plane + (cells[:, 1] >> 1) * width + (cells[:, 0] >> 1)
            poses.append((a, b, 0.0, 0.0))
            starts.append(tuple(begin.tolist()))
    return Templates(np.array(poses), tuple(starts), pad, width, count)


def candidates(
    picture: Grey,
    templates: Templates,
    centre: Floats,
    halvings: int,
    at_most: int,
) -> tuple[Poses, Floats]:
    """The likeliest poses (M, 4) at full size, and their scores (M,) from 0 to 1, best first."""
    planes = responses(picture, templates.pad)
    scores = _score_all(planes.reshape(-1), templates)
    groups = np.array_split(np.arange(len(scores)), min(SECTORS, len(scores)))
    rows = templates.count // templates.width
    picked: list[tuple[float, int, int]] = []
    for group in groups:
        best = scores[group].max(axis=0)
        places = _peaks(best[: rows * templates.width].reshape(rows, -1), at_most)
        for place in places:
            which = int(group[scores[group, place].argmax()])
            picked.append((float(best[place]), which, int(place)))
    picked.sort(reverse=True)
    picked = picked[:at_most]
    most = FULL * len(templates.starts[0])
    poses = np.array(
        [_full_pose(templates, which, place, centre, halvings) for _, which, place in picked]
    ).reshape(-1, 4)
    return poses, np.array([score / most for score, _, _ in picked])


def _score_all(flat: Planes, templates: Templates) -> Planes:
    count = templates.count
    scores = np.zeros((len(templates.starts), count), np.uint16)
    add = np.add
    for row, starts in zip(scores, templates.starts, strict=True):
        for start in starts:
            add(row, flat[start : start + count], row)
    return scores


def _peaks(score: Planes, at_most: int) -> NDArray[np.int64]:
    """Places (flat) of the highest local maxima."""
    highest = cv2.dilate(score, np.ones((3, 3), np.uint8))
    flat = np.where(score == highest, score, 0).reshape(-1)
    at_most = min(at_most, flat.size)
    places = np.argpartition(flat, flat.size - at_most)[-at_most:]
    return np.asarray(places[flat[places] > 0], np.int64)


def _full_pose(
    templates: Templates, which: int, place: int, centre: Floats, halvings: int
) -> tuple[float, float, float, float]:
    row, column = divmod(place, templates.width)
    size = 2**halvings
    x, y = (STRIDE * column + 0.5) * size, (STRIDE * row + 0.5) * size
    a, b = templates.poses[which, :2].tolist()
    cx, cy = centre.tolist()
    return a, b, x - (a * cx - b * cy), y - (b * cx + a * cy)
