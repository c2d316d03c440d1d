"""`locate` on rendered parts at known poses, and on scenes without the part."""

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.pose import Pose
from station.tools.locate import Locate
from station.vision.locating import (
    Finder,
    SearchRange,
    Symmetry,
    choose,
    find_shapes,
    finder_of,
    learn_shape,
)
from station.vision.locating.choice import NO_SYMMETRY_DEG
from tests.benchmarks.tools.figures import Figures
from tests.benchmarks.tools.rendered_parts import ALIKE, PARTS, VIEW, scene_of, teaching_view

POSES = 500
LEAST_MATCH = 1 - Locate.model_fields["accept_limit"].default
"""Below it the tool calls no part found."""
SEED = 10_000
"""Of scenes on which nothing was tried out."""
GROSS_PX = 5.0
"""A pose further off is no find, but a false one."""
MIDDLE = np.array(VIEW) / 2


@dataclass(frozen=True, slots=True)
class Looked:
    """One scene: the pose found, if there was one."""

    pose: Pose | None
    match: float
    ms: float
    is_ambiguous: bool


def measure(data: Path, poses: int = POSES) -> Figures:
    """Truth is the pose each part was drawn at; no photographs are needed."""
    del data
    cv2.setNumThreads(1)
    finders = {
        name: finder_of(learn_shape(teaching_view(drawn)), SearchRange())
        for name, drawn in PARTS.items()
    }
    names = list(PARTS)
    error_px, error_deg, spent, gross = [], [], [], 0
    for number in range(poses):
        name = names[number % len(names)]
        scene = scene_of(PARTS[name], seed=SEED + number)
        seen = look(scene.image, finders[name])
        spent.append(seen.ms)
        if seen.pose is None:
            continue
        off = seen.pose.to_image(MIDDLE) - scene.pose.to_image(MIDDLE)
        if np.hypot(*off) > GROSS_PX:
            gross += 1
            continue
        error_px.append(float(np.hypot(*off)))
        error_deg.append(abs((seen.pose.angle_deg - scene.pose.angle_deg + 180) % 360 - 180))
    false = gross + false_finds(finders, poses)
    return _figures(poses, error_px, error_deg, false, spent)


def false_finds(finders: dict[str, Finder], scenes: int) -> int:
    """Poses said of parts that are not there, among other parts, mirrored ones and clutter."""
    names, found = list(PARTS), 0
    for number in range(scenes):
        name = names[number % len(names)]
        other = PARTS[names[(number + 1 + number // len(names)) % len(names)]]
        others = tuple(part for part in (other, *ALIKE[name]) if part is not PARTS[name])
        scene = scene_of(None, seed=2 * SEED + number, others=others)
        found += look(scene.image, finders[name]).pose is not None
    return found


def look(image: Image, finder: Finder) -> Looked:
    """What the tool would answer."""
    started = time.thread_time()
    matches = find_shapes(image, finder)
    none = Symmetry(angle_deg=NO_SYMMETRY_DEG, centre=finder.shape.centre)
    choice = choose(matches, finder.shape, none, least_match=0.5, at_least=1, at_most=1)
    ms = (time.thread_time() - started) * 1e3
    best = choice.matches[0] if choice.matches else None
    is_found = best is not None and choice.problem is None and best.match >= LEAST_MATCH
    pose = best.pose if best and is_found else None
    return Looked(pose, matches[0].match if matches else 0.0, ms, bool(best and choice.problem))


def _figures(
    poses: int, error_px: list[float], error_deg: list[float], false: int, spent: list[float]
) -> Figures:
    px, deg = np.array(error_px), np.array(error_deg)
    found = len(px) / poses
    numbers = {
        "found": found,
        "error_px": float(np.percentile(px, 95)),
        "error_deg": float(np.percentile(deg, 95)),
        "false_found": float(false),
        "cpu_ms": float(np.median(spent)),
    }
    asked = f"{POSES} asked" if poses < POSES else "asked"
    high = float(np.percentile(spent, 95))
    lines = (
        f"found {len(px)} of {poses} ({found:.1%}; {asked} 99.5 %), 1280 x 1024, any turn, ±20 %",
        f"middle of the view off, px: {_spread(px)} (asked 0.2)",
        f"angle off, degrees: {_spread(deg)} (asked 0.05)",
        f"false finds {false}, on {poses} scenes without the part and elsewhere (asked 0)",
        f"ms of CPU: median {np.median(spent):.1f}, 95 % below {high:.1f} (asked 15)",
    )
    return Figures(lines, numbers)


def _spread(errors: NDArray[np.float64]) -> str:
    """The spread of the errors; the numbers for JSON are the 95 % (stricter than the rms)."""
    rms = float(np.sqrt((errors**2).mean()))
    high = float(np.percentile(errors, 95))
    return (
        f"median {np.median(errors):.3f}, rms {rms:.3f}, 95 % below {high:.3f}, "
        f"all below {errors.max():.3f}"
    )
