"""The shipped feature net: found by name, small, fast to load, and the same every time."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from station.teach.features import FeatureNet, build, find_features
from station.vision.card import list_models
from station.vision.model import sha256_of

MODELS = Path(__file__).parents[2] / "models"
MOST_BYTES, MOST_PARAMETERS = 8_000_000, 2_000_000


@pytest.fixture(scope="module")
def net() -> FeatureNet:
    return find_features("fine", [MODELS])


def maps_of(net: FeatureNet, image: np.ndarray) -> list[np.ndarray]:
    graph = build(net, image.shape[1], image.shape[0], fit="stretch")
    session = ort.InferenceSession(
        graph.body.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [np.asarray(one) for one in session.run(None, {graph.contract.name: image[None]})]


def test_it_lies_where_feature_nets_are_looked_for(net: FeatureNet) -> None:
    assert "fine/1" in list_models([MODELS / "features"])
    assert net.is_free_in_size
    assert net.has_own_taps


def test_its_card_is_of_this_file_and_says_how_it_was_made(net: FeatureNet) -> None:
    file = MODELS / "features" / "fine" / "1" / net.card.file
    assert net.card.sha256 == sha256_of(file.read_bytes())
    assert net.card.task == "features"
    assert str(net.card.training["command"]).startswith("python -m models.train.features")
    assert {"crops", "minutes", "teacher", "starting_weights"} <= set(net.card.training)


def test_it_keeps_to_its_size(net: FeatureNet) -> None:
    file = MODELS / "features" / "fine" / "1" / net.card.file
    parameters = sum(
        int(np.prod(tensor.dims))
        for tensor in net.proto.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    )
    assert file.stat().st_size <= MOST_BYTES
    assert 100_000 < parameters <= MOST_PARAMETERS


@pytest.mark.parametrize(("width", "height"), [(224, 224), (320, 320), (320, 224)])
def test_it_gives_finite_maps_at_stride_8_and_16_at_any_size(
    net: FeatureNet, width: int, height: int
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    maps = maps_of(net, image)
    strides = {height // one.shape[2] for one in maps}
    assert strides == {8, 16}
    for one in maps:
        assert one.shape[0] == 1
        assert width // one.shape[3] == height // one.shape[2]
        assert np.isfinite(one).all()
        assert one.std() > 0.01


def test_the_same_picture_gives_the_same_maps(net: FeatureNet) -> None:
    image = np.random.default_rng(1).integers(0, 256, (224, 224, 3), np.uint8)
    for first, again in zip(maps_of(net, image), maps_of(net, image), strict=True):
        assert np.array_equal(first, again)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_even_picture_gives_finite_maps(net: FeatureNet, grey: int) -> None:
    for one in maps_of(net, np.full((224, 224, 3), grey, np.uint8)):
        assert np.isfinite(one).all()
