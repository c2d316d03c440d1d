"""Calipers: rows of samples laid over a part, each averaged across its width to one profile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.errors import OutsideImageError
from station.core.frame import Image

STEP_PX = 0.5
"""Between samples along a caliper; half a pixel, so that a peak of the gradient has a shape."""
TOLERANCE_PX = 0.5
"""A sample may lie so far outside the image: half a pixel is rounding."""

Floats = NDArray[np.float64]
Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calipers:
    """Where n calipers sample: (n, across, along, 2), continuous pixels; and how to go back.

    The edge at `t` pixels along caliper k lies at `starts[k] + t * directions[k]`.
    """

    samples: NDArray[np.float32]
    starts: Floats
    directions: Floats


def straight(starts: Floats, direction: Floats, length_px: float, width_px: float) -> Calipers:
    """Calipers from each of `starts` (n, 2) along one unit direction, averaged across it."""
    along = along_px(length_px)
    offsets = across_px(width_px)
    normal = np.array((-direction[1], direction[0]))
    samples = (
        starts[:, None, None]
        + offsets[None, :, None, None] * normal
        + along[None, None, :, None] * direction
    )
    return Calipers(
        samples=samples.astype(np.float32),
        starts=starts,
        directions=np.broadcast_to(direction, starts.shape),
    )


def radial(
    centre: Floats, angles: Floats, radii: tuple[float, float], radius_px: float, width_px: float
) -> Calipers:
    """Calipers from the first radius to the second at each angle (n,) in radians, clockwise.

    They are averaged along arcs, not chords: a chord of width w would move the edge of a circle
    of radius r inwards by w**2 / (24 r).
    """
    start, end = radii
    way = 1.0 if end > start else -1.0
    distances = start + way * along_px(abs(end - start))
    turned = angles[:, None] + across_px(width_px) / radius_px
    rays = np.stack((np.cos(turned), np.sin(turned)), axis=-1)
    axes = np.stack((np.cos(angles), np.sin(angles)), axis=-1)
    return Calipers(
        samples=(centre + rays[:, :, None, :] * distances[None, None, :, None]).astype(np.float32),
        starts=centre + axes * start,
        directions=axes * way,
    )


def rows_of(grey: Image, calipers: Calipers) -> NDArray[np.float32]:
    """What each caliper sees, (n, across, along), sampled bilinearly from a grey image.

    cv2.remap would do it in steps of 1/32 pixel and rounded grey levels.

    Raises:
        OutsideImageError: a caliper does not lie wholly in the image.
    """
    height, width = grey.shape
    half = np.float32(0.5)
    x, y = calipers.samples[..., 0] - half, calipers.samples[..., 1] - half
    _check_inside(x, y, width, height)
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left = np.minimum(x.astype(np.int32), max(0, width - 2))
    top = np.minimum(y.astype(np.int32), max(0, height - 2))
    right, below = min(1, width - 1), min(1, height - 1) * width
    u, v = x - left.astype(np.float32), y - top.astype(np.float32)
    flat, at = np.ascontiguousarray(grey).reshape(-1).astype(np.float32), top * width + left
    upper = flat[at] + u * (flat[at + right] - flat[at])
    lower = flat[at + below] + u * (flat[at + below + right] - flat[at + below])
    return np.asarray(upper + v * (lower - upper), np.float32)


def along_px(length_px: float) -> Floats:
    """Places of the samples along a caliper."""
    return np.asarray(np.arange(max(3, int(length_px / STEP_PX) + 1)) * STEP_PX, np.float64)


def across_px(width_px: float) -> Floats:
    """Places of the samples across a caliper, about a pixel apart, even about its axis."""
    count = max(1, round(width_px))
    return np.asarray((np.arange(count) - (count - 1) / 2) * (width_px / count), np.float64)


def _check_inside(x: Samples, y: Samples, width: int, height: int) -> None:
    reach = (x.min(), y.min(), x.max() - (width - 1), y.max() - (height - 1))
    # TOLERANCE_PX beyond the image's border, which is half a pixel beyond its outer centres
    allowed = TOLERANCE_PX + 0.5
    if min(reach[0], reach[1]) < -allowed or max(reach[2], reach[3]) > allowed:
        raise OutsideImageError(
            f"a caliper reaches from ({x.min():.0f}, {y.min():.0f}) to ({x.max():.0f}, "
            f"{y.max():.0f}), the image is {width} x {height}; wrong camera settings, or a "
            "recipe for another camera"
        )
