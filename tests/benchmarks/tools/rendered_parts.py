"""Flat parts drawn exactly at a pose, on cluttered ground, in uneven light, partly hidden."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.frame import Image
from station.core.pose import Pose

FINER, FINEST = 4, 16
"""Scenes are drawn so many times as large and averaged; the upright view, whose edges lie along
the pixels, larger still."""
APART = 30
"""So many grey levels at least lie between a part's body and the mean of the ground."""
VIEW = (240, 200)
FRAME = (1280, 1024)

Outline = NDArray[np.float64]
Drawing = tuple[tuple[Outline, int], ...]
"""Outlines (N, 2) in part coordinates with their grey, painted one over the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A picture, and where the part lies in it; `hidden` is the share of its area covered."""

    image: Image
    pose: Pose
    hidden: float = 0.0


def polygon(*points: tuple[float, float]) -> Outline:
    """Corners as an outline."""
    return np.array(points, np.float64)


def box(x: float, y: float, width: float, height: float) -> Outline:
    """An upright rectangle."""
    return polygon((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def disc(x: float, y: float, radius: float, count: int = 96) -> Outline:
    """A circle, as a polygon of many corners and the same area."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius *= np.sqrt(2 * np.pi / count / np.sin(2 * np.pi / count))
    return np.stack((x + radius * np.cos(turn), y + radius * np.sin(turn)), axis=1)


def _board() -> Drawing:
    rng = np.random.default_rng(7)
    greys = (40, 90, 200, 230)
    chips = [
        (box(x + rng.uniform(0, 6), y + rng.uniform(0, 6), w, h), int(rng.choice(greys)))
        for x, y, w, h in (
            (35, 35, 44, 30), (100, 32, 18, 40), (140, 36, 60, 22), (34, 90, 24, 24),
            (80, 95, 50, 50), (150, 80, 20, 48), (185, 95, 20, 20), (40, 135, 20, 26),
            (150, 146, 46, 18),
        )
    ]  # fmt: skip
    return ((box(20, 20, 200, 160), 125), *chips)


PARTS: Mapping[str, Drawing] = {
    "bracket": (
        (polygon((20, 20), (220, 20), (220, 110), (140, 110), (140, 180), (20, 180)), 185),
        (disc(60, 60, 18), 70), (disc(110, 90, 10), 70), (disc(185, 65, 24), 70),
        (box(45, 130, 60, 20), 70),
    ),
    "board": _board(),
    "flange": (
        (disc(120, 100, 84), 175), (disc(108, 84, 30), 90), (box(150, 84, 34, 40), 70),
        (disc(84, 140, 15), 60), (disc(136, 148, 9), 60), (box(60, 60, 14, 44), 220),
    ),
    "lever": (
        (polygon((18, 92), (90, 60), (200, 30), (224, 52), (210, 78), (100, 140), (40, 132)), 80),
        (disc(52, 105, 20), 200), (disc(200, 54, 10), 200),
        (polygon((95, 90), (150, 66), (156, 78), (104, 112)), 150),
    ),
    "label": (
        (box(20, 40, 200, 120), 225),
        *((box(32 + 11 * n, 55, 2.5 + 2.5 * (n * 7 % 3), 45), 30) for n in range(9)),
        (box(140, 55, 66, 14), 60), (box(140, 80, 40, 8), 60), (box(32, 115, 120, 9), 60),
        (box(32, 135, 76, 9), 60), (disc(190, 128, 17), 120),
    ),
}  # fmt: skip
"""Parts that are looked for."""

ALIKE: Mapping[str, tuple[Drawing, ...]] = {
    name: (tuple((np.array((VIEW[0], 0)) + outline * (-1, 1), grey) for outline, grey in drawing),)
    for name, drawing in PARTS.items()
}
"""What looks alike and is another part: its mirror image."""


def teaching_view(drawing: Drawing, seed: int = 0) -> Image:
    """The part upright on even ground, as it is taught."""
    ground = np.full((VIEW[1] * FINEST, VIEW[0] * FINEST), 140, np.uint8)
    paint(ground, drawing, Pose(), FINEST)
    return _seen(ground, VIEW, np.random.default_rng(seed), blur=0.7, noise=2.0)


def scene_of(
    drawing: Drawing | None,
    seed: int,
    others: tuple[Drawing, ...] = (),
    size: tuple[int, int] = FRAME,
) -> Scene:
    """One part (or none) at any turn, ±20 % in size, on ground with clutter and `others`."""
    rng = np.random.default_rng(seed)
    ground = _ground(size, rng, drawing[0][1] if drawing else None)
    pose = _pose(size, rng)
    for other in others:
        paint(ground, other, _pose(size, rng))
    hidden = 0.0
    if drawing:
        paint(ground, drawing, pose)
        hidden = _hide(ground, drawing, pose, rng)
    light = _light(size, rng)
    image = _seen(ground, size, rng, rng.uniform(0.4, 1.2), rng.uniform(1, 6), light)
    return Scene(image=image, pose=pose, hidden=hidden)


def paint(canvas: Image, drawing: Drawing, pose: Pose, finer: int = FINER) -> None:
    """Paint a part at a pose; a pixel of the picture is `finer` x `finer` pixels of the canvas."""
    for outline, grey in drawing:
        fill(canvas, pose.to_image(outline) * finer, grey)


def fill(canvas: Image, outline: Outline, grey: int) -> None:
    """Paint the pixels whose centres lie inside, by even and odd; no edge is favoured.

    OpenCV's `fillPoly` also paints the pixels an edge touches, which moves edges by half a pixel.
    """
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, canvas.shape[::-1])
    if (high <= low).any():
        return
    crossed = np.zeros((high[1] - low[1], high[0] - low[0] + 1), np.uint8)
    for (x0, y0), (x1, y1) in zip(outline - low, np.roll(outline, -1, axis=0) - low, strict=True):
        top, bottom = sorted((y0, y1))
        rows = np.arange(
            max(0, np.ceil(top - 0.5)), min(len(crossed), np.ceil(bottom - 0.5)), dtype=int
        )
        if len(rows):
            at = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            columns = np.clip(np.ceil(at - 0.5), 0, crossed.shape[1] - 1).astype(int)
            crossed[rows, columns] ^= 1
    inside = np.bitwise_xor.accumulate(crossed, axis=1)[:, :-1].astype(bool)
    canvas[low[1] : high[1], low[0] : high[0]][inside] = grey


def _pose(size: tuple[int, int], rng: np.random.Generator) -> Pose:
    angle_deg, scale = float(rng.uniform(-180, 180)), float(rng.uniform(0.8, 1.2))
    middle = Pose(angle_deg=angle_deg, scale=scale).to_image(np.array(VIEW) / 2)
    rim = 0.55 * scale * float(np.hypot(*VIEW))
    x, y = (rng.uniform(rim, np.array(size) - rim) - middle).tolist()
    return Pose(x=x, y=y, angle_deg=angle_deg, scale=scale)


def _ground(size: tuple[int, int], rng: np.random.Generator, body: int | None) -> Image:
    """Even, grained or striped ground with things lying on it, not as grey as the part's body."""
    width, height = size
    kind = rng.integers(4)
    grain = rng.normal(0, 1, (height // 4, width // 4))
    if kind == 1:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(1, 6))), np.float64)
    elif kind == 2:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), sigmaX=12, sigmaY=0.8), np.float64)
    elif kind == 3:
        across = np.arange(width // 4) * rng.uniform(0.1, 0.5)
        grain = np.tile(np.sin(across), (height // 4, 1))
    grain *= rng.uniform(4, 22) / max(float(grain.std()), 1e-6) if kind else 0
    grey = rng.uniform(60, 200)
    while body is not None and abs(grey - body) < APART:
        grey = rng.uniform(60, 200)
    base = np.clip(grain + grey, 0, 255).astype(np.uint8)
    fine = (width * FINER, height * FINER)
    ground = np.asarray(cv2.resize(base, fine, interpolation=cv2.INTER_LINEAR), np.uint8)
    for _ in range(int(rng.integers(0, 26))):
        at, reach = rng.uniform((0, 0), size), rng.uniform(10, 110)
        count = int(rng.integers(3, 9))
        turn = np.sort(rng.uniform(0, 2 * np.pi, count))
        away = reach * rng.uniform(0.4, 1, count)
        corners = at + np.stack((away * np.cos(turn), away * np.sin(turn)), axis=1)
        if rng.random() < 0.3:
            corners = disc(float(at[0]), float(at[1]), reach / 2)
        fill(ground, corners * FINER, int(rng.integers(20, 236)))
    return ground


def _hide(canvas: Image, drawing: Drawing, pose: Pose, rng: np.random.Generator) -> float:
    """Cover up to a quarter of the part's area in one of two scenes; the share covered."""
    if rng.random() < 0.5:
        return 0.0
    height, width = canvas.shape[0] // FINER, canvas.shape[1] // FINER
    body = np.zeros((height, width), np.uint8)
    for outline, _ in drawing[:1]:
        cv2.fillPoly(body, [np.round(pose.to_image(outline)).astype(np.int32)], 1)
    ys, xs = np.nonzero(body)
    for _ in range(20):
        middle = int(rng.integers(len(xs)))
        turn, reach = rng.uniform(0, np.pi), rng.uniform(15, 70)
        sides = np.array(((1, 0.5), (-1, 0.6), (-0.9, -0.5), (1, -0.4))) * reach
        cos, sin = np.cos(turn), np.sin(turn)
        corners = sides @ np.array(((cos, sin), (-sin, cos))) + (xs[middle], ys[middle])
        cover = np.zeros_like(body)
        cv2.fillPoly(cover, [np.round(corners).astype(np.int32)], 1)
        share = float((cover & body).sum() / body.sum())
        if share <= 0.25:
            fill(canvas, corners * FINER, int(rng.integers(20, 236)))
            return share
    return 0.0


def _light(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Gain that changes evenly across the picture, by up to 40 % from side to side."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    slope = rng.uniform(-0.2, 0.2, 2)
    return np.asarray(rng.uniform(0.6, 1.1) * (1 + slope[0] * x + slope[1] * y), np.float64)


def _seen(
    canvas: Image,
    size: tuple[int, int],
    rng: np.random.Generator,
    blur: float,
    noise: float,
    light: NDArray[np.float64] | None = None,
) -> Image:
    image = np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.float64)
    lit = image if light is None else image * light
    sharp = np.asarray(cv2.GaussianBlur(lit, (0, 0), blur), np.float64)
    return np.clip(np.round(sharp + rng.normal(0, noise, sharp.shape)), 0, 255).astype(np.uint8)
