"""The teacher: the text-detection net of the installed rapidocr, cut at strides 8 and 16."""

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from station.teach.features import find_features
from station.teach.features.cut import cut, find_taps, fix_shapes
from station.teach.features.net import OCR

STRIDES = (8, 16)


class Teacher:
    """The net at one batch and picture size, on one thread."""

    def __init__(self, pictures: int, edge_px: int) -> None:
        net = find_features(OCR, [])
        self.name = net.card.description
        self.sha256 = net.card.sha256
        self._input = net.card.input
        shape = (pictures, 3, edge_px, edge_px)
        fixed = fix_shapes(net.proto, self._input.name, shape, OCR)
        taps = find_taps(fixed, edge_px, edge_px, STRIDES)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        body = cut(fixed, [taps[stride] for stride in STRIDES]).SerializeToString()
        self._session = ort.InferenceSession(body, options, providers=["CPUExecutionProvider"])

    def maps(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
        """The maps at stride 8 and 16 of pictures [N, H, W, 3] BGR: float16 [N, C, h, w] each."""
        planes = pictures.transpose(0, 3, 1, 2).astype(np.float32)
        mean, spread = np.float32(self._input.mean[0]), np.float32(self._input.std[0])
        planes = (planes * np.float32(self._input.scale) - mean) / spread
        fine, coarse = self._session.run(None, {self._input.name: np.ascontiguousarray(planes)})
        return np.asarray(fine, np.float16), np.asarray(coarse, np.float16)
