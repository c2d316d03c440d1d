"""The search: a way that sees what was drawn, cheap enough, judged by kinds it never learnt."""

from pathlib import Path

import numpy as np

from station.teach.anomaly.samples import KIND_SETS, Crops, Sample, draw_into
from station.teach.anomaly.search import Ground, search
from station.teach.anomaly.way import Way
from station.teach.drawn import KINDS, find_places
from station.teach.features import find_features
from station.teach.pictures import Picture
from tests.teach.anomaly.conftest import Teach, draw_plate, score_of


def test_drawn_kinds_are_split_in_halves() -> None:
    first, second = map(set, KIND_SETS)
    assert first.isdisjoint(second)
    assert first | second == set(KINDS)
    image, donor = draw_plate(0).image, draw_plate(1).image
    places = find_places(image)
    for source in range(4):
        kinds = {x.kind for x in draw_into(image, source, donor, places, each=12, seed=0)}
        # what no texture shows is drawn as a stain or a spot, whatever the half
        assert kinds <= set(KIND_SETS[source % 2]) | {"stain", "spot"}
        assert len(kinds) > 2


def test_the_best_of_what_was_tried_is_taken_and_catches_defects(
    plates: Path, teach: Teach
) -> None:
    done = teach(plates, fast=False)
    assert done.best is not None
    assert len(done.trials) >= 4
    assert any(trial is done.best for trial in done.trials)
    best = max(trial.reading.merit.total for trial in done.trials)
    assert done.best.reading.merit.total >= best - 0.04  # a costlier way must be clearly better
    for field in ("features", "strides", "width", "height", "is_levelled", "place_weight"):
        assert getattr(done.way, field) == getattr(done.best.way, field)
    stains = [draw_plate(seed, "stain").image for seed in range(9100, 9110)]
    assert np.mean([score_of(done, image) > 1 for image in stains]) >= 0.8


def test_ways_that_cost_more_than_is_allowed_are_passed_over(
    plates: Path, feature_net: Path
) -> None:
    paths = sorted((plates / "good").iterdir())[:10]
    crops = Crops([Sample(Picture(path, "good", "")) for path in paths])
    first = Way(features="tiny", strides=(8, 16), width=64, height=64, place_weight=1.0)
    ground = Ground(
        nets={"tiny": find_features(str(feature_net), [])}, crops=crops, marks=[],
        places=find_places(crops[0]), seed=0, ms_at_most=0.0,
    )  # fmt: skip
    best, trials = search(ground, first, lambda *_: None)
    assert {(t.way.strides, t.way.width, t.way.is_levelled) for t in trials} == {
        (first.strides, first.width, False)
    }
    assert best in trials
