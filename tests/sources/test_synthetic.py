"""The synthetic source: same seed, same bytes; truth, visible defects, pace and end."""

import hashlib
from itertools import islice

import numpy as np
import pytest

from station.core.errors import NoFrameError, SettingsError
from station.core.plugin import Source, parse
from station.sources.synthetic import PRODUCTS, Synthetic, part_seed, render, sequence

PAIRS = [(product, code) for product in PRODUCTS for code in PRODUCTS[product].reason_codes]

# Digests of the pictures themselves: a change of the renderer changes the sample pictures and the
# pictures the shipped models were qualified on, and must be made on purpose.
DIGESTS = {
    ("ring", None): "3cace785eba65d79",
    ("ring", "chip"): "b867a73531957755",
    ("cap", None): "8cf120a1db9c96fc",
    ("cap", "flash"): "5159312e9d549fec",
}


@pytest.mark.parametrize(("product", "defect"), DIGESTS)
def test_the_same_seed_gives_the_same_bytes(product: str, defect: str | None) -> None:
    first = render(product, seed=7, defect=defect)
    again = render(product, seed=7, defect=defect)
    assert first.image.tobytes() == again.image.tobytes()
    assert first.region == again.region
    digest = hashlib.sha256(first.image.tobytes()).hexdigest()[:16]
    assert digest == DIGESTS[(product, defect)]


@pytest.mark.parametrize("product", PRODUCTS)
def test_another_seed_gives_another_picture(product: str) -> None:
    one, other = render(product, seed=1, defect=None), render(product, seed=2, defect=None)
    assert np.abs(one.image.astype(int) - other.image).mean() > 2


@pytest.mark.parametrize(("product", "code"), PAIRS)
def test_a_defect_is_visible_inside_its_region_and_nowhere_else(product: str, code: str) -> None:
    pixels, grey = PRODUCTS[product].visible[code]
    for seed in range(40, 46):
        good, bad = render(product, seed=seed, defect=None), render(product, seed=seed, defect=code)
        assert (good.truth, good.region, bad.truth) == ("ok", None, code)
        assert bad.region is not None
        x, y, width, height = bad.region
        assert x >= 0
        assert y >= 0
        assert x + width <= 640
        assert y + height <= 480
        change = np.abs(bad.image.astype(int) - good.image).max(axis=2)
        inside = change[y : y + height, x : x + width]
        # The sensor noise is the same in both pictures, except where a pixel is already white.
        assert (inside >= grey - 4).sum() >= 0.8 * pixels
        inside[:] = 0
        assert change.max() <= 12


@pytest.mark.parametrize("size", [(640, 480), (1280, 1024), (200, 152), (333, 777)])
def test_any_size_is_a_whole_bgr_picture(size: tuple[int, int]) -> None:
    part = render("ring", seed=3, defect="stain", size=size)
    assert part.image.shape == (size[1], size[0], 3)
    assert part.image.dtype == np.uint8
    assert part.image.flags["C_CONTIGUOUS"]
    assert not part.image.flags["WRITEABLE"]
    assert part.region is not None


def test_unknown_products_and_defects_are_refused_with_the_choices() -> None:
    with pytest.raises(SettingsError, match="ring, cap"):
        render("gear", seed=0, defect=None)
    with pytest.raises(SettingsError, match="scratch, dent, stain, chip"):
        render("ring", seed=0, defect="flash")


def test_the_sequence_depends_on_seed_and_place_alone() -> None:
    first = list(islice(sequence("cap", seed=5, defect_rate=0.3), 500))
    assert first == list(islice(sequence("cap", seed=5, defect_rate=0.3), 500))
    assert first != list(islice(sequence("cap", seed=6, defect_rate=0.3), 500))
    assert 110 <= sum(fault is not None for fault in first) <= 190
    assert set(first) == {None, *PRODUCTS["cap"].reason_codes}
    assert set(islice(sequence("cap", seed=5, defect_rate=0.0), 50)) == {None}


def test_a_line_gives_its_parts_with_truth_and_ends() -> None:
    settings = Synthetic(product="cap", rate_per_s=0, defect_rate=0.5, seed=4, parts=4)
    feed = settings.open()
    frames = [feed.grab(1.0) for _ in range(5)]
    assert frames.pop() is None
    for n, (frame, fault) in enumerate(
        zip(frames, sequence("cap", seed=4, defect_rate=0.5), strict=False)
    ):
        assert frame is not None
        assert (frame.sequence, frame.truth) == (n + 1, fault or "ok")
        assert frame.is_simulated
        expected = render("cap", seed=part_seed(4, n), defect=fault).image
        assert frame.image.tobytes() == expected.tobytes()


def test_prerendered_parts_repeat_without_rendering() -> None:
    settings = Synthetic(rate_per_s=0, prerendered=2, width_px=320, height_px=240)
    feed = settings.open()
    frames = [feed.grab(1.0) for _ in range(4)]
    images = [frame.image for frame in frames if frame is not None]
    assert images[0] is images[2]
    assert images[1] is images[3]
    assert not np.array_equal(images[0], images[1])


def test_a_part_that_is_not_due_in_time_is_no_frame() -> None:
    feed = Synthetic(rate_per_s=0.5, width_px=320, height_px=240).open()
    assert feed.grab(0.0) is not None
    with pytest.raises(NoFrameError):
        feed.grab(0.01)
    feed.close()
    feed.close()


def test_a_station_file_can_ask_for_it() -> None:
    source = parse(Source, {"kind": "synthetic", "product": "ring", "rate_per_s": 30})
    assert source == Synthetic(product="ring", rate_per_s=30)
    assert source.is_live
    with pytest.raises(SettingsError, match="did you mean"):
        parse(Source, {"kind": "synthetic", "products": "ring"})
