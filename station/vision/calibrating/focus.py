"""A number for how sharp a picture is, to focus by."""

import cv2
import numpy as np

from station.core.frame import Image
from station.vision.geometry import to_channels


def sharpness(image: Image) -> float:
    """Mean squared gradient over the squared mean (Tenengrad, Krotkov 1988), times 1000.

    Independent of the exposure; comparable only between pictures of the same scene.
    """
    grey = cv2.GaussianBlur(to_channels(image, 1), (0, 0), 0.8)
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    # a Sobel answer is eight times the slope
    energy = (
        cv2.mean(cv2.multiply(across, across))[0] + cv2.mean(cv2.multiply(down, down))[0]
    ) / 64
    level = float(np.mean(grey))
    return 1000 * energy / max(level, 1.0) ** 2
