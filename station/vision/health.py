"""Is this an image of anything at all?"""

import cv2

from station.core.frame import Image
from station.core.recipe import HealthLimits

SAMPLE_STEP = 4


def find_fault(image: Image, limits: HealthLimits) -> str | None:
    """What is wrong with an image, in words, or None; looks at every 4th pixel of every 4th row."""
    sample = image[::SAMPLE_STEP, ::SAMPLE_STEP]
    means, deviations = cv2.meanStdDev(sample)
    mean, contrast = float(means.mean()), float(deviations.max())
    if not mean >= limits.mean_at_least:
        return f"too dark: mean {mean:.1f}, at least {limits.mean_at_least:g}; lamp or lens cover?"
    if not mean <= limits.mean_at_most:
        return f"too bright: mean {mean:.1f}, at most {limits.mean_at_most:g}; exposure?"
    if not contrast >= limits.contrast_at_least:
        return f"empty: contrast {contrast:.1f}, at least {limits.contrast_at_least:g}; no part?"
    return None
