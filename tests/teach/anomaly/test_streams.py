"""Thousands of pictures, large pictures: memory stays bounded, tiles show what is small."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.frame import Image
from station.core.result import Evaluation
from station.teach.anomaly import teach_anomaly
from station.teach.anomaly.eye import build_eye
from station.teach.anomaly.samples import Crops, Sample
from station.teach.anomaly.sight import affordable, look_at
from station.teach.anomaly.way import Way
from station.teach.drawn import find_places
from station.teach.features import find_features
from station.teach.pictures import Picture
from station.vision.card import Tiling
from tests.teach.anomaly.conftest import heat_of, lesson_for, result_of, write_good

PEAK = """
import resource, sys
from pathlib import Path
from station.teach.anomaly import AnomalyLesson, teach_anomaly
net, models, root = map(Path, sys.argv[1:])
def show(stage, done, total):
    if stage == "holding out":
        print(done, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
lesson = AnomalyLesson(root=root, name="plate", fast=True, size_px=64, features=str(net))
teach_anomaly(lesson, [models], show)
"""


def test_pictures_beyond_those_that_are_learnt_pass_through(
    feature_net: Path, tmp_path: Path
) -> None:
    """Kept in memory, the hundred pictures that are only held out would need 69 MB."""
    folder = tmp_path / "many" / "good"
    folder.mkdir(parents=True)
    for number in range(300):
        image = np.full((480, 480, 3), 90 + number % 7, np.uint8)
        cv2.circle(image, (240 + number % 5, 240), 90 + number % 11, (60, 150, 180), 12)
        image[number, number // 2] = 0
        assert cv2.imwrite(str(folder / f"{number}.jpg"), image)
    words = [sys.executable, "-c", PEAK, *map(str, (feature_net, tmp_path / "m", folder.parent))]
    ended = subprocess.run(
        words, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    peaks = [(int(line.split()[0]), int(line.split()[1])) for line in ended.stdout.splitlines()]
    assert peaks[-1][0] == 100
    assert peaks[-1][1] - peaks[0][1] < 30 * 1024


def test_what_is_held_at_a_time_is_bounded(feature_net: Path) -> None:
    net = find_features(str(feature_net), [])
    small, large = (
        build_eye(net, side, side, fit="stretch", strides=(8, 16)) for side in (224, 1280)
    )
    assert affordable(small, 200, 2) == 200
    count = affordable(large, 200, 2)
    assert 20 <= count < 60
    assert count * 3 * large.rows * large.columns * 128 * 2 < 1e9


def test_progress_of_a_look_reaches_its_end(feature_net: Path, plates: Path) -> None:
    net = find_features(str(feature_net), [])
    eye = build_eye(net, 64, 64, fit="stretch", strides=(8,))
    paths = sorted((plates / "good").iterdir())[:12]
    crops = Crops([Sample(Picture(path, "good", "")) for path in paths])
    seen: list[tuple[int, int]] = []
    look_at(
        eye, eye.opened(), crops, [], each=3, places=find_places(crops[0]), seed=0,
        tick=lambda done, of: seen.append((done, of)),
    )  # fmt: skip
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    assert len({of for _, of in seen}) == 1


def metal(seed: int, *, scratched: bool = False) -> tuple[Image, tuple[int, int]]:
    """Brushed metal with a hole, 1700 x 1560; a scratch two pixels wide and 80 long."""
    rng = np.random.default_rng(seed)
    width, height = 1700, 1560
    brush = cv2.GaussianBlur(
        rng.standard_normal((height // 2, width // 2), np.float32), (0, 0), 6, None, 1
    )
    image = cv2.resize(125 + 12 * brush, (width, height))
    centre = (850 + int(rng.integers(-4, 5)), 780 + int(rng.integers(-4, 5)))
    cv2.circle(image, centre, 260, 50, -1)
    place = (300 + 140 * (seed % 10), 250 + 120 * (seed % 3))
    if scratched:
        x, y = place
        cv2.line(image, (x - 16, y - 38), (x + 16, y + 38), 250, 2)
    noisy = image + rng.standard_normal((height, width), np.float32) * 2
    return np.clip(noisy, 0, 255).astype(np.uint8), place


@pytest.mark.timeout(60)
def test_a_fine_scratch_on_a_large_part_is_seen_through_tiles(
    feature_net: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "metal" / "good"
    folder.mkdir(parents=True)
    for number in range(10):
        assert cv2.imwrite(str(folder / f"{number}.bmp"), metal(number)[0])
    models = tmp_path / "models"
    done = teach_anomaly(lesson_for(tmp_path / "metal", feature_net, size_px=None), [models])
    assert done.way.tiling is not None
    assert done.card.tiling == done.way.tiling
    assert done.limit.scores == 10
    assert result_of(done, models, metal(50)[0]).passed
    image, (x, y) = metal(51, scratched=True)
    result = result_of(done, models, image)
    assert result.evaluation is Evaluation.NOT_OK
    heat = heat_of(done, models, image)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (column, row) == pytest.approx((x, y), abs=50)


def test_small_pictures_are_not_cut_into_tiles(feature_net: Path, tmp_path: Path) -> None:
    done = teach_anomaly(
        lesson_for(write_good(tmp_path / "p", 10), feature_net, size_px=None), [tmp_path / "m"]
    )
    assert done.way.tiling is None
    assert Way(**done.way.model_dump(exclude={"tiling"}), tiling=Tiling(size_px=64)).tiling
