"""The recogniser of the wheel: that very file or none; its answers are probabilities."""

from pathlib import Path

import numpy as np
import pytest

from station.core.errors import ModelError
from station.sources.synthetic.lettering import letter
from station.vision.reading.decoding import readings_of
from station.vision.reading.recogniser import (
    RECOGNISER_SHA256,
    WIDTHS_PX,
    Recogniser,
    open_recogniser,
)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return open_recogniser()


def test_what_stands_there_is_read(recogniser: Recogniser) -> None:
    strip = np.full((48, 300), 255, np.uint8)
    ink = letter("LOT B8S5 2Z", "uni", 26)
    strip[11 : 11 + ink.shape[0], 14 : 14 + ink.shape[1]] -= ink
    text, probability = next(iter(readings_of(recogniser.distributions(strip)).items()))
    assert text == "LOTB8S52Z"
    assert probability > 0.9


@pytest.mark.parametrize("width", [1, WIDTHS_PX[0], WIDTHS_PX[0] + 1, WIDTHS_PX[-1], 3000])
def test_any_width_gives_distributions(recogniser: Recogniser, width: int) -> None:
    seen = recogniser.distributions(np.full((48, width), 255, np.uint8))
    assert np.all(seen >= 0)
    assert np.all(seen.sum(axis=1) <= 1 + 1e-6)
    assert len(seen) == next(size for size in (*WIDTHS_PX, width) if size >= min(width, 960)) // 8


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "PP-OCRv6_rec_small.onnx").write_bytes(b"another model")
    with pytest.raises(ModelError, match="install the version"):
        open_recogniser(RECOGNISER_SHA256, tmp_path)
    with pytest.raises(ModelError, match="found: none"):
        open_recogniser(RECOGNISER_SHA256, tmp_path / "gone")


def test_a_hash_that_is_not_known_is_refused() -> None:
    with pytest.raises(ModelError, match="000000000000"):
        open_recogniser("0" * 64)
