"""Quantising: smaller, with the same verdicts, or not at all."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from station.core.errors import ModelError
from station.line.acceptance import find_labelled, learnt_pictures
from station.teach.importing.bring import import_model
from station.teach.importing.wishes import Wishes
from station.teach.int8 import is_quantised
from station.teach.parity import auroc, refit
from station.teach.quantize import Quantised, quantize
from station.vision.card import Limits
from station.vision.images import read_image
from station.vision.model import load_model
from tests.graphs import COLOURS, colours

SAID = {"channel_order": "RGB", "range": "unit"}


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of each colour."""
    root = tmp_path_factory.mktemp("parts")
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir()
        for number in range(6):
            level = 255 * np.array(colour[::-1]) + random.normal(0, 6, 3)
            image = np.clip(level + random.normal(0, 8, (36, 36, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / name / f"{number}.png"), image)
    return root


def quantised(model: onnx.ModelProto, parts: Path, folder: Path) -> Quantised:
    file = folder / "colour.onnx"
    file.write_bytes(model.SerializeToString())
    models = folder / "models"
    wishes = Wishes(file=file, classes=tuple(COLOURS), settings=SAID, pictures=parts)
    import_model(wishes, [models], lambda _: None)
    return quantize("colour", parts, [models], lambda _: None)


def through_a_thousand(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same answers, by way of numbers near 1000, of which 256 steps leave nothing."""
    graph = model.graph
    gemm = next(node for node in graph.node if node.op_type == "Gemm")
    bias = next(tensor for tensor in graph.initializer if tensor.name == "bias")
    weights = next(tensor for tensor in graph.initializer if tensor.name == "weights")
    moved = numpy_helper.to_array(bias) - 1000 * numpy_helper.to_array(weights).sum(axis=0)
    bias.CopyFrom(numpy_helper.from_array(moved.astype(np.float32), "bias"))
    graph.initializer.append(numpy_helper.from_array(np.array(1000, np.float32), "thousand"))
    gemm.input[0] = "far"
    graph.node.insert(1, helper.make_node("Add", ["colour", "thousand"], ["far"]))
    return model


def test_a_quantised_model_gives_the_same_verdicts(parts: Path, tmp_path: Path) -> None:
    done = quantised(colours(ends="softmax"), parts, tmp_path)
    assert done.folder == tmp_path / "models" / "colour-int8" / "1"
    data = (done.folder / "model.onnx").read_bytes()
    assert is_quantised(data)
    assert not is_quantised((tmp_path / "models" / "colour" / "1" / "model.onnx").read_bytes())
    assert (done.folder / "parity.json").is_file()
    test_pictures = find_labelled(parts, codes=())
    for name in ("colour/1", "colour-int8/1"):
        assert len(learnt_pictures(test_pictures, [name], (tmp_path / "models",))) == 30, name
    parity = done.parity
    assert (parity.pictures, parity.flips, parity.auroc_after) == (30, (), 1.0)
    assert 0 < parity.largest_difference < 0.2
    assert parity.p50_ms_after > 0
    model = load_model(done.folder)
    assert model.card.training["quantised_from"] == "colour/1"
    assert model.classify(read_image(parts / "rust" / "0.png")).argmax() == 1
    with pytest.raises(ModelError, match="quantised already"):
        quantize("colour-int8", parts, [tmp_path / "models"], lambda _: None)


def test_where_verdicts_change_the_old_model_stays(parts: Path, tmp_path: Path) -> None:
    done = quantised(through_a_thousand(colours(ends="softmax")), parts, tmp_path)
    assert done.folder is None
    assert done.parity.flips
    assert not (tmp_path / "models" / "colour-int8").exists()


def test_too_few_pictures_prove_nothing(parts: Path, tmp_path: Path) -> None:
    quantised(colours(ends="softmax"), parts, tmp_path)
    with pytest.raises(ModelError, match="6 readable pictures"):
        quantize("colour", parts / "ok", [tmp_path / "models"], lambda _: None)


def test_limits_keep_their_place_between_the_pictures() -> None:
    before = np.array([0.1, 0.2, 0.6, 0.9])
    limits = Limits(accept_limit=0.4, reject_limit=0.8)
    shifted = refit(before, before + 0.25, limits)
    assert (before + 0.25 <= shifted.accept_limit).tolist() == [True, True, False, False]
    assert (before + 0.25 >= shifted.reject_limit).tolist() == [False, False, False, True]
    lower = refit(before, before - 0.05, limits)
    assert lower.accept_limit == pytest.approx(0.35)
    same = refit(before[:2], before[:2] + 0.05, limits)
    assert same == limits


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    scores, is_bad = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True])
    assert auroc(scores, is_bad) == pytest.approx(3.5 / 4)
    assert auroc(scores, np.zeros(4, bool)) is None
