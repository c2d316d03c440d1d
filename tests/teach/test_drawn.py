"""Drawn defects: seen, where they were asked for, as large as asked for, and always the same."""

import numpy as np
import pytest

from station.core.errors import TeachError
from station.core.frame import Image
from station.teach.drawn import KINDS, draw_defect, find_places, is_visible


def part(*, colour: bool = True, side: int = 224, noise: float = 3.0) -> Image:
    """A bright ring on a darker, empty background."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:side, 0:side] - side / 2
    radius = np.hypot(x, y) / side
    grey = 60 + 110 * ((radius > 0.15) & (radius < 0.36)) + rng.normal(0, noise, (side, side))
    image: Image = np.clip(grey, 0, 255).astype(np.uint8)
    return np.repeat(image[:, :, None], 3, axis=2) if colour else image


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("colour", [True, False])
def test_every_kind_changes_what_its_mask_says_and_nothing_far_from_it(
    kind: str, colour: bool
) -> None:
    image = part(colour=colour)
    before = image.copy()
    donor = part(colour=not colour, side=100)
    drawn = draw_defect(image, np.random.default_rng(1), size=40, donor=donor, kind=kind)
    assert np.array_equal(image, before)
    assert drawn.image.shape == image.shape
    assert drawn.image.dtype == np.uint8
    assert drawn.mask.shape == image.shape[:2]
    assert drawn.mask.dtype == np.bool_
    changed = (drawn.image != image).reshape(*image.shape[:2], -1).any(axis=2)
    assert drawn.mask.any()
    assert changed[drawn.mask].mean() > 0.9
    rows, columns = np.nonzero(changed)
    assert max(np.ptp(rows), np.ptp(columns)) <= 82
    assert is_visible(planes(image), planes(drawn.image), drawn.mask)


@pytest.mark.parametrize("size", [3, 6, 15, 40, 90, 0.3])
def test_the_size_asked_for_is_about_the_size_drawn(size: float) -> None:
    image = part()
    rng = np.random.default_rng(2)
    extents = []
    for _ in range(25):
        rows, columns = np.nonzero(draw_defect(image, rng, size=size).mask)
        extents.append(max(np.ptp(rows), np.ptp(columns)) + 1)
    wanted = size if size >= 1 else size * 224
    assert wanted / 3 < np.median(extents) < 1.5 * wanted + 4


def test_the_same_seed_draws_the_same_defect() -> None:
    image = part()
    first, second = (draw_defect(image, np.random.default_rng(9), size=25) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.mask, second.mask)
    assert first.kind == second.kind
    other = draw_defect(image, np.random.default_rng(10), size=25)
    assert not np.array_equal(first.image, other.image)


def test_defects_lie_on_the_part_rather_than_on_the_empty_background() -> None:
    image = part()
    places = find_places(image, image)
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:224, 0:224] - 112
    near_part = np.hypot(x, y) < 0.44 * 224
    masks = [draw_defect(image, rng, size=10, places=places).mask for _ in range(60)]
    on_part = sum(bool((mask & near_part).any()) for mask in masks)
    assert on_part >= 50


def test_a_picture_that_is_all_surface_is_used_everywhere() -> None:
    image: Image = np.random.default_rng(0).normal(120, 10, (224, 160)).astype(np.uint8)
    weights = find_places(image).weights
    assert weights.sum() == pytest.approx(1)
    assert weights.max() == pytest.approx(weights.min())


@pytest.mark.parametrize("level", [0, 128, 255])
def test_black_grey_and_white_pictures_get_a_visible_defect(level: int) -> None:
    image: Image = np.full((64, 64), level, np.uint8)
    drawn = draw_defect(image, np.random.default_rng(0), size=12)
    assert drawn.mask.any()


def test_a_change_the_texture_hides_is_not_visible() -> None:
    rng = np.random.default_rng(0)
    wild = rng.uniform(0, 255, (64, 64, 1)).astype(np.float32)
    even = np.full((64, 64, 1), 120, np.float32)
    mask = np.zeros((64, 64), np.bool_)
    mask[30:36, 30:36] = True
    change = 14 * mask[:, :, None].astype(np.float32)
    assert is_visible(even, even + change, mask)
    assert not is_visible(wild, wild + change, mask)
    assert not is_visible(even, even, np.zeros_like(mask))


def test_large_pictures_and_odd_shapes_work() -> None:
    image: Image = np.random.default_rng(0).normal(90, 6, (2048, 300, 3)).astype(np.uint8)
    drawn = draw_defect(image, np.random.default_rng(4), size=900)
    assert drawn.image.shape == image.shape


def test_a_picture_too_small_and_an_unknown_kind_are_refused() -> None:
    tiny: Image = np.zeros((8, 200), np.uint8)
    with pytest.raises(TeachError, match="200 x 8"):
        draw_defect(tiny, np.random.default_rng(0), size=4)
    with pytest.raises(TeachError, match="scratch"):
        draw_defect(part(), np.random.default_rng(0), size=4, kind="rust")


def planes(image: Image) -> np.ndarray:
    """As the painters see it."""
    return image.astype(np.float32).reshape(*image.shape[:2], -1)
