"""The space patches are compared in, and the memory that covers them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from station.teach.anomaly.memory import nearest, remember, spread_out
from station.teach.anomaly.space import MOST_AXES, fit_space


def patches(count: int, axes: int = 6, *, seed: int = 0, at: float = 0.0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(at, 1, (count, axes)).astype(np.float32)


def test_distances_are_those_to_the_nearest_remembered_patch() -> None:
    seen, remembered = patches(50, seed=1), patches(30, seed=2)
    direct = np.linalg.norm(seen[:, None] - remembered[None], axis=2).min(axis=1)
    assert nearest(seen, remembered) == pytest.approx(direct, abs=1e-4)
    assert nearest(remembered, remembered) == pytest.approx(np.zeros(30), abs=3e-3)


def test_a_bounded_choice_covers_every_cluster() -> None:
    """Nine of ten patches are alike; a random choice of 20 would miss some of the rare kinds."""
    rare = [patches(2, seed=k, at=20.0 * (k + 1)) for k in range(10)]
    sample = np.concatenate((patches(2000), *rare))
    memory = remember([sample], np.random.default_rng(0), count=20)
    assert len(memory.patches) == 20
    assert memory.distances(np.concatenate(rare)).max() < 8


def test_the_choice_is_spread_further_than_a_random_one() -> None:
    sample = patches(3000, 8)
    rng = np.random.default_rng(3)
    greedy = nearest(sample, sample[spread_out(sample, 100, rng)])
    random = nearest(sample, sample[rng.permutation(3000)[:100]])
    assert greedy.max() < 0.8 * random.max()


def test_few_patches_are_all_remembered() -> None:
    sample = patches(30)
    memory = remember([sample[:10], sample[10:]], np.random.default_rng(0))
    assert len(memory.patches) == 30
    assert memory.sources.tolist() == [0] * 10 + [1] * 20


def test_a_sample_is_judged_without_its_own_patches() -> None:
    samples = [patches(40), patches(40, seed=1), patches(40, seed=2, at=50.0)]
    memory = remember(samples, np.random.default_rng(0))
    assert memory.distances(samples[2]).max() < 0.1
    assert memory.distances(samples[2], without=2).min() > 50
    assert memory.distances(samples[2], without=0).max() < 0.1


def test_forgotten_samples_are_gone() -> None:
    samples = [patches(40), patches(40, seed=1), patches(40, seed=2, at=50.0)]
    memory = remember(samples, np.random.default_rng(0)).forget([1, 2])
    assert set(memory.sources.tolist()) == {0}
    assert memory.distances(samples[2]).min() > 50
    assert memory.distances(samples[0]).max() < 0.1


def test_where_places_count_the_same_patch_elsewhere_is_far() -> None:
    sample = patches(4)
    places = 10 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    memory = remember([sample], np.random.default_rng(0), places=places)
    assert memory.distances(sample).max() < 0.01
    assert memory.distances(sample[[3, 1, 2, 0]])[0] > 1


def test_the_same_seed_remembers_the_same() -> None:
    samples = [patches(15_000, seed=k) for k in range(3)]
    first, second = (remember(samples, np.random.default_rng(5), count=50) for _ in range(2))
    assert np.array_equal(first.patches, second.patches)
    assert np.array_equal(first.sources, second.sources)


def test_the_space_is_white_however_loud_and_alike_the_numbers_are() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0, 1, (5000, 4))
    mixed = base @ (np.eye(4) + 0.3) * [1, 20, 0.2, 5] + [3, -2000, 0.5, 0]
    z = fit_space(mixed.astype(np.float32), rng).place(mixed.astype(np.float32))
    cov = np.cov(z, rowvar=False)
    assert z.mean(axis=0) == pytest.approx(np.zeros(4), abs=0.02)
    assert np.abs(cov - np.diag(np.diag(cov))).max() < 0.02
    assert np.diag(cov).max() < 1.01
    assert np.diag(cov).min() > 0.8


def test_the_space_is_bounded_and_keeps_the_strongest_axes() -> None:
    rng = np.random.default_rng(0)
    wide = rng.normal(0, 1, (3000, 200)).astype(np.float32)
    wide[:, :3] = wide[:, 3:6] = 10 * rng.normal(0, 1, (3000, 3))
    space = fit_space(wide, rng)
    assert space.axes == MOST_AXES
    changed = wide.copy()
    changed[:, :6] = -changed[:, :6]
    assert np.linalg.norm(space.place(changed) - space.place(wide), axis=1).mean() > 1


@pytest.mark.parametrize("count", [2, 40])
def test_numbers_that_never_change_do_no_harm(count: int) -> None:
    still = np.full((count, 5), 7.5, np.float32)
    space = fit_space(still, np.random.default_rng(0))
    assert np.isfinite(space.place(still)).all()
    assert np.isfinite(space.place(still + 1)).all()
