"""Is this an image of anything at all?"""

import cv2

from station.core.frame import Image
from station.core.recipe import HealthLimits

SAMPLES_ACROSS = 64
"""About so many pixels of the shorter side are looked at: enough for mean and contrast."""


def find_fault(image: Image, limits: HealthLimits) -> str | None:
    """What is wrong with an image, in words, or None; looks at an even grid of single pixels."""
    step = max(1, min(image.shape[:2]) // SAMPLES_ACROSS)
    size = (-(-image.shape[1] // step), -(-image.shape[0] // step))
    sample = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    means, deviations = cv2.meanStdDev(sample)
    channels: list[float] = means.ravel().tolist()
    mean, contrast = sum(channels) / len(channels), max(deviations.ravel().tolist())
    if not mean >= limits.mean_at_least:
        return f"too dark: mean {mean:.1f}, at least {limits.mean_at_least:g}; lamp or lens cover?"
    if not mean <= limits.mean_at_most:
        return f"too bright: mean {mean:.1f}, at most {limits.mean_at_most:g}; exposure?"
    if not contrast >= limits.contrast_at_least:
        return f"empty: contrast {contrast:.1f}, at least {limits.contrast_at_least:g}; no part?"
    return None
