"""Feature nets: found, cut, pooled."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from station.core.errors import ModelError
from station.teach.features import build, find_features
from station.teach.features.ocr import ocr_file
from station.vision.card import ModelCard, ModelInput, ModelOutput, write_model
from station.vision.model import sha256_of
from tests.teach.conftest import write_net


def answer(proto: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (vector,) = session.run(["features"], {"image": image[None]})
    return np.asarray(vector[0])


def test_the_ocr_net_is_cut_at_strides_8_and_16() -> None:
    net = find_features("ocr", [])
    assert net.card.licence == "Apache-2.0"
    graph = build(net, 224, 160, fit="stretch")
    lengths = {(b.stride, b.statistic): b.length for b in graph.blocks}
    assert lengths[8, "mean"] == 96
    assert lengths[16, "mean"] == 192
    assert lengths[8, "grid"] == 4 * 96
    shallow = graph.model([b for b in graph.blocks if b.stride == 8])
    both = graph.model(graph.blocks)
    assert shallow.ByteSize() < 1_000_000 < both.ByteSize() < 4_000_000
    image = np.random.default_rng(0).integers(0, 256, (160, 224, 3), np.uint8)
    assert np.isfinite(answer(both, image)).all()


def test_an_unknown_text_net_is_refused(tmp_path: Path) -> None:
    (tmp_path / "new_det_small.onnx").write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"no text-detection net that is known.*new_det_small"):
        ocr_file(tmp_path)


def test_the_statistics_are_those_of_the_map(tmp_path: Path) -> None:
    """Mean, deviation, strongest places and quarters against the net run by itself."""
    path = write_net(tmp_path / "own.onnx")
    net = find_features(str(path), [])
    graph = build(net, 96, 64, fit="stretch")
    image = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    vector = answer(graph.model(graph.blocks), image)
    pixels = (image[..., ::-1] / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    proto = onnx.load(path)
    proto.graph.output.append(onnx.helper.make_empty_tensor_value_info("r2"))
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (at_8,) = session.run(["r2"], {"pixels": pixels.transpose(2, 0, 1)[None].astype(np.float32)})
    start = 0
    found = {}
    for block in graph.blocks:
        found[block.stride, block.statistic] = vector[start : start + block.length]
        start += block.length
    places = at_8[0].reshape(16, -1)
    strongest = np.sort(places, axis=1)[:, -math.ceil(places.shape[1] * 0.02) :]
    quarters = [at_8[0, :, y : y + 4, x : x + 6].mean((1, 2)) for y in (0, 4) for x in (0, 6)]
    assert np.allclose(found[8, "mean"], places.mean(1), atol=1e-4)
    assert np.allclose(found[8, "std"], places.std(1), atol=1e-4)
    assert np.allclose(found[8, "top"], strongest.mean(1), atol=1e-4)
    assert np.allclose(found[8, "grid"].reshape(16, 4), np.stack(quarters, 1), atol=1e-4)


def test_a_net_with_a_card_lies_in_the_features_folder(tmp_path: Path) -> None:
    data = write_net(tmp_path / "own.onnx", side=64).read_bytes()
    card = ModelCard(
        name="own",
        version=3,
        task="features",
        description="Made by the tests.",
        sha256=sha256_of(data),
        input=ModelInput(
            name="pixels", width=64, height=64, layout="NCHW", dtype="float32",
            normalisation="outside", scale=1 / 255,
        ),
        outputs=(ModelOutput(name="r3", holds="features", shape=(1, 16, 4, 4)),),
        licence="Apache-2.0",
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    folder = tmp_path / "models" / "features" / "own" / "3"
    write_model(folder, card, data)
    net = find_features("own", [tmp_path / "models"])
    assert (net.card.reference, net.is_free_in_size, net.has_own_taps) == ("own/3", False, True)
    graph = build(net, 64, 64, fit="stretch")
    assert {block.tap for block in graph.blocks} == {"r3"}
    beside = find_features(str(folder / "model.onnx"), [])
    assert beside.card == net.card
    (folder / "model.onnx").write_bytes(data + b"\0")
    with pytest.raises(ModelError, match="is not the one its card describes"):
        find_features("own", [tmp_path / "models"])


def test_an_old_opset_is_raised(tmp_path: Path) -> None:
    net = find_features(str(write_net(tmp_path / "old.onnx", opset=11)), [])
    proto = build(net, 64, 64, fit="stretch").model(build(net, 64, 64, fit="stretch").blocks)
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(proto), full_check=True)
    assert max(entry.version for entry in proto.opset_import) >= 13


def test_a_net_may_call_its_own_input_image(tmp_path: Path) -> None:
    proto = onnx.load(write_net(tmp_path / "net.onnx"))
    proto.graph.input[0].name = "image"
    for node in proto.graph.node:
        node.input[:] = ["image" if name == "pixels" else name for name in node.input]
    onnx.save(proto, tmp_path / "image.onnx")
    graph = build(find_features(str(tmp_path / "image.onnx"), []), 64, 64, fit="stretch")
    assert graph.contract.name == "picture"
    onnx.checker.check_model(graph.model(graph.blocks))
