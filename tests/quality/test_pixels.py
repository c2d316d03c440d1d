"""Pixel figures against other programs and against the definition, and in bounded memory."""

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from station.core.errors import ModelOutputError
from station.quality.pixels import PixelTally

Pair = tuple[NDArray[np.float32], NDArray[np.bool_]]


def scene(seed: int, lift: float) -> Pair:
    """A noisy map whose marked disc scores `lift` higher."""
    rng = np.random.default_rng(seed)
    heat = rng.gamma(2.0, 1.0, (48, 64)).astype(np.float32)
    canvas = np.zeros(heat.shape, np.uint8)
    for _ in range(2):
        middle = (int(rng.integers(8, 56)), int(rng.integers(8, 40)))
        cv2.circle(canvas, middle, int(rng.integers(2, 7)), 1, cv2.FILLED)
    mask = canvas.astype(bool)
    heat[mask] += lift
    return heat, mask


def tallied(pairs: list[Pair]) -> PixelTally:
    tally = PixelTally()
    for heat, mask in pairs:
        tally.add(heat, mask)
    return tally


def overlap_area(pairs: list[Pair], limit: float = 0.3) -> float:
    """The definition, one limit after the other."""
    heat = np.concatenate([heat.ravel() for heat, _ in pairs])
    mask = np.concatenate([mask.ravel() for _, mask in pairs])
    points = [(0.0, 0.0)]
    for level in np.unique(heat)[::-1]:
        shares = []
        for one, marked in pairs:
            count, regions = cv2.connectedComponents(marked.astype(np.uint8), connectivity=8)
            shares += [(one[regions == number] >= level).mean() for number in range(1, count)]
        points.append(((heat[~mask] >= level).mean(), float(np.mean(shares))))
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x1 > limit:
            y1, x1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0), limit
        area += (x1 - x0) * (y0 + y1) / 2
        if x1 >= limit:
            break
    return area / limit


@pytest.mark.parametrize("lift", [0.0, 0.5, 2.0, 20.0])
def test_pixel_auroc_is_what_sklearn_says(lift: float) -> None:
    pairs = [scene(seed, lift) for seed in range(4)]
    figures = tallied(pairs).figures()
    assert figures is not None
    truth = np.concatenate([mask.ravel() for _, mask in pairs])
    score = np.concatenate([heat.ravel() for heat, _ in pairs])
    assert figures.auroc == pytest.approx(roc_auc_score(truth, score), abs=1e-4)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6, -1.0])
def test_scores_of_any_size_and_sign_are_counted_finely(scale: float) -> None:
    pairs = [
        (np.asarray(heat * np.float32(scale)), mask) for heat, mask in (scene(s, 1) for s in (0, 1))
    ]
    figures = tallied(pairs).figures()
    assert figures is not None
    truth = np.concatenate([mask.ravel() for _, mask in pairs])
    score = np.concatenate([heat.ravel() for heat, _ in pairs])
    assert figures.auroc == pytest.approx(roc_auc_score(truth, score), abs=1e-4)


@pytest.mark.parametrize("lift", [0.5, 2.0])
def test_aupro_is_the_area_under_the_overlap_of_regions(lift: float) -> None:
    pairs = [(np.round(heat, 1), mask) for heat, mask in (scene(seed, lift) for seed in range(3))]
    figures = tallied(pairs).figures()
    assert figures is not None
    assert figures.aupro == pytest.approx(overlap_area(pairs), abs=1e-3)


def test_a_perfect_map_scores_1_and_a_random_one_about_its_diagonal() -> None:
    heat, mask = scene(1, 0)
    perfect = tallied([(mask.astype(np.float32), mask)]).figures()
    assert perfect is not None
    assert (perfect.auroc, perfect.aupro) == (1.0, 1.0)
    rng = np.random.default_rng(0)
    even = tallied([(rng.random((400, 400), np.float32), np.indices((400, 400))[0] > 200)])
    figures = even.figures()
    assert figures is not None
    assert figures.auroc == pytest.approx(0.5, abs=0.01)
    assert figures.aupro == pytest.approx(0.15, abs=0.01)
    assert heat.shape == mask.shape


def test_every_region_weighs_the_same() -> None:
    mask = np.zeros((40, 40), bool)
    mask[:30, :30] = mask[35, 35] = True
    heat = np.zeros(mask.shape, np.float32)
    heat[:30, :30] = 1
    figures = tallied([(heat, mask)]).figures()
    assert figures is not None
    assert figures.regions == 2
    # half of the regions is found at no false positive, the other only with all the rest
    assert figures.aupro == pytest.approx(0.5 + 0.5 * 0.15, abs=1e-6)


def test_good_pictures_are_all_good_pixels() -> None:
    tally = tallied([scene(2, 3.0)])
    before = tally.figures()
    tally.add(np.full((48, 64), 100, np.float32))
    after = tally.figures()
    assert before is not None
    assert after is not None
    assert after.auroc < before.auroc
    assert (after.pictures, after.masks) == (2, 1)


def test_without_marks_there_are_no_figures() -> None:
    tally = PixelTally()
    tally.add(np.ones((4, 4), np.float32))
    assert tally.figures() is None


def test_a_map_that_holds_nan_proves_nothing() -> None:
    with pytest.raises(ModelOutputError, match="NaN"):
        PixelTally().add(np.full((4, 4), np.nan, np.float32))
