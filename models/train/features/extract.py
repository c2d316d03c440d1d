"""From a picture to one feature vector a place: by a net's maps, or by filters made by hand."""

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from station.core.frame import Image
from station.teach.features import FeatureNet, build

EDGE_PX = 224
Look: TypeAlias = Callable[[Image], NDArray[np.float32]]
"""uint8 [EDGE_PX, EDGE_PX, 3] BGR -> float32 [rows, columns, channels]."""


def by_net(net: FeatureNet) -> Look:
    """A net's maps, each averaged 3x3, brought to the grid of the finest, side by side."""
    graph = build(net, EDGE_PX, EDGE_PX, fit="stretch")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        graph.body.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def look(image: Image) -> NDArray[np.float32]:
        maps = session.run(None, {graph.contract.name: image[None]})
        rows, columns = (max(one.shape[axis] for one in maps) for axis in (2, 3))
        return np.concatenate([_on_grid(one[0], rows, columns) for one in maps], axis=2)

    return look


def by_hand(image: Image) -> NDArray[np.float32]:
    """Gabor energies at four scales and six directions, and local colour, every 8 pixels."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    colour = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)
    energies = [
        np.hypot(*(cv2.filter2D(grey, -1, _gabor(wave, step, phase)) for phase in (0, np.pi / 2)))
        for wave in (4, 7, 12, 20)
        for step in range(6)
    ]
    planes = np.dstack([*energies, colour])
    middle = cv2.GaussianBlur(planes, (0, 0), 4)
    spread = np.sqrt(
        np.maximum(cv2.GaussianBlur(colour * colour, (0, 0), 4) - middle[..., -3:] ** 2, 0)
    )
    size = (image.shape[1] // 8, image.shape[0] // 8)
    small = cv2.resize(np.dstack([middle, spread]), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small, (3, 3)), np.float32)


def _gabor(wave: int, step: int, phase: float) -> NDArray[np.float32]:
    edge = 2 * (int(1.2 * wave) | 1) + 1
    kernel = cv2.getGaborKernel((edge, edge), 0.45 * wave, step * np.pi / 6, wave, 0.8, phase)
    kernel = kernel - kernel.mean()
    return np.asarray(kernel / np.abs(kernel).sum(), np.float32)


def _on_grid(maps: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    planes = np.ascontiguousarray(maps.transpose(1, 2, 0))
    # OpenCV resizes at most four channels of any width at once without complaint; 512 is its end.
    groups = [planes[..., n : n + 4] for n in range(0, planes.shape[2], 4)]
    parts = []
    for group in groups:
        mean = cv2.blur(np.ascontiguousarray(group), (3, 3), borderType=cv2.BORDER_REPLICATE)
        wide = cv2.resize(mean, (columns, rows), interpolation=cv2.INTER_LINEAR)
        parts.append(wide.reshape(rows, columns, -1))
    return np.concatenate(parts, axis=2)
