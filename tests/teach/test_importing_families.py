"""Importing detectors, segmenters, masks and anomaly models, from the ONNX alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper

from station.core.errors import ModelError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import prepare
from station.core.result import Result
from station.inspection import inspect
from station.teach.importing.bring import Imported, import_model
from station.teach.importing.wishes import Wishes, read_counts, read_settings
from station.tools.plain import plain_recipe
from tests.finders import BLUE, RED, squares
from tests.graphs import anomalib_like, blob_boxes, colour_mask, colours

Bring = Callable[..., Imported]

YOLO = {"names": "{0: 'rust', 1: 'cap'}", "stride": "32", "task": "detect"}
SAID = {"channel_order": "RGB", "range": "unit"}
TWO = {"classes": ("rust", "cap"), "reasons": {"rust": "rust"}, "ignored": ("cap",)}
THREE = {"classes": ("ground", "rust", "cap"), "reasons": {"rust": "rust"}}


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    """bring(model, settings={…}, …): import a model into `tmp_path/models`."""

    def run(model: onnx.ModelProto, settings: Mapping[str, str] | None = None, **more: Any) -> Any:
        file = tmp_path / "best.onnx"
        file.write_bytes(model.SerializeToString())
        said = read_settings(f"{key}={value}" for key, value in (settings or {}).items())
        wishes = Wishes(file=file, settings=said, **more)
        return import_model(wishes, [tmp_path / "models"], lambda _: None)

    return run


def looked(imported: Imported, image: Image) -> Result:
    """What the plain recipe around an imported model says."""
    site = Site(model_dirs=(imported.folder.parent.parent,))
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=Job().triggered_at)
    return inspect(frame, prepare(plain_recipe(imported.card), site), Job())


def check_finds(imported: Imported, *, task: str) -> None:
    """Red is a fault where it lies, blue is none, in a picture that is wider than high."""
    assert imported.card.task == task
    wide = np.full((128, 256, 3), 100, np.uint8)
    wide[64:96, 96:128] = RED
    result = looked(imported, wide)
    assert result.reason_code == "rust"
    region = result.findings[0].region
    assert region
    across, down = zip(*region.corners, strict=True)
    assert (min(across), max(across)) == pytest.approx((96, 128), abs=9)
    assert (min(down), max(down)) == pytest.approx((64, 96), abs=9)
    assert looked(imported, squares((16, 40, BLUE))).passed


@pytest.mark.parametrize("style", ["v5", "v8", "nms", "corners"])
@pytest.mark.parametrize("unit", ["pixels", "input_size"])
def test_boxes_of_every_layout(bring: Bring, style: str, unit: str) -> None:
    said = SAID | {"fit": "letterbox"} | ({"unit": unit} if style == "nms" else {})
    imported = bring(blob_boxes(style, unit=unit), said, **TWO)
    boxes = imported.card.boxes
    assert boxes
    assert boxes.unit == unit
    assert boxes.has_objectness is (style == "v5")
    assert boxes.classes == ("index" if style == "nms" else "scores")
    assert boxes.boxes_along == ("columns" if style == "v8" else "rows")
    check_finds(imported, task="detect")


def test_ultralytics_notes_make_questions_needless(bring: Bring) -> None:
    imported = bring(blob_boxes("v8", metadata=YOLO), reasons={"rust": "rust"}, ignored=("cap",))
    entry = imported.card.input
    assert (entry.channel_order, entry.fit, entry.pad) == ("RGB", "letterbox", 114)
    check_finds(imported, task="detect")


def test_boxes_with_masks(bring: Bring) -> None:
    notes = YOLO | {"task": "segment"}
    imported = bring(
        blob_boxes("v8seg", metadata=notes), reasons={"rust": "rust"}, ignored=("cap",)
    )
    assert [output.holds for output in imported.card.outputs] == ["boxes", "prototypes"]
    check_finds(imported, task="segment")
    finding = looked(imported, squares((16, 40, RED))).findings[0]
    assert finding.measured["area_px"] == pytest.approx(64, abs=17)


@pytest.mark.parametrize("ends", ["logits", "softmax", "nhwc", "argmax"])
def test_masks_of_every_kind(bring: Bring, ends: str) -> None:
    imported = bring(
        colour_mask(ends), SAID | {"fit": "letterbox"}, ignored=("ground", "cap"), **THREE
    )
    check_finds(imported, task="segment")


def test_a_mask_of_one_plane(bring: Bring) -> None:
    model = colour_mask("sigmoid", planes=1)
    imported = bring(model, SAID | {"fit": "letterbox"}, reasons={"stain": "rust"})
    assert imported.card.classes == ("stain",)
    check_finds(imported, task="segment")


def test_classes_without_a_meaning_are_refused(bring: Bring, tmp_path: Path) -> None:
    model = blob_boxes("v8", metadata=YOLO)
    with pytest.raises(ModelError, match="when the model finds cap; give --reasons"):
        bring(model, reasons={"rust": "rust"})
    with pytest.raises(ModelError, match="speaks of screw; the classes are rust, cap"):
        bring(model, reasons={"rust": "rust"}, ignored=("screw",))
    with pytest.raises(ModelError, match="can find no fault"):
        bring(model, ignored=("rust", "cap"))
    with pytest.raises(ModelError, match="does not say what its boxes"):
        bring(blob_boxes("v8"), SAID)
    with pytest.raises(ModelError, match="are the classes right"):
        bring(blob_boxes("v8"), SAID, classes=("a", "b", "c"), reasons={"same": "same"})
    assert not (tmp_path / "models").exists()
    same = bring(model, reasons={"same": "same"}).card
    assert same.reason_codes == {"rust": "rust", "cap": "cap"}


def test_what_must_be_counted_is_said_at_the_import(bring: Bring) -> None:
    counts = read_counts(["cap=2"])
    model = blob_boxes("v8", metadata=YOLO)
    imported = bring(model, reasons={"rust": "rust"}, counts=counts)
    assert looked(imported, squares((0, 0, BLUE), (32, 0, BLUE))).passed
    assert looked(imported, squares((0, 0, BLUE))).reason_code == "cap_missing"
    with pytest.raises(ModelError, match="write CLASS=4"):
        read_counts(["cap"])


def test_anomalib_is_read_from_its_names_and_its_own_means(bring: Bring) -> None:
    imported = bring(anomalib_like())
    card = imported.card
    assert (card.task, card.input.channel_order, card.input.fit) == ("anomaly", "RGB", "stretch")
    assert card.input.scale == pytest.approx(1 / 255)
    assert [output.holds for output in card.outputs] == ["score", "heat_map"]
    assert card.limits
    assert (card.limits.accept_limit, card.limits.reject_limit) == (0.5, 0.5)
    image = squares(px=64)
    image[:] = np.random.default_rng(0).integers(115, 141, (64, 64, 1))
    image[0] = 100
    assert looked(imported, image).passed
    image = image.copy()
    image[20:28, 30:38] = 255
    result = looked(imported, image)
    assert result.reason_code == "anomaly"
    model = anomalib_like(("batch", "height", "width"))
    with pytest.raises(ModelError, match="--set width"):
        bring(model)
    for side, dim in zip(
        (48, 64), model.graph.output[2].type.tensor_type.shape.dim[2:], strict=True
    ):
        dim.dim_value = side
    assert bring(model).card.input.shape == (1, 3, 48, 64)


def test_a_score_without_a_natural_limit_asks_for_one(bring: Bring, tmp_path: Path) -> None:
    model = anomalib_like()
    del model.graph.output[1]
    with pytest.raises(ModelError, match="no natural limit; give --accept-limit"):
        bring(model)
    card = bring(model, accept_limit=0.2, reject_limit=0.4).card
    assert card.limits
    assert card.limits.accept_limit == 0.2
    for number in range(6):
        for kind, level in (("good", 128), ("spot", 230)):
            image = squares((16, 40, (level + number, level, level)), px=64)
            image[image == 100] = 128 + number
            image[:8] -= 20
            (tmp_path / "pics" / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "pics" / kind / f"{number}.png"), image)
    imported = bring(model, pictures=tmp_path / "pics")
    assert (imported.certificate.bad_passed, imported.certificate.good_not_passed) == (0, 0)
    assert imported.certificate.pictures == 12
    masks = tmp_path / "pics" / "ground_truth" / "spot"
    masks.mkdir(parents=True)
    cv2.imwrite(str(masks / "0.png"), np.zeros((64, 64), np.uint8))
    assert bring(model, pictures=tmp_path / "pics").certificate.pictures == 12


def test_scores_below_the_lowest_limit_are_refused(bring: Bring, tmp_path: Path) -> None:
    """Limits begin at 0: of a score like -5 for good and -0.5 for bad parts, all would pass."""
    model = anomalib_like()
    del model.graph.output[1:]
    model.graph.node[-3].output[0] = "above_zero"
    model.graph.node.append(helper.make_node("Sub", ["above_zero", "two"], ["pred_score"]))
    del model.graph.node[-3:-1]  # label and mask
    for number in range(6):
        for kind, colour in (("good", (128, 128, 128)), ("spot", (230, 230, 230))):
            image = squares((16, 40, colour), px=64)
            image[:8] -= 20 + number
            (tmp_path / "pics" / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "pics" / kind / f"{number}.png"), image)
    with pytest.raises(ModelError, match="bad parts score below 0"):
        bring(model, pictures=tmp_path / "pics")


def test_a_classifier_is_not_taken_for_something_else(bring: Bring) -> None:
    names = ("ok", "rust", "paint", "dark", "light")
    assert bring(colours(), SAID, classes=names).card.task == "classify"
    with pytest.raises(ModelError, match="for pose"):
        bring(blob_boxes("v8", metadata=YOLO | {"task": "pose"}), reasons={"same": "same"})
