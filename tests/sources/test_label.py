"""The demo label: same seed, same bytes; what is printed and coded is what the truth says."""

import hashlib

import numpy as np
import pytest
import zxingcpp

from station.core.errors import SettingsError
from station.sources.synthetic import render
from station.sources.synthetic.label import GTIN, REASON_CODES, render_label
from station.sources.synthetic.lettering import FONTS

DIGESTS = {
    None: "06553b75728f0afe",
    "text_mismatch": "f59cf9979d036f19",
    "code_unreadable": "37ba22587dad2f73",
}
"""A change of the renderer changes the sample pictures, and must be made on purpose."""


@pytest.mark.parametrize("defect", DIGESTS)
def test_the_same_seed_gives_the_same_bytes(defect: str | None) -> None:
    image = render("label", seed=7, defect=defect).image
    assert image.shape == (480, 640, 3)
    assert not image.flags.writeable
    assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == DIGESTS[defect]


@pytest.mark.parametrize("code", REASON_CODES)
def test_a_fault_is_seen_in_its_region_and_nowhere_else(code: str) -> None:
    for seed in (40, 41):
        good, bad = render_label(seed=seed), render_label(seed=seed, defect=code)
        assert good.region is None
        assert bad.region is not None
        x, y, width, height = bad.region
        change = np.abs(bad.image.astype(int) - good.image).max(axis=2)
        assert (change[y : y + height, x : x + width] >= 30).sum() >= 20
        change[y : y + height, x : x + width] = 0
        assert change.max() <= 12


def test_what_is_coded_is_the_truth() -> None:
    label = render_label(seed=11)
    (code,) = zxingcpp.read_barcodes(label.image)
    printed = label.printed
    assert code.text == f"(01){GTIN}(17){printed.expiry:%y%m%d}(10){printed.lot}"


def test_only_one_thing_is_wrong() -> None:
    for seed in range(12):
        good = render_label(seed=seed, size=(160, 120)).printed
        wrong = render_label(seed=seed, size=(160, 120), defect="text_mismatch").printed
        assert wrong.coded == good.coded
        assert (wrong.lot != good.lot) != (wrong.expiry != good.expiry)
        old = render_label(seed=seed, size=(160, 120), defect="date_expired").printed
        assert old.coded_expiry == old.expiry
        assert old.expiry.year < 2026


def test_every_font_is_printed_and_every_second_label_by_dots() -> None:
    fonts = [render_label(seed=seed, size=(160, 120)).printed.font for seed in range(16)]
    assert set(fonts) == set(FONTS)
    assert fonts.count("dots") == 8


def test_other_sizes_and_unknown_defects() -> None:
    assert render("label", seed=1, defect="code_missing", size=(1280, 960)).image.shape[0] == 960
    with pytest.raises(SettingsError, match="text_mismatch"):
        render("label", seed=1, defect="scratch")
