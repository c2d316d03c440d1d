"""Typed functions over OpenCV and ONNX Runtime; no plug-ins, no state of the station."""

import os

MAX_PIXELS = 100_000_000
"""Pictures above this are refused from their header, before a pixel is decoded."""

# OpenCV reads it once, at its import: this package must come before any other `import cv2`.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))

import cv2  # noqa: E402

# One frame is one worker's; threads inside a kernel would only fight with the other workers.
cv2.setNumThreads(1)
