"""The finished graph says what was computed step by step, for every way of looking."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from station.core.errors import ModelError
from station.core.frame import Image
from station.teach.anomaly import Taught
from station.teach.anomaly.eye import Eye, build_eye
from station.teach.anomaly.graph import Mind, with_mind
from station.teach.anomaly.memory import remember
from station.teach.anomaly.patch_head import PatchHead, beside, fit_patch_head
from station.teach.anomaly.reading import find_scales, read, sum_up
from station.teach.anomaly.space import fit_space
from station.teach.anomaly.way import SUMMARIES, Way
from station.teach.export import load_bytes
from station.teach.features import find_features
from station.vision.card import Tiling
from station.vision.model import Model, sha256_of
from tests.teach.anomaly.conftest import draw_plate
from tests.teach.conftest import write_net

LIMIT = 4.0


def way_of(net: Path, **changes: object) -> Way:
    """Both strides, 128 px, no places, no head."""
    way = Way(features=str(net), strides=(8, 16), width=128, height=128, head_weight=0.0)
    return way.model_copy(update=changes)


def eye_of(way: Way) -> Eye:
    return build_eye(
        find_features(way.features, []), way.width, way.height,
        fit=way.fit, strides=way.strides, is_levelled=way.is_levelled,
    )  # fmt: skip


def learnt(eye: Eye, model: Model, way: Way) -> Mind:
    """A mind from eight plates; the head learns to tell every tenth patch from the others."""
    raw = [model.run(draw_plate(seed).image) for seed in range(8)]
    space = fit_space(np.concatenate(raw), np.random.default_rng(0))
    z = [space.place(rows) for rows in raw]
    places = 3 * eye.places() if way.place_weight else None
    memory = remember(z, np.random.default_rng(0), places=places, count=150)
    distances = [memory.distances(rows, without=i) for i, rows in enumerate(z)]
    head = None
    odds = [np.zeros_like(rows) for rows in distances]
    if way.head_weight:
        rows = np.concatenate([beside(*pair) for pair in zip(z, distances, strict=True)])
        head = fit_patch_head(rows, rows[::10] + 1, seed=0)
        odds = [head.log_odds(*pair) for pair in zip(z, distances, strict=True)]
    return Mind(space, memory, head, find_scales(distances, odds), LIMIT)


def expected(eye: Eye, model: Model, mind: Mind, way: Way, image: Image) -> NDArray[np.float32]:
    """The heat of every patch, in numpy, at least 0."""
    z = mind.space.place(model.run(image))
    distances = mind.memory.distances(z)
    odds = mind.head.log_odds(z, distances) if mind.head else np.zeros_like(distances)
    heat = read(distances, odds, mind.scales, way.head_weight) / LIMIT
    return np.asarray(np.maximum(heat, 0).reshape(eye.rows, eye.columns), np.float32)


def finished(eye: Eye, mind: Mind, way: Way, taught: Taught) -> Model:
    data = with_mind(eye, mind, way)
    card = taught.card
    heat = card.outputs[1].model_copy(update={"shape": (1, 1, eye.rows, eye.columns)})
    changes = {
        "sha256": sha256_of(data), "input": eye.contract, "outputs": (card.outputs[0], heat)
    }  # fmt: skip
    return load_bytes(card.model_copy(update=changes), data)


WAYS: dict[str, dict[str, object]] = {
    "memory alone": {},
    "head": {"head_weight": 1.0},
    "heavy head": {"head_weight": 2.0},
    "place": {"place_weight": 1.0},
    "head and place": {"head_weight": 0.5, "place_weight": 1.0},
    "levelled": {"is_levelled": True},
    "levelled, head": {"is_levelled": True, "head_weight": 1.0},
    "fine stride": {"strides": (8,)},
    "coarse stride": {"strides": (16,)},
    "letterbox": {"fit": "letterbox", "width": 160},
    "tall": {"width": 96, "height": 160},
    "tiles": {"tiling": Tiling(size_px=64, overlap=0.2), "width": 64, "height": 64},
}


@pytest.mark.parametrize("name", WAYS)
def test_the_graph_is_what_numpy_computes(
    name: str, feature_net: Path, taught: tuple[Taught, Path]
) -> None:
    way = way_of(feature_net, **WAYS[name])
    eye = eye_of(way)
    opened = eye.opened()
    mind = learnt(eye, opened, way)
    images = [draw_plate(seed, "stain", size=(150, 110)).image for seed in (50, 51)]
    for summary in SUMMARIES:
        model = finished(eye, mind, way.model_copy(update={"summary": summary}), taught[0])
        for image in images:
            heat = expected(eye, opened, mind, way, image)
            score, seen = model.score(image)
            assert seen is not None
            assert seen == pytest.approx(heat, abs=1e-3, rel=1e-3)
            by_hand = sum_up(heat.ravel(), eye.rows, eye.columns, summary)
            assert score == pytest.approx(by_hand, abs=1e-3, rel=1e-3)
            assert score > 0


@pytest.mark.parametrize("opset", [13, 17, 18, 21])
def test_nets_of_any_opset_can_be_built_on(
    opset: int, tmp_path: Path, taught: tuple[Taught, Path]
) -> None:
    way = way_of(write_net(tmp_path / "net.onnx", opset=opset), summary="worst_share")
    eye = eye_of(way)
    mind = learnt(eye, eye.opened(), way)
    model = finished(eye, mind, way, taught[0])
    assert model.score(draw_plate(60, "stain").image)[0] > model.score(draw_plate(60).image)[0]


def test_the_three_summaries_of_a_map_that_is_known() -> None:
    heat = np.zeros((20, 30), np.float32)
    heat[5, 7], heat[10, 10:16] = 9.0, 6.0
    flat = heat.ravel()
    assert sum_up(flat, 20, 30, "max") == 9
    assert sum_up(flat, 20, 30, "worst_share") == pytest.approx((9 + 5 * 6) / 6)
    assert sum_up(flat, 20, 30, "smoothed_max") == pytest.approx(2.0)
    corner = np.zeros((20, 30), np.float32)
    corner[0, 0] = 4.0
    assert sum_up(corner.ravel(), 20, 30, "smoothed_max") == pytest.approx(1.0)


def test_both_views_are_added_up_in_spreads_of_normal_patches() -> None:
    rng = np.random.default_rng(0)
    distances = [rng.normal(5, 2, 4000).astype(np.float32)]
    odds = [rng.normal(-3, 0.5, 4000).astype(np.float32)]
    scales = find_scales(distances, odds)
    alone = read(np.array([5, 9], np.float32), np.array([-3, 0], np.float32), scales, 0.0)
    assert alone == pytest.approx([0, 2], abs=0.1)
    both = read(np.array([5, 9], np.float32), np.array([-3, -2], np.float32), scales, 0.5)
    assert both == pytest.approx([0, 3], abs=0.15)


def test_the_head_tells_what_it_was_shown_and_is_bounded() -> None:
    rng = np.random.default_rng(0)
    normal = rng.normal(0, 1, (6000, 9)).astype(np.float32)
    defective = rng.normal(0, 1, (3000, 9)).astype(np.float32)
    defective[:, 2] += 4
    head: PatchHead = fit_patch_head(normal, defective, seed=0)
    good = head.log_odds(normal[:, :-1], normal[:, -1])
    bad = head.log_odds(defective[:, :-1], defective[:, -1])
    assert (good < 0).mean() > 0.93
    assert (bad > 0).mean() > 0.93
    far = np.full((3, 8), 1e4, np.float32)
    assert np.abs(head.log_odds(far, np.full(3, 1e4, np.float32))).max() <= 16


def test_slow_changes_of_light_do_not_count_when_levelled(feature_net: Path) -> None:
    image = draw_plate(70).image
    slope = np.linspace(-25, 25, image.shape[1])
    lit = np.clip(image + slope, 0, 255).astype(np.uint8)
    moved = {}
    for is_levelled in (False, True):
        model = eye_of(way_of(feature_net, is_levelled=is_levelled)).opened()
        moved[is_levelled] = np.abs(model.run(lit) - model.run(image)).mean()
    assert moved[True] < 0.6 * moved[False]


def test_a_net_without_such_maps_is_refused(feature_net: Path) -> None:
    net = find_features(str(feature_net), [])
    with pytest.raises(ModelError, match=r"no feature map at stride 64 "):
        build_eye(net, 128, 128, fit="stretch", strides=(64,))
