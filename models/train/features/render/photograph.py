"""The camera: what every picture of a product shares, and what changes from part to part."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.features.render.fields import Plane

_HARD_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One station: its blur, and how much exposure, tint, shading and noise vary."""

    blur_px: float
    noise: float
    gain: float
    tint: float
    slope: float
    shading: float
    gamma: float
    jpeg_quality: int
    """0: none."""


def draw_camera(rng: Generator) -> Camera:
    """A station at random; every other one has light that changes much from part to part."""
    hard = rng.uniform(0.3, 1.2) if rng.random() < _HARD_SHARE else 0.0
    gain, slope = 0.04 * rng.choice([0, 0.5, 1, 2.5]), rng.choice([0, 0.03, 0.08])
    return Camera(
        blur_px=float(rng.choice([0, 0, 0.5, 0.9, 1.4])),
        noise=float(rng.choice([0, 0.8, 2, 4, 7])),
        gain=float(max(gain, 0.12 * hard)),
        tint=float(0.02 * rng.choice([0, 0.5, 1])),
        slope=float(max(slope, 0.2 * hard)),
        shading=0.12 * hard if rng.random() < 0.6 else 0.0,
        gamma=0.2 * hard,
        jpeg_quality=int(rng.integers(60, 95)) if rng.random() < 0.2 else 0,
    )


def photograph(image: NDArray[np.uint8], camera: Camera, rng: Generator) -> NDArray[np.uint8]:
    """The picture as it happens to be taken this time, uint8 [H, W, 3]."""
    seen: NDArray[np.floating] = image.astype(np.float32)
    if camera.gamma:
        seen = 255 * (seen / 255) ** np.float32(np.exp(rng.normal(0, camera.gamma)))
    if camera.blur_px:
        blur_px = max(0.35, camera.blur_px * rng.uniform(0.85, 1.15))
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), blur_px), np.float32)
    light = _light(camera, image.shape[0], image.shape[1], rng)
    tint = 1 + rng.normal(0, camera.tint + 1e-6, 3)
    exposure = (1 + rng.normal(0, camera.gain)) * tint
    seen = seen * light[..., None] * np.float32(exposure) + np.float32(
        90 * rng.normal(0, camera.gain)
    )
    if camera.noise:
        noise = rng.standard_normal(image.shape[:2], dtype=np.float32)[..., None]
        seen = seen + np.float32(camera.noise) * noise
    taken = np.asarray(np.clip(seen, 0, 255)).astype(np.uint8)
    if not camera.jpeg_quality:
        return taken
    _, packed = cv2.imencode(".jpg", taken, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg_quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _light(camera: Camera, height: int, width: int, rng: Generator) -> Plane:
    """How much light falls where, this time: around 1."""
    turn, slope = rng.uniform(0, 2 * np.pi), camera.slope * rng.random()
    across = 1 + slope * np.cos(turn) * np.linspace(-1, 1, width, dtype=np.float32)
    down = 1 + slope * np.sin(turn) * np.linspace(-1, 1, height, dtype=np.float32)
    light = down[:, None] * across
    if camera.shading:
        coarse = rng.standard_normal((4, 4), dtype=np.float32)
        uneven = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        light = light * (1 + camera.shading * np.clip(uneven, -3, 3))
    return np.asarray(light, np.float32)
