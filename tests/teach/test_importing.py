"""Importing classifiers: the contract found by looking, by trying, or asked for."""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from station.core.errors import ModelError
from station.core.frame import Image
from station.teach.importing.bring import Imported, import_model
from station.teach.importing.wishes import Wishes, read_settings
from station.vision.images import read_image
from station.vision.model import load_model
from tests.graphs import COLOURS, colours

Bring = Callable[..., Imported]

NAMES = tuple(COLOURS)


def part(name: str, seed: int, size: tuple[int, int] = (40, 48)) -> Image:
    """A picture of a class, BGR, with noise."""
    random = np.random.default_rng(seed)
    colour = np.array(COLOURS[name][::-1]) + random.normal(0, 0.02, 3)
    pixels = 255 * (colour + random.normal(0, 0.05, (*size, 3)))
    image: Image = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    return image


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of each class in a folder called like it."""
    root = tmp_path_factory.mktemp("parts")
    for kind, name in enumerate(NAMES):
        (root / name).mkdir()
        for number in range(8):
            cv2.imwrite(str(root / name / f"{number}.png"), part(name, 100 * kind + number))
    return root


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    """bring(model, settings={…}, …): import a model into `tmp_path/models`."""

    def run(model: onnx.ModelProto, settings: Mapping[str, str] | None = None, **more: Any) -> Any:
        file = tmp_path / "Their Model.onnx"
        file.write_bytes(model.SerializeToString())
        said = read_settings(f"{key}={value}" for key, value in (settings or {}).items())
        wishes = Wishes(file=file, settings=said, **more)
        return import_model(wishes, [tmp_path / "models"], lambda _: None)

    return run


@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize(("layout", "ends"), [("NCHW", "logits"), ("NHWC", "softmax")])
def test_the_contract_is_found_on_labelled_pictures(
    bring: Bring, parts: Path, order: str, layout: str, ends: str
) -> None:
    imported = bring(colours(order=order, layout=layout, ends=ends), classes=NAMES, pictures=parts)
    entry = imported.card.input
    assert (entry.channel_order, entry.layout) == (order, layout)
    assert entry.scale == pytest.approx(1 / 255)
    assert not entry.mean
    assert imported.card.outputs[0].holds == ("logits" if ends == "logits" else "probabilities")
    assert imported.card.reference == "their_model/1"
    model = load_model(imported.folder)
    shares = model.classify(read_image(parts / "rust" / "0.png"))
    assert NAMES[int(shares.argmax())] == "rust"
    proof = json.loads((imported.folder / "certificate.json").read_text())
    assert proof["sha256"] == imported.card.sha256
    assert (proof["bad_parts"], proof["bad_passed"], proof["good_not_passed"]) == (32, 0, 0)
    assert proof["p99_ms"] >= proof["p50_ms"] > 0


def test_expected_scores_find_it_too_and_are_kept(
    bring: Bring, parts: Path, tmp_path: Path
) -> None:
    scores = tmp_path / "scores.csv"
    with scores.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["picture", *NAMES])
        for path in sorted(parts.rglob("*.png")):
            shares = theirs(read_image(path))
            rows.writerow([path.relative_to(parts).as_posix(), *shares])
    imported = bring(colours(), classes=NAMES, pictures=parts, scores=scores)
    assert imported.card.input.channel_order == "RGB"
    assert imported.certificate.expected == 40
    assert imported.certificate.largest_difference == pytest.approx(0, abs=1e-4)
    assert any("expected scores" in line for line in imported.told)


def theirs(image: Image) -> list[float]:
    """What the makers' own program says of a picture."""
    mean = cv2.resize(image, (32, 32), interpolation=cv2.INTER_LINEAR)[..., ::-1] / 255
    logits = [-60 * ((mean.mean(axis=(0, 1)) - np.array(c)) ** 2).sum() for c in COLOURS.values()]
    powers = np.exp(np.array(logits) - max(logits))
    return [float(share) for share in powers / powers.sum()]


