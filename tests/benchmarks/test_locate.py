"""A small part of the benchmark `locate`, and that its truth is true."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.pose import Pose
from tests.benchmarks.tools.locate import measure
from tests.benchmarks.tools.rendered_parts import FINER, disc, paint


def test_a_few_poses() -> None:
    numbers = measure(Path(), poses=10).numbers
    assert numbers["found"] >= 0.9
    assert numbers["error_px"] <= 0.2
    assert numbers["error_deg"] <= 0.1
    assert numbers["false_found"] == 0


@pytest.mark.parametrize(("x", "y"), [(40.0, 30.0), (41.37, 29.81)])
def test_what_is_drawn_lies_where_it_is_said_to(x: float, y: float) -> None:
    canvas = np.zeros((60 * FINER, 80 * FINER), np.uint8)
    paint(canvas, ((disc(0, 0, 20), 200),), Pose(x=x, y=y))
    image = np.asarray(cv2.resize(canvas, (80, 60), interpolation=cv2.INTER_AREA), np.float64)
    rows, columns = np.indices(image.shape) + 0.5
    middle = ((image * columns).sum() / image.sum(), (image * rows).sum() / image.sum())
    assert middle == pytest.approx((x, y), abs=0.02)
    assert np.sqrt(image.sum() / 200 / np.pi) == pytest.approx(20, abs=0.02)
