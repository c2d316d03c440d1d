"""The text recogniser that lies inside the installed rapidocr, run in place; never copied."""

import importlib.util
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from station.core.errors import ModelError, ModelOutputError
from station.core.frame import Image
from station.vision.model import open_session, refuse_unsafe, sha256_of
from station.vision.run_limit import limited

RECOGNISER_SHA256 = "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"
KNOWN_FILES: Mapping[str, str] = MappingProxyType({RECOGNISER_SHA256: "PP-OCRv6_rec_small"})
"""sha256 -> name of the recognisers this reading was measured with; no other file is run."""

HEIGHT_PX = 48
WIDTHS_PX = (160, 240, 320, 480, 640, 960)
"""The only widths that are run: every new one would grow ONNX Runtime's arena."""
SIGNS = "".join(chr(code) for code in range(32, 127))
"""What can be read: the printable signs of ASCII; column 1 + i of the distributions is SIGNS[i]."""

_ALIKE = {
    "\u00d8": "0",  # slashed zeros
    "\u00f8": "0",
    "\u3007": "0",
    "\u00b7": ".",  # raised dots
    "\u2022": ".",
    "\u2013": "-",  # dashes, minus, and one in Chinese
    "\u2014": "-",
    "\u2212": "-",
    "\u4e00": "-",
}
"""What a recogniser of all scripts calls a sign of ASCII; full-width forms come by NFKC."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """A verified recogniser, loaded; safe to run from several threads at once."""

    name: str
    sha256: str
    session: ort.InferenceSession
    columns: tuple[tuple[int, int], ...]
    """(column of the net's answer, column of ours) for every sign that is kept."""

    def distributions(self, strip: Image) -> NDArray[np.float64]:
        """What stands where in a line: probabilities [steps, 1 + len(SIGNS)], blank first.

        `strip` is grey [48, w], uint8, dark text on light. A row sums to at most 1: what is left
        is the probability of signs outside ASCII, which nobody gets.

        Raises:
            ModelOutputError: the net answered no distributions.
        """
        width = width_for(strip)
        feed = {"x": _tensor(strip, width)}
        answer = limited(lambda options: self.session.run(None, feed, options), self.name)[0]
        theirs, ours = np.array(self.columns).T
        if not np.isfinite(answer.sum()) or answer.min() < 0 or answer.max() > 1.001:
            raise ModelOutputError(f"{self.name} answered what is no probability")
        kept = np.zeros((answer.shape[1], 1 + len(SIGNS)), np.float64)
        np.add.at(kept.T, ours, answer[0].T[theirs].astype(np.float64))
        return kept


@lru_cache(maxsize=2)
def open_recogniser(
    approved_sha256: str = RECOGNISER_SHA256, folder: Path | None = None
) -> Recogniser:
    """The recogniser, from verified bytes; `folder` is rapidocr's `models` unless given.

    One session for all tools of a process: it is safe to share and holds 21 MB.

    Raises:
        ModelError: rapidocr is not installed, or does not hold that very file.
    """
    folder = folder or _models_folder()
    candidates = sorted(folder.glob("*rec*.onnx"))
    for path in candidates if approved_sha256 in KNOWN_FILES else ():
        data = path.read_bytes()
        if sha256_of(data) == approved_sha256:
            return _opened(KNOWN_FILES[approved_sha256], data)
    found = ", ".join(path.name for path in candidates) or "none"
    raise ModelError(
        f"the installed rapidocr holds no text recogniser {approved_sha256[:12]} that is known "
        f"here (found: {found}; known: {', '.join(KNOWN_FILES.values())} "
        f"{RECOGNISER_SHA256[:12]}); install the version the lock file names"
    )


def _opened(name: str, data: bytes) -> Recogniser:
    refuse_unsafe(data, name)
    session = open_session(data, name)
    described = session.get_modelmeta().custom_metadata_map.get("character", "")
    # The net's classes: blank, the signs of its dictionary, space.
    classes = ("", *described.split("\n"), " ")
    outputs = session.get_outputs()[0].shape[-1]
    if outputs != len(classes):
        raise ModelError(f"{name} has {outputs} classes and a dictionary of {len(classes)}")
    recogniser = Recogniser(name, sha256_of(data), session, _columns(classes))
    for width in WIDTHS_PX:
        recogniser.distributions(np.full((HEIGHT_PX, width), 255, np.uint8))
    return recogniser


def _columns(classes: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    kept = [(0, 0)]
    for place, sign in enumerate(classes[1:], 1):
        plain = _ALIKE.get(sign) or unicodedata.normalize("NFKC", sign)
        if len(plain) == 1 and plain in SIGNS:
            kept.append((place, 1 + SIGNS.index(plain)))
    return tuple(kept)


def width_for(strip: Image) -> int:
    """The width a strip is run with: free ground is added, or it is squeezed."""
    return next((size for size in WIDTHS_PX if size >= strip.shape[1]), WIDTHS_PX[-1])


def _tensor(strip: Image, width: int) -> NDArray[np.float32]:
    """The strip as the net wants it: [1, 3, 48, width] from -1 to 1, what is beyond it 0."""
    if strip.shape[1] > width:
        strip = np.asarray(
            cv2.resize(strip, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8
        )
    tensor = np.zeros((1, 3, HEIGHT_PX, width), np.float32)
    tensor[0, :, :, : strip.shape[1]] = strip.astype(np.float32) * np.float32(2 / 255) - 1
    return tensor


def _models_folder() -> Path:
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("read_text needs the package rapidocr, which is not installed; install it")
    return Path(next(iter(spec.submodule_search_locations))) / "models"