def test_scores_beyond_the_tolerance_are_refused(bring: Bring, parts: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    wrong = {f"rust/{n}.png": 0.97 if n else 0.5 for n in range(8)}
    scores.write_text(json.dumps(wrong))
    with pytest.raises(ModelError, match="no contract gives the expected scores"):
        bring(colours(), classes=NAMES, pictures=parts, scores=scores)
    said = {"channel_order": "RGB", "range": "unit", "fit": "stretch"}
    with pytest.raises(ModelError, match="nearest"):
        bring(colours(), said, classes=NAMES, pictures=parts, scores=scores)
    assert not (tmp_path / "models").exists()


def test_a_changed_verdict_is_refused_however_large_the_tolerance(
    bring: Bring, parts: Path, tmp_path: Path
) -> None:
    scores = tmp_path / "scores.json"
    scores.write_text(json.dumps([{"picture": "rust/0.png", "score": 0.1}]))
    said = {"channel_order": "RGB", "range": "unit"}
    with pytest.raises(ModelError, match=r"1 verdicts change \(rust/0.png\); nothing was written"):
        bring(colours(), said, classes=NAMES, pictures=parts, scores=scores, tolerance=1.0)
    assert not (tmp_path / "models").exists()
    scores.write_text("picture,share\nrust/0.png,0.5\n")
    with pytest.raises(ModelError, match="holds no expected scores"):
        bring(colours(), said, classes=NAMES, pictures=parts, scores=scores)
    scores.write_text(json.dumps({"gone.png": 0.5}))
    with pytest.raises(ModelError, match=r"'gone.png' is for 0 of the pictures"):
        bring(colours(), said, classes=NAMES, pictures=parts, scores=scores)


def test_without_pictures_the_one_thing_is_asked_for(bring: Bring) -> None:
    with pytest.raises(ModelError, match="--set channel_order=RGB or BGR"):
        bring(colours(), classes=NAMES)
    with pytest.raises(ModelError, match="--set range=unit or byte"):
        bring(colours(), {"channel_order": "RGB"}, classes=NAMES)
    imported = bring(colours(), {"channel_order": "RGB", "range": "unit"}, classes=NAMES)
    assert imported.card.input.scale == pytest.approx(1 / 255)
    assert any("assumed" in line and "stretch" in line for line in imported.told)


def test_grey_pictures_cannot_tell_the_order(bring: Bring, tmp_path: Path) -> None:
    for kind, (name, grey) in enumerate({"ok": 128, "dark": 51}.items()):
        (tmp_path / "grey" / name).mkdir(parents=True)
        for number in range(4):
            noise = np.random.default_rng(9 * kind + number).normal(grey, 4, (40, 40))
            cv2.imwrite(str(tmp_path / "grey" / name / f"{number}.png"), np.round(noise))
    with pytest.raises(ModelError, match="the pictures do not tell whether the model takes RGB"):
        bring(colours(), classes=NAMES, pictures=tmp_path / "grey")


def test_pictures_of_good_parts_alone_prove_nothing(bring: Bring, parts: Path) -> None:
    with pytest.raises(ModelError, match="--set channel_order"):
        bring(colours(), classes=NAMES, pictures=parts / "ok")


def test_being_surer_is_no_proof(bring: Bring, parts: Path) -> None:
    """Wider numbers than it was trained with make a model surer: that must not win the trial."""
    model = colours(ends="softmax", classes=("ok", "rust"))
    with pytest.raises(ModelError, match=r"do not tell which range .*=unit") as asked:
        bring(model, {"channel_order": "RGB"}, classes=("ok", "rust"), pictures=parts)
    assert "imagenet" in str(asked.value)


def test_a_normalisation_in_the_graph_is_read(bring: Bring) -> None:
    for order in ("RGB", "BGR"):
        imported = bring(colours(order=order, in_graph=True), classes=NAMES)
        assert imported.card.input.channel_order == order
        assert imported.card.input.scale == pytest.approx(1 / 255)


def test_wrong_classes_are_noticed(bring: Bring, parts: Path) -> None:
    turned = ("dark", "paint", "ok", "light", "rust")
    with pytest.raises(ModelError, match="than by guessing"):
        bring(colours(), classes=turned, pictures=parts)


@pytest.mark.parametrize("positive", ["ok", "rust"])
def test_one_number_speaks_for_the_class_that_fits(
    bring: Bring, parts: Path, positive: str
) -> None:
    other = "rust" if positive == "ok" else "ok"
    model = colours(ends="sigmoid", classes=(other, positive))
    imported = bring(model, {"range": "unit"}, classes=("ok", "rust"), pictures=parts)
    assert imported.card.classes == (other, positive)
    loaded = load_model(imported.folder)
    shares = loaded.classify(read_image(parts / "rust" / "1.png"))
    assert shares[loaded.card.classes.index("rust")] > 0.9
    with pytest.raises(ModelError, match="--set positive=ok or rust"):
        bring(model, classes=("ok", "rust"))


def test_open_sizes_are_fixed_or_asked_for(bring: Bring, parts: Path) -> None:
    model = colours(size=("batch", "height", "width"))
    with pytest.raises(ModelError, match="--set width"):
        bring(model, classes=NAMES, pictures=parts)
    imported = bring(model, {"width": "48", "height": "40"}, classes=NAMES, pictures=parts)
    assert imported.card.input.shape == (1, 3, 40, 48)
    proto = onnx.load(imported.folder / "model.onnx")
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [1, 3, 40, 48]
    with pytest.raises(ModelError, match="not 64"):
        bring(colours(), {"width": "64"}, classes=NAMES)


def test_a_file_that_insists_on_two_pictures_is_shown_one_twice(bring: Bring, parts: Path) -> None:
    imported = bring(colours(size=(2, 32, 32)), classes=NAMES, pictures=parts)
    assert imported.card.outputs[0].shape == (1, 5)
    assert imported.certificate.bad_passed == 0
    assert any("one is shown 2 times" in line for line in imported.told)


def test_ultralytics_notes_are_believed(bring: Bring) -> None:
    notes = {
        "names": "{0: 'good', 1: 'Deep Rust', 2: 'paint', 3: 'dark', 4: 'light'}",
        "stride": "1",
        "task": "classify",
        "imgsz": "[32, 32]",
        "license": "AGPL-3.0",
    }
    imported = bring(colours(ends="softmax", metadata=notes))
    card = imported.card
    assert card.classes == ("good", "Deep Rust", "paint", "dark", "light")
    assert card.reason_codes["Deep Rust"] == "deep_rust"
    assert (card.input.channel_order, card.input.fit) == ("RGB", "stretch")
    assert card.licence == "AGPL-3.0"


def test_the_good_class_is_asked_for(bring: Bring, parts: Path, tmp_path: Path) -> None:
    names = ("fine", "rust", "paint", "dark", "light")
    said = {"channel_order": "RGB", "range": "unit"}
    with pytest.raises(ModelError, match="--good CLASS"):
        bring(colours(), said, classes=names)
    assert bring(colours(), said, classes=names, good="fine").card.classes[0] == "ok"
    for folder in parts.iterdir():
        name = "fine" if folder.name == "ok" else folder.name
        shutil.copytree(folder, tmp_path / "pics" / "test" / name)
    proof = bring(colours(), classes=names, good="fine", pictures=tmp_path / "pics").certificate
    assert (proof.good_parts, proof.good_not_passed) == (8, 0)
    assert (proof.bad_parts, proof.bad_passed) == (32, 0)
    sorting = bring(colours(), said, classes=names, good="none").card
    assert sorting.good_class is None
    assert sorting.reference == "their_model/3"
    with pytest.raises(ModelError, match="does not name its 5 classes"):
        bring(colours(), said, pictures=parts)
    with pytest.raises(ModelError, match="answers for 5 classes, named are 2"):
        bring(colours(), said, classes=("ok", "rust"))
    with pytest.raises(ModelError, match="--reasons dark="):
        bring(colours(), said, classes=names, good="fine", reasons={"dark": "other"})


def test_what_cannot_be_run_is_refused(bring: Bring, tmp_path: Path) -> None:
    custom = colours()
    custom.graph.node[0].domain = "acme.ops"
    custom.opset_import.append(helper.make_opsetid("acme.ops", 1))
    outside = colours()
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    flat = colours()
    flat.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [3, 32, 32])
    )
    for model, words in (
        (custom, "acme.ops"),
        (outside, "in another file"),
        (flat, "3 dimensions"),
        (colours(size=(16, 32, 32)), "16 pictures at once"),
    ):
        with pytest.raises(ModelError, match=words):
            bring(model, classes=NAMES)
    assert not (tmp_path / "models").exists()


def test_a_model_that_takes_bytes_is_not_said_to_be_normalised(bring: Bring) -> None:
    model = colours()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    for node in model.graph.node:
        node.input[:] = ["floats" if name == "input" else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Cast", ["input"], ["floats"], to=1))
    for said in ({"range": "unit"}, {"scale": "1/255"}):
        with pytest.raises(ModelError, match="takes bytes as they are"):
            bring(model, {"channel_order": "RGB", **said}, classes=NAMES)


def test_misspelt_settings_are_named() -> None:
    with pytest.raises(ModelError, match="did you mean channel_order"):
        read_settings(["chanel_order=RGB"])
    with pytest.raises(ModelError, match="write RGB or BGR"):
        read_settings(["channel_order=rgb"])
