"""Good pictures evidently unlike the others are reported with a picture, honest ones never."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from station.teach.anomaly.outliers import evident
from station.vision.images import find_pictures, read_image
from tests.teach.anomaly.conftest import Teach, draw_plate, score_of, write_good


@pytest.mark.parametrize("count", [10, 40, 200, 5000])
def test_honest_scores_are_seldom_reported_however_many(count: int) -> None:
    rng = np.random.default_rng(0)
    reports = sum(bool(evident(rng.gumbel(5, 0.5, count))) for _ in range(40))
    assert reports <= 1


def test_far_scores_are_reported_worst_first_and_few() -> None:
    scores = np.random.default_rng(0).gumbel(5, 0.5, 40)
    scores[[7, 3, 9]] = 20, 30, 25
    assert evident(scores) == [3, 9]


def test_a_small_step_above_scores_that_are_all_alike_is_no_outlier() -> None:
    assert evident(np.array([5.0] * 39 + [5.4])) == []


@pytest.mark.parametrize("seed", [0, 1000])
def test_none_of_forty_honest_pictures_is_reported(seed: int, tmp_path: Path, teach: Teach) -> None:
    done = teach(write_good(tmp_path / "honest", 40, seed=seed))
    assert done.pictures["unlike the others"] == 0
    assert done.warnings == ()
    assert not (done.folder / "outliers").exists()


def test_a_different_part_among_thirty_is_shown_and_not_learnt(
    tmp_path: Path, teach: Teach
) -> None:
    root = write_good(tmp_path / "mixed", 30)
    other = draw_plate(9100, "stain")
    cv2.circle(other.image, (36, 96), 14, 20, -1)
    cv2.circle(other.mask, (36, 96), 14, 255, -1)
    assert cv2.imwrite(str(root / "good" / "odd one.png"), other.image)
    done = teach(root)
    assert done.pictures["unlike the others"] == 1
    assert done.pictures["learnt"] == 30
    (warning,) = done.warnings
    assert "1 good pictures look unlike the others and were not learnt: odd one.png" in warning
    shown = read_image(done.folder / "outliers" / "odd one.png.jpg").astype(int)
    rows, columns = np.nonzero(shown[..., 2] - shown[..., 0] > 80)
    scale = shown.shape[0] / other.image.shape[0]
    x, y = columns / scale, rows / scale
    assert x.min() < 36 < x.max()
    assert y.min() < 96 < y.max()
    assert score_of(done, other.image) > 1


def test_a_different_part_among_the_few_only_held_out_does_not_move_the_limit(
    tmp_path: Path, teach: Teach
) -> None:
    """Of 206 pictures 200 are learnt from; what lies among the other six is as strange."""
    root = write_good(tmp_path / "many", 206, size=(64, 64))
    before = teach(root, size_px=64, name="before")
    order = np.random.default_rng(0).permutation(206)
    held_out = [list(find_pictures(root / "good"))[row] for row in order[200:]]
    for path in held_out[:2]:
        image = read_image(path).copy()
        cv2.rectangle(image, (4, 4), (30, 60), 250, -1)
        assert cv2.imwrite(str(path), image)
    done = teach(root, size_px=64, name="after")
    assert done.limit.limit == pytest.approx(before.limit.limit, rel=0.05)
    (warning,) = done.warnings
    assert "2 more good pictures score far above the others" in warning
    assert all(path.name in warning for path in held_out[:2])
