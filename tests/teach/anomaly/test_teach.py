"""Good pictures in, a model out that passes good parts and catches what it never saw."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.result import Evaluation
from station.teach.anomaly import Taught, teach_anomaly
from station.vision.card import read_card
from station.vision.model import load_model, sha256_of
from tests.teach.anomaly.conftest import (
    Teach,
    draw_plate,
    heat_of,
    lesson_for,
    result_of,
    score_of,
    write_defects,
    write_good,
)

NEVER_SEEN = range(9100, 9115)


def test_good_parts_pass(taught: tuple[Taught, Path]) -> None:
    passed = [result_of(*taught, draw_plate(seed).image).passed for seed in NEVER_SEEN]
    assert sum(passed) >= 14


def test_a_defect_is_caught_and_shown_where_it_is(taught: tuple[Taught, Path]) -> None:
    near = 0
    for seed in NEVER_SEEN:
        plate = draw_plate(seed, "stain")
        result = result_of(*taught, plate.image)
        assert result.evaluation is Evaluation.NOT_OK
        assert {f.reason_code for f in result.findings} == {"anomaly"}
        heat = heat_of(*taught, plate.image)
        assert heat.shape == plate.image.shape
        is_far = cv2.dilate(plate.mask, np.ones((49, 49))) == 0
        assert heat[plate.mask > 0].mean() > 5 * heat[is_far].mean()
        near += heat[is_far].max() < heat.max()
    assert near >= 12


def test_the_score_is_one_at_the_limit_and_low_on_good_parts(taught: tuple[Taught, Path]) -> None:
    scores = [score_of(taught[0], draw_plate(seed).image) for seed in NEVER_SEEN]
    assert 0 <= min(scores) <= float(np.median(scores)) < 0.7
    assert taught[0].card.limits is not None
    assert (taught[0].card.limits.accept_limit, taught[0].card.limits.reject_limit) == (1, 1)


def test_marked_defects_sharpen(plates: Path, tmp_path: Path, teach: Teach) -> None:
    """A pattern the memory alone lets pass is caught once some of it was marked."""
    marked = write_defects(tmp_path / "marked", "faint", 8)
    plain = teach(plates, false_reject_rate=0.02)
    sharper = teach(plates, defects=marked, false_reject_rate=0.02)
    assert sharper.pictures["marked defects"] == 8
    faint = [draw_plate(seed, "faint").image for seed in NEVER_SEEN]
    assert sum(score_of(plain, image) > 1 for image in faint) <= 2
    assert sum(score_of(sharper, image) > 1 for image in faint) >= 10
    good = [draw_plate(seed).image for seed in NEVER_SEEN]
    assert sum(score_of(sharper, image) > 1 for image in good) <= 1


def test_the_card_tells_how_the_model_was_made(taught: tuple[Taught, Path]) -> None:
    done, models = taught
    card = read_card(done.folder)
    assert card == done.card
    assert done.folder == models / "plate" / "1"
    assert card.task == "anomaly"
    assert card.reference == "plate/1"
    assert card.sha256 == sha256_of((done.folder / card.file).read_bytes())
    assert [output.holds for output in card.outputs] == ["score", "heat_map"]
    assert card.reason_codes == {"anomaly": "anomaly"}
    facts = card.training
    assert facts["way"] == done.way.model_dump(mode="json")
    assert facts["seed"] == 0
    assert facts["pictures"] == dict(done.pictures)
    assert done.pictures["learnt"] == 24
    assert isinstance(facts["limit"], dict)
    assert facts["limit"]["false_reject_rate"] == 0.005
    assert facts["limit"]["held_out_scores"] == 24
    assert isinstance(facts["feature_net"], dict)
    assert facts["feature_net"]["name"] == "small"


def test_the_same_seed_makes_the_same_model(
    plates: Path, feature_net: Path, tmp_path: Path, taught: tuple[Taught, Path]
) -> None:
    """In another process too, with another number of threads at hand."""
    other = teach_anomaly(lesson_for(plates, feature_net, seed=1), [tmp_path / "other"])
    assert other.card.sha256 != taught[0].card.sha256
    code = (
        "import sys; from pathlib import Path\n"
        "from station.teach.anomaly import AnomalyLesson, teach_anomaly\n"
        "root, net, models = map(Path, sys.argv[1:])\n"
        "lesson = AnomalyLesson(root=root, name='plate', fast=True, size_px=128,"
        " features=str(net))\n"
        "print(teach_anomaly(lesson, [models]).card.sha256)"
    )
    words = [sys.executable, "-c", code, str(plates), str(feature_net), str(tmp_path / "far")]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.strip() == taught[0].card.sha256


def test_every_teaching_is_a_new_version(plates: Path, teach: Teach, models: Path) -> None:
    first = teach(plates)
    kept = (first.folder / "model.onnx").read_bytes()
    second = teach(plates)
    assert second.card.reference == "plate/2"
    assert second.card.sha256 == first.card.sha256
    assert (models / "plate" / "1" / "model.onnx").read_bytes() == kept
    assert not list(models.glob(".*"))


def test_grey_and_colour_pictures_of_one_part_score_alike(taught: tuple[Taught, Path]) -> None:
    grey = draw_plate(9100, "stain").image
    colour = np.repeat(grey[:, :, None], 3, axis=2)
    assert score_of(taught[0], grey) == pytest.approx(score_of(taught[0], colour))


def test_more_pictures_than_are_learnt_set_the_limit(tmp_path: Path, teach: Teach) -> None:
    root = write_good(tmp_path / "many", 310, size=(96, 96))
    done = teach(root, size_px=96, name="many")
    assert done.pictures["learnt"] + done.pictures["unlike the others"] == 200
    assert done.pictures["held out only"] == 110
    assert done.limit.scores == 110
    passed = [score_of(done, draw_plate(seed, size=(96, 96)).image) < 1 for seed in NEVER_SEEN]
    assert sum(passed) >= 14


def test_a_model_that_cannot_answer_never_passes(taught: tuple[Taught, Path]) -> None:
    black = np.zeros((128, 128), np.uint8)
    assert not result_of(*taught, black).passed
    assert np.isfinite(load_model(taught[0].folder).score(black)[0])
