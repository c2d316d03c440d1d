"""From pictures of a part to its shape: what is stable over them, how symmetric, how well found."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from station.core.errors import TeachError
from station.core.frame import Image
from station.core.pose import Pose
from station.core.region import Rectangle
from station.teach.keep import check_name, keep_taught
from station.teach.part_views import pictures_at
from station.vision.geometry import cut
from station.vision.images import read_image
from station.vision.locating import (
    SearchRange,
    Shape,
    Symmetry,
    find_shapes,
    finder_of,
    learn_shape,
    symmetry_of_view,
)
from station.vision.locating.learning import stable_shape
from station.vision.taught import TaughtCard

FOUND_AGAIN = 0.45
"""A further picture serves if so many of the reference's edges are found in it."""
MOST_PICTURES = 20
TRIALS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LocateLesson:
    """What to teach from."""

    source: Path
    """One picture, or a folder of pictures of the same part; the first is the reference."""
    name: str
    region: Rectangle | None = None
    """The part's view in the first picture; None: all of it."""
    mask: Path | None = None
    """White where the part is, as large as the first picture."""
    symmetry_deg: float | None = None
    """The smallest turn that changes nothing; 0: any. None: a symmetric view is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How well the view finds itself turned, scaled and noisy."""

    tried: int
    found: int
    worst_px: float
    """The furthest that a corner of the view lay off."""
    cpu_ms: float
    """The median of a search in a picture of 1280 x 1024."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtPart:
    """What came of it."""

    card: TaughtCard
    folder: Path
    points: int
    symmetry_deg: float
    trial: Trial
    pictures: int
    not_found: tuple[Path, ...]
    """Pictures the reference was not found in; they did not serve."""


def teach_locate(lesson: LocateLesson, model_dirs: Sequence[Path]) -> TaughtPart:
    """Learn the shape and write it as the next version.

    Raises:
        TeachError: too few edges, a symmetry nobody told of, or pictures that do not agree.
    """
    check_name(lesson.name)
    paths = _paths(lesson.source)
    picture = read_image(paths[0])
    view = np.ascontiguousarray(_cut(picture, lesson.region))
    shape = learn_shape(view, _mask(lesson, picture))
    shape, not_found = _stable(shape, paths[1:])
    symmetry = _symmetry(view, shape, lesson.symmetry_deg)
    trial = _try(view, shape, symmetry)
    card, folder = keep_taught(
        model_dirs,
        lesson.name,
        "locate",
        {**shape.as_arrays(), "centre": symmetry.centre},
        settings={"symmetry_deg": symmetry.angle_deg},
        training=_facts(shape, trial, paths, not_found),
        description=f"a view of {view.shape[1]} x {view.shape[0]} px from {paths[0].name}",
        beside={"reference.png": _png(view)},
    )
    return TaughtPart(
        card=card,
        folder=folder,
        points=len(shape.levels[0]),
        symmetry_deg=symmetry.angle_deg,
        trial=trial,
        pictures=len(paths),
        not_found=not_found,
    )


def _paths(source: Path) -> list[Path]:
    paths = pictures_at(source)
    step = max(1, math.ceil(len(paths) / MOST_PICTURES))
    return paths[::step]


def _cut(picture: Image, region: Rectangle | None) -> Image:
    if region and region.angle_deg % 360:
        raise TeachError("the region of the view must be upright")
    return cut(picture, region)


def _mask(lesson: LocateLesson, picture: Image) -> NDArray[np.bool_] | None:
    if lesson.mask is None:
        return None
    mask = read_image(lesson.mask)
    if mask.shape[:2] != picture.shape[:2]:
        raise TeachError(
            f"{lesson.mask} is {mask.shape[1]} x {mask.shape[0]}, the picture is "
            f"{picture.shape[1]} x {picture.shape[0]}; paint the mask on the picture itself"
        )
    bright = mask if mask.ndim == 2 else mask.max(axis=2)
    return np.asarray(cut(np.ascontiguousarray(bright), lesson.region) > 127, np.bool_)


def _stable(shape: Shape, paths: Sequence[Path]) -> tuple[Shape, tuple[Path, ...]]:
    """The shape without the edges that are not in most pictures."""
    if not paths:
        return shape, ()
    pictures = [read_image(path) for path in paths]
    for _ in range(2):
        finder = finder_of(shape, SearchRange())
        best = [next(iter(find_shapes(picture, finder)), None) for picture in pictures]
        seen = [
            (picture, match.pose)
            for picture, match in zip(pictures, best, strict=True)
            if match and match.match >= FOUND_AGAIN
        ]
        if 2 * len(seen) < len(paths):
            raise TeachError(
                f"the reference is found in {len(seen)} of the {len(paths)} other pictures; are "
                "they of the same part? Teach from one picture, or mark the part with --region"
            )
        shape = stable_shape(shape, seen)
    lost = [
        path
        for path, match in zip(paths, best, strict=True)
        if not match or match.match < FOUND_AGAIN
    ]
    return shape, tuple(lost)


def _symmetry(view: Image, shape: Shape, told_deg: float | None) -> Symmetry:
    seen = symmetry_of_view(view, shape)
    if told_deg is None and seen.angle_deg < 360:
        what = f"turned by {seen.angle_deg:g}°" if seen.angle_deg else "however it is turned"
        raise TeachError(
            f"the view looks the same {what}, so that its angle cannot be told; choose a region "
            f"with a mark that occurs once, or say --symmetry {seen.angle_deg:g}, if the angle "
            "does not matter beyond that"
        )
    if told_deg is None or told_deg == seen.angle_deg:
        return seen
    is_told = told_deg == 0 or (seen.angle_deg and _divides(told_deg, seen.angle_deg))
    if seen.angle_deg < 360 and not is_told:
        raise TeachError(
            f"the view looks the same turned by {seen.angle_deg:g}°, not only by {told_deg:g}°; "
            f"say --symmetry {seen.angle_deg:g}"
        )
    return Symmetry(angle_deg=told_deg, centre=seen.centre)


def _divides(step_deg: float, turn_deg: float) -> bool:
    return abs(turn_deg / step_deg - round(turn_deg / step_deg)) < 1e-6


def _try(view: Image, shape: Shape, symmetry: Symmetry, seed: int = 0) -> Trial:
    """The view laid into even pictures at known poses, with noise, and sought there."""
    rng = np.random.default_rng(seed)
    finder = finder_of(shape, SearchRange())
    size = (max(1280, view.shape[1]), max(1024, view.shape[0]))
    noise = rng.normal(0, 3, (size[1], size[0], *view.shape[2:])).astype(np.float32)
    worst, found, spent = 0.0, 0, []
    for _ in range(TRIALS):
        pose = _somewhere(shape, size, rng)
        scene = _laid(view, pose, size, noise)
        started = time.thread_time()
        matches = find_shapes(scene, finder)
        spent.append((time.thread_time() - started) * 1e3)
        if matches:
            true, seen = symmetry.plain(pose), symmetry.plain(matches[0].pose)
            away = np.hypot(*(true.to_image(shape.corners) - seen.to_image(shape.corners)).T).max()
            if away < 5:
                found += 1
                worst = max(worst, float(away))
    return Trial(tried=TRIALS, found=found, worst_px=worst, cpu_ms=float(np.median(spent)))


def _somewhere(shape: Shape, size: tuple[int, int], rng: np.random.Generator) -> Pose:
    angle_deg, scale = float(rng.uniform(-180, 180)), float(rng.uniform(0.85, 1.15))
    bare = Pose(angle_deg=angle_deg, scale=scale)
    middle = bare.to_image(shape.corners.mean(axis=0))
    reach = np.abs(bare.to_image(shape.corners) - middle).max(axis=0)
    room = np.maximum(np.array(size) / 2 - reach, 0)
    x, y = (np.array(size) / 2 + rng.uniform(-room, room) - middle).tolist()
    return Pose(x=x, y=y, angle_deg=angle_deg, scale=scale)


def _laid(view: Image, pose: Pose, size: tuple[int, int], noise: NDArray[np.float32]) -> Image:
    matrix = pose.matrix
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    grey = tuple(float(level) for level in np.median(view.reshape(view.shape[0], -1), axis=0)[:3])
    even = cv2.warpAffine(
        view, matrix, size, flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=grey,
    )  # fmt: skip
    return np.asarray(cv2.add(even, noise, dtype=cv2.CV_8U), np.uint8)


def _facts(
    shape: Shape, trial: Trial, paths: Sequence[Path], not_found: Sequence[Path]
) -> dict[str, JsonValue]:
    return {
        "pictures": [path.name for path in paths],
        "not_found": [path.name for path in not_found],
        "points": [len(level) for level in shape.levels],
        "tried": trial.tried,
        "found": trial.found,
        "worst_px": round(trial.worst_px, 3),
        "cpu_ms": round(trial.cpu_ms, 2),
    }


def _png(view: Image) -> bytes:
    return cv2.imencode(".png", view)[1].tobytes()
