"""The shipped models and sample pictures: no bad part passes, the pictures are what they claim."""

import json
from pathlib import Path

import numpy as np
import pytest

from station.sources.synthetic import PRODUCTS
from station.sources.synthetic.rendering import BOARD, LABEL
from station.sources.synthetic.samples import (
    POSITIONS_FILE,
    TRUTH_FILE,
    render_samples,
    sample_parts,
)
from station.vision.images import read_image
from tests.golden.acceptance import ROOT, accept, judge, recipes_of

SAMPLES = ROOT / "sample_images"
POSITIONS = f"{BOARD}/{POSITIONS_FILE}"


@pytest.mark.parametrize("product", PRODUCTS)
def test_no_bundled_bad_picture_passes(product: str) -> None:
    truth = json.loads((SAMPLES / product / TRUTH_FILE).read_bytes())
    for name, prepared in recipes_of(product).items():
        overkills = 0
        for file, fact in truth.items():
            result = judge(read_image(SAMPLES / product / file), prepared, file)
            if fact["truth"] == "ok":
                overkills += not result.passed
            else:
                assert not result.passed, f"{name} passed {file}"
        assert overkills <= 1, name


@pytest.mark.parametrize("product", PRODUCTS)
def test_fresh_parts_have_no_escapes_and_little_overkill(product: str) -> None:
    for tally in accept(product, 48):
        assert not tally.escapes
        assert not tally.unanswered
        assert len(tally.overkills) <= 1
        assert tally.disagreements <= 1


@pytest.mark.timeout(240)  # it renders every sample; machines of a CI are slow
def test_the_sample_pictures_can_be_made_again(tmp_path: Path) -> None:
    written = render_samples(tmp_path)
    assert len(written) == 80 + 30 + 28
    for made in written:
        bundled = SAMPLES / made.relative_to(tmp_path)
        # The rendering is exact on every machine; JPEG coders may differ by a rounding.
        difference = np.abs(read_image(made).astype(int) - read_image(bundled))
        assert difference.mean() < 0.5, bundled
    for name in (*(f"{product}/{TRUTH_FILE}" for product in (*PRODUCTS, BOARD, LABEL)), POSITIONS):
        assert (SAMPLES / name).read_text() == (tmp_path / name).read_text()


@pytest.mark.parametrize("product", [*PRODUCTS, BOARD, LABEL])
def test_every_bundled_picture_is_named_in_the_truth(product: str) -> None:
    folder = SAMPLES / product
    truth = json.loads((folder / TRUTH_FILE).read_bytes())
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")} == set(truth)
    assert len(truth) == len(sample_parts(product))
    for file, fact in truth.items():
        code = file.split("/")[-2]
        assert fact["truth"] == code
        assert (fact["region"] is None) == (code == "ok")


def test_no_sample_picture_was_learned_from() -> None:
    samples = {seed for product in PRODUCTS for seed, _ in sample_parts(product)}
    for product in PRODUCTS:
        for name in (product, f"{product}-int8"):
            facts = json.loads((ROOT / "models" / name / "1" / "card.json").read_bytes())[
                "training"
            ]
            for use in ("training", "held_out"):
                first, pictures = facts[f"{use}_first_seed"], facts[f"{use}_pictures"]
                assert samples.isdisjoint(range(first, first + pictures))
