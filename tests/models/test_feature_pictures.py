"""The pictures the feature net learns from: repeatable, and masks that cover what was changed."""

import numpy as np
import pytest

from models.train.features.render import (
    add_defect,
    draw_camera,
    family_of,
    photograph,
    shows,
    views,
)

FIRST_OF_FAMILY = {family_of(seed): seed for seed in range(40, 0, -1)}
SIZE = 96


def test_every_family_comes_up() -> None:
    assert set(FIRST_OF_FAMILY) == {"surface", "part", "relief", "board", "print", "bulk"}


@pytest.mark.parametrize("family", sorted(FIRST_OF_FAMILY))
def test_a_product_is_the_same_every_time_and_its_parts_differ(family: str) -> None:
    parts = views(FIRST_OF_FAMILY[family], SIZE, 3)
    assert parts.shape == (3, SIZE, SIZE, 3)
    assert parts.dtype == np.uint8
    assert np.array_equal(parts, views(FIRST_OF_FAMILY[family], SIZE, 3))
    assert (parts[0] != parts[1]).any()
    assert parts.std() > 1


def test_another_seed_is_another_product() -> None:
    assert (views(1, SIZE, 1) != views(2, SIZE, 1)).any()


def test_the_change_of_a_defect_covers_every_changed_pixel_and_no_other() -> None:
    good, donor = views(5, SIZE, 1)[0], views(6, SIZE, 1)[0]
    shown = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        bad, change = add_defect(good, donor, rng, is_stationary=bool(seed % 2))
        assert bad.dtype == np.uint8
        assert change.shape == good.shape[:2]
        step = np.abs(bad.astype(int) - good).max(2)
        # What is drawn is cut to whole grey values, so a change may show up to one less.
        assert (step <= change + 1).all()
        assert (change < step + 1 + 1e-3).all()
        shown += shows(good, change)
    assert shown > 30


def test_a_defect_is_the_same_every_time() -> None:
    good, donor = views(5, SIZE, 1)[0], views(6, SIZE, 1)[0]
    first, again = (add_defect(good, donor, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_no_change_does_not_show() -> None:
    good = views(5, SIZE, 1)[0]
    assert not shows(good, np.zeros(good.shape[:2], np.float32))


def test_two_photographs_of_one_part_differ() -> None:
    good = views(5, SIZE, 1)[0]
    rng = np.random.default_rng(0)
    camera = next(c for c in iter(lambda: draw_camera(rng), None) if c.gain and c.noise)
    assert (photograph(good, camera, rng) != photograph(good, camera, rng)).any()
