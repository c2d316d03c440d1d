"""The accuracy benchmark measures what a set's layout allows, whatever its name."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.errors import ModelOutputError
from station.core.frame import Frame
from station.core.plugin import Check, Site
from station.core.recipe import prepare
from station.core.result import Finding
from station.tools.plain import plain_recipe
from station.vision.card import read_card
from station.vision.model import refuse_unsafe
from tests.benchmarks.accuracy_sets import (
    BitSet,
    ClassSet,
    NormalSet,
    find_sets,
    spread_over_reasons,
)
from tests.benchmarks.accuracy_trial import Looker, auroc, judge, judge_pixels
from tests.benchmarks.random_net import write_random_net


def draw(path: Path, level: int = 120) -> Path:
    """An even picture of 40 x 30."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((30, 40), level, np.uint8))
    return path


def lay_out_normal(root: Path) -> None:
    """Good pictures, two reasons, masks for most of them, one of them empty."""
    for number in range(4):
        draw(root / "train" / "good" / f"{number}.png")
        draw(root / "test" / "good" / f"{number}.png")
        draw(root / "test" / "crack" / f"{number}.png")
        draw(root / "ground_truth" / "crack" / f"{number}_mask.png", 0 if number == 0 else 255)
        draw(root / "test" / "bad dent" / f"{number}.jpg")
    draw(root / "ground_truth" / "bad dent" / "2.png", 255)


def test_good_pictures_and_test_folders_make_a_set_to_learn_normal_from(tmp_path: Path) -> None:
    lay_out_normal(tmp_path / "any name")
    (entry,) = find_sets(tmp_path)
    assert isinstance(entry, NormalSet)
    assert (len(entry.learn), len(entry.good), len(entry.all_bad)) == (4, 4, 8)
    assert sorted(entry.bad) == ["bad dent", "crack"]
    assert len(entry.masks) == 5


def test_marked_defects_are_spread_over_reasons_and_never_empty(tmp_path: Path) -> None:
    lay_out_normal(tmp_path / "set")
    (entry,) = find_sets(tmp_path)
    assert isinstance(entry, NormalSet)
    chosen = spread_over_reasons(entry, 3, seed=0)
    assert [reason for _, _, reason in chosen] == ["bad dent", "crack", "crack"]
    assert all(picture.stem != "0" for picture, _, _ in chosen)
    assert chosen == spread_over_reasons(entry, 3, seed=0)
    assert len(spread_over_reasons(entry, 10, seed=1)) == 4


def test_class_folders_and_boxes_with_bits_are_told_apart(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "classes" / "x" / "1.png")
    for name in ("1_11", "2_01", "10_10", "3_1", "plain"):
        draw(tmp_path / "b" / "images" / f"{name}.jpg")
    readme = "boxes (xmin,ymin,xmax,ymax): (1,2,11,12),(20..22,2,30..32,12)."
    (tmp_path / "b" / "README.md").write_text(readme)
    draw(tmp_path / "c" / "pairs" / "1.png")
    classes, bits = find_sets(tmp_path)
    assert isinstance(classes, ClassSet)
    assert isinstance(bits, BitSet)
    assert [(box.x, box.width) for box in bits.boxes] == [(1, 10), (20, 10)]
    assert [told for _, told in bits.pictures] == ["11", "01", "10"]


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    draw(tmp_path / "c" / "pairs" / "1.png")
    with pytest.raises(SystemExit, match="layout"):
        find_sets(tmp_path)
    with pytest.raises(SystemExit, match="no set called d"):
        find_sets(tmp_path, ["d"])
    with pytest.raises(SystemExit, match="no folder"):
        find_sets(tmp_path / "nowhere")


def test_the_control_is_a_sound_net_that_is_not_the_trained_one(tmp_path: Path) -> None:
    first = write_random_net(tmp_path, seed=0).read_bytes()
    refuse_unsafe(first, "control")
    assert write_random_net(tmp_path, seed=0).read_bytes() == first
    assert write_random_net(tmp_path, seed=1).read_bytes() != first


def test_looking_gives_image_and_pixel_figures(tmp_path: Path, tiny_model_dir: Path) -> None:
    card = read_card(tiny_model_dir / "odd" / "1")
    site = Site(model_dirs=(tiny_model_dir,))
    (check,) = prepare(plain_recipe(card), site).checks.values()
    looker = Looker(check, 0.0, 0.0, "")
    good = [draw(tmp_path / f"good_{level}.png", level) for level in (88, 90, 140)]
    bad = [draw(tmp_path / f"bad_{level}.png", level) for level in (120, 200)]
    mask = draw(tmp_path / "mask.png", 255)
    value, ms = judge(looker, good, bad)
    assert value == pytest.approx(5 / 6)
    assert ms > 0
    assert judge_pixels(looker, good, [(bad[1], mask)]) == pytest.approx(1)
    broken = Looker(Check(run=refuse), 0.0, 0.0, "")
    assert broken.score(np.zeros((8, 8), np.uint8)) == float("inf")


def refuse(_: Frame) -> list[Finding]:
    """A tool that cannot judge."""
    raise ModelOutputError("NaN")


@pytest.mark.parametrize(
    ("good", "bad", "value"),
    [([1, 2], [3], 1.0), ([1, 3], [3], 0.75), ([3], [1], 0.0), ([1], [float("inf")], 1.0)],
)
def test_auroc_counts_ties_half(good: list[float], bad: list[float], value: float) -> None:
    assert auroc(good, bad) == pytest.approx(value)
