"""What people hand in by mistake: a clear message, and nothing half written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from station.core.errors import ModelError, PictureError, StationError, TeachError
from station.core.frame import Image
from tests.teach.anomaly.conftest import (
    Teach,
    draw_plate,
    result_of,
    score_of,
    write_defects,
    write_good,
)
from tests.teach.conftest import write_net


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve good plates of one's own."""
    return write_good(tmp_path / "parts", 12)


def write(path: Path, image: NDArray[Any] | cv2.Mat) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def refused(teach: Teach, models: Path, root: Path, match: str, **lesson: object) -> None:
    """The lesson is refused with such a message, and nothing is written."""
    with pytest.raises(StationError, match=match):
        teach(root, **lesson)
    assert not models.exists() or not list(models.iterdir())


@pytest.mark.parametrize(("widest", "fit"), [(170, "stretch"), (1200, "letterbox")])
def test_ten_pictures_of_ten_sizes_are_brought_to_one_with_a_warning(
    widest: int, fit: str, tmp_path: Path, teach: Teach, models: Path
) -> None:
    for number, width in enumerate(np.geomspace(96, widest, 10).astype(int).tolist()):
        image = draw_plate(number, size=(width, 160 - 9 * number)).image
        write(tmp_path / "p" / "good" / f"{number}.png", image)
    done = teach(tmp_path / "p", size_px=None)
    assert done.way.fit == fit
    (warning,) = done.warnings
    assert "the good pictures have 10 sizes, from" in warning
    assert "one camera setting" in warning
    scores = [score_of(done, draw_plate(seed, size=(120, 130)).image) for seed in range(99, 104)]
    assert np.isfinite(scores).all()
    assert result_of(done, models, draw_plate(99, size=(120, 130)).image).findings


def test_a_black_picture_is_left_out_and_named(root: Path, teach: Teach) -> None:
    write(root / "good" / "lamp out.png", np.zeros((128, 128), np.uint8))
    done = teach(root)
    assert done.pictures["learnt"] == 12
    assert done.pictures["left out"] == 1
    (broken,) = done.broken
    assert "lamp out.png: too dark" in broken


@pytest.mark.parametrize("kind", ["black", "white", "no picture", "cut short"])
def test_more_than_a_fifth_broken_is_too_much(
    kind: str, root: Path, teach: Teach, models: Path
) -> None:
    whole = (root / "good" / "0.png").read_bytes()
    for number in range(4):
        path = root / "good" / f"broken{number}.png"
        noise = np.random.default_rng(number).integers(0, 2, (128, 128), np.uint8)
        if kind == "black":
            write(path, noise)
        elif kind == "white":
            write(path, 255 - noise)
        else:
            start = {"no picture": b"GIF89a", "cut short": whole[:2000]}[kind]
            path.write_bytes(start + bytes([number]))
    refused(teach, models, root, r"4 of 16 good pictures cannot be learnt from \(.*broken0.png")


@pytest.mark.parametrize("count", [0, 1, 9])
def test_fewer_than_ten_good_pictures_are_too_few(
    count: int, tmp_path: Path, teach: Teach, models: Path
) -> None:
    folder = write_good(tmp_path / "few", count)
    refused(teach, models, folder, f"holds {count} different pictures; 10 are the least")


def test_copies_within_good_count_once(root: Path, teach: Teach, models: Path) -> None:
    shutil.copy(root / "good" / "3.png", root / "good" / "copy of 3.png")
    done = teach(root)
    assert done.pictures["learnt"] == 12
    assert (
        "1 good pictures are exact copies of others and count once: copy of 3.png"
        in (done.warnings[0])
    )
    for number in range(4, 12):
        shutil.copy(root / "good" / "0.png", root / "good" / f"{number}.png")
    shutil.rmtree(models)
    refused(teach, models, root, "holds 4 different pictures")


def test_a_file_that_is_good_and_defective_is_left_out_and_reported(
    root: Path, teach: Teach
) -> None:
    write_defects(root, "stain", 2, masks=False)
    shutil.copy(root / "good" / "5.png", root / "stain" / "seen twice.png")
    done = teach(root)
    assert done.pictures["learnt"] == 11
    assert "lie in good and in a folder of defects and were left out: 5.png" in done.warnings[0]


@pytest.mark.parametrize(("kinds", "match"), [
    (1, "show only 1 different ones, the others are copies"),
    (2, "show only 2 different ones"),
])  # fmt: skip
def test_the_same_pixels_in_different_files_prove_nothing(
    kinds: int, match: str, tmp_path: Path, teach: Teach, models: Path
) -> None:
    for number in range(14):
        path = write(tmp_path / "p" / "good" / f"{number}.png", draw_plate(number % kinds).image)
        path.write_bytes(path.read_bytes() + bytes([number]))
    refused(teach, models, tmp_path / "p", match)


def test_pictures_with_no_more_than_a_pixel_between_them_are_refused(
    tmp_path: Path, teach: Teach, models: Path
) -> None:
    """A rendering, or a film of a part that stands still: nothing to find a limit from."""
    for number in range(14):
        image = draw_plate(0).image.copy()
        image[number, 0] ^= 1
        write(tmp_path / "still" / "good" / f"{number}.png", image)
    refused(teach, models, tmp_path / "still", "show the very same, without even a camera's noise")


def test_a_copy_saved_anew_is_reported_and_counts_once(root: Path, teach: Teach) -> None:
    again = cv2.imread(str(root / "good" / "3.png"), cv2.IMREAD_UNCHANGED)
    assert again is not None
    write(root / "good" / "saved anew.bmp", np.asarray(again, np.uint8))
    done = teach(root)
    assert done.pictures["learnt"] == 12
    assert (
        "1 good pictures have the very pixels of others and count once: saved anew.bmp"
        in (done.warnings[0])
    )


def test_grey_colour_and_16_bit_pictures_are_one_set(root: Path, teach: Teach) -> None:
    grey = [draw_plate(number).image for number in range(100, 106)]
    for number, image in enumerate(grey[:3]):
        write(root / "good" / f"colour{number}.png", cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    for number, image in enumerate(grey[3:]):
        write(root / "good" / f"deep{number}.png", image.astype(np.uint16) * 257)
    done = teach(root)
    assert done.pictures["learnt"] == 18
    assert done.warnings == ()
    colour = np.asarray(cv2.cvtColor(draw_plate(9100).image, cv2.COLOR_GRAY2BGR), np.uint8)
    assert score_of(done, colour) < 1


@pytest.mark.parametrize("size", [(20, 20), (16, 40), (4000, 200), (60, 900)])
def test_tiny_and_elongated_pictures_can_be_learnt(
    size: tuple[int, int], tmp_path: Path, teach: Teach, models: Path
) -> None:
    folder = write_good(tmp_path / "odd", 10, size=size)
    done = teach(folder, size_px=None)
    width, height = size
    assert max(done.way.width / done.way.height / (width / height), 1) < 1.5
    assert result_of(done, models, draw_plate(50, size=size).image).findings


def test_pictures_too_small_to_draw_into_are_named(
    tmp_path: Path, teach: Teach, models: Path
) -> None:
    folder = tmp_path / "dots"
    rng = np.random.default_rng(0)
    for number in range(12):
        write(folder / "good" / f"{number}.png", rng.integers(50, 90, (9, 12), np.uint8))
    refused(teach, models, folder, "12 x 9 is too small")


NAMES = ["", "Plate", "../up", "a b", "features", "x" * 65, "-plate", "plate/1", "plåt"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_is_refused_before_anything_is_read(
    name: str, tmp_path: Path, teach: Teach, models: Path
) -> None:
    refused(teach, models, tmp_path / "not looked at", "called|lie; choose", name=name)


def nothing(root: Path) -> None:
    root.mkdir()


def loose(root: Path) -> None:
    for number in range(12):
        write(root / f"{number}.png", draw_plate(number).image)


def elsewhere(root: Path) -> None:
    write_good(root, 12)
    (root / "good").rename(root / "passed")


def two_goods(root: Path) -> None:
    write_good(root, 12)
    shutil.copytree(root / "good", root / "ok")


def is_file(root: Path) -> None:
    root.write_text("no folder")


@pytest.mark.parametrize(("make", "match"), [
    (nothing, "has no folder called good; put the pictures of good parts into"),
    (loose, r"12 pictures lie directly in .*; put those of good parts into"),
    (elsewhere, "folder 'passed' in .* seems to hold good parts; call it good"),
    (two_goods, "holds good and ok; join the two folders"),
    (is_file, "is no folder; give one that holds a folder good"),
])  # fmt: skip
def test_a_folder_that_is_no_set_of_parts_is_explained(
    make: Callable[[Path], None], match: str, tmp_path: Path, teach: Teach, models: Path
) -> None:
    make(tmp_path / "it")
    refused(teach, models, tmp_path / "it", match)


def test_defects_without_marks_are_reported_and_not_learnt(root: Path, teach: Teach) -> None:
    write_defects(root, "stain", 1, masks=False)
    done = teach(root)
    assert done.pictures["marked defects"] == 0
    assert "stain: pictures of defects without marks are not learnt" in done.warnings[0]


def test_a_reason_with_one_marked_picture_is_enough_to_learn(root: Path, teach: Teach) -> None:
    done = teach(write_defects(root, "stain", 1))
    assert done.pictures["marked defects"] == 1
    assert score_of(done, draw_plate(9100, "stain").image) > 1


def test_masks_for_some_pictures_only_are_refused(root: Path, teach: Teach, models: Path) -> None:
    write_defects(root, "stain", 3)
    (root / "ground_truth" / "stain" / "1_mask.png").unlink()
    refused(teach, models, root, r"1 of 3 pictures have no mark: stain/1.png; mark the defect")


def wrong_size(mask: Image) -> Image:
    return np.ascontiguousarray(mask[:64])


def all_black(mask: Image) -> Image:
    return mask * np.uint8(0)


def all_white(mask: Image) -> Image:
    return np.full_like(mask, 255)


@pytest.mark.parametrize("spoil", [wrong_size, all_black, all_white])
@pytest.mark.parametrize("is_beside", [True, False])
def test_a_mask_that_does_not_fit_is_refused_by_name(
    spoil: Callable[[Image], Image], *, is_beside: bool, root: Path, teach: Teach, models: Path
) -> None:
    """In DIR with its ground_truth, and in --defects."""
    marked = root if is_beside else root.parent / "marked"
    write_defects(marked, "stain", 3)
    path = marked / "ground_truth" / "stain" / "2_mask.png"
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    write(path, spoil(np.asarray(mask, np.uint8)))
    lesson = {} if is_beside else {"defects": marked}
    refused(teach, models, root, r"stain.2(_mask)?.png", **lesson)


@pytest.mark.parametrize(("make", "match"), [
    (nothing, "has no pictures of defects"),
    (loose, "12 of 12 pictures have no mark"),
    (is_file, "is no folder"),
])  # fmt: skip
def test_a_folder_of_defects_without_marks_is_refused(
    make: Callable[[Path], None], match: str, root: Path, teach: Teach, models: Path
) -> None:
    make(root.parent / "defects")
    refused(teach, models, root, match, defects=root.parent / "defects")


def test_boxes_from_coco_are_learnt(root: Path, tmp_path: Path, teach: Teach) -> None:
    folder = write_defects(tmp_path / "boxed", "stain", 3, masks=False)
    images, marks = [], []
    for number in range(3):
        mask = draw_plate(7000 + number, "stain").mask
        x, y, width, height = cv2.boundingRect(mask)
        images.append(
            {"id": number, "file_name": f"stain/{number}.png", "width": 128, "height": 128}
        )
        box = {"bbox": [x, y, width, height], "area": width * height}
        marks.append({"id": number, "image_id": number, "category_id": 1, **box})
    coco = {"images": images, "annotations": marks, "categories": [{"id": 1, "name": "stain"}]}
    (folder / "marks.json").write_text(json.dumps(coco))
    done = teach(root, defects=folder)
    assert done.pictures["marked defects"] == 3
    assert done.reading.merit.marked is not None
    assert done.reading.merit.marked > 0.9


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no net at all")


def half(path: Path) -> None:
    write_net(path)
    path.write_bytes(path.read_bytes()[:2000])


def classifier(path: Path) -> None:
    """Every pixel straight into two numbers."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3 * 64 * 64, 2], [0.0] * 3 * 64 * 64 * 2)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2]),
    ]
    graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


@pytest.mark.parametrize(("make", "match"), [
    (garbage, "is no ONNX file"),
    (half, "is no ONNX file|cannot be used"),
    (classifier, "no feature map at stride 8 or 16"),
    (lambda _: None, "cannot read the feature net"),
])  # fmt: skip
def test_a_feature_net_that_is_none_is_refused(
    make: Callable[[Path], None], match: str, root: Path, tmp_path: Path, teach: Teach, models: Path
) -> None:
    make(tmp_path / "net.onnx")
    refused(teach, models, root, match, features=str(tmp_path / "net.onnx"))


def test_a_model_beyond_what_is_allowed_is_not_written(
    root: Path, teach: Teach, models: Path
) -> None:
    refused(teach, models, root, "MB, allowed are 0.01; nothing was written", mb_at_most=0.01)
    refused(teach, models, root, "allowed are 0.0001; nothing was written", ms_at_most=0.0001)


def test_a_models_folder_that_cannot_be_written_is_said(
    root: Path, teach: Teach, models: Path
) -> None:
    models.write_text("a file where the folder should be")
    with pytest.raises(TeachError, match=r"cannot .*models.*Not a directory; free the disk"):
        teach(root)
    assert models.read_text() == "a file where the folder should be"


def test_errors_of_pictures_and_nets_are_the_stations_own() -> None:
    assert issubclass(PictureError, StationError)
    assert issubclass(ModelError, StationError)


def write_loud_net(path: Path, *, gain: float, silent_below: float) -> Path:
    """A net of the mean of 8 x 8 pixels, and of what is above a level, times `gain`."""
    nodes = [
        helper.make_node("AveragePool", ["pixels"], ["p"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Sub", ["p", "level"], ["above"]),
        helper.make_node("Relu", ["above"], ["bright"]),
        helper.make_node("Mul", ["bright", "gain"], ["loud"]),
        helper.make_node("Concat", ["p", "loud"], ["maps"], axis=1),
    ]
    shapes: dict[str, list[str | int | None]] = {
        "pixels": ["n", 3, "h", "w"],
        "maps": [1, 6, "a", "b"],
    }
    ends = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes.items()]
    constants = {"level": silent_below, "gain": gain}
    numbers = [numpy_helper.from_array(np.array(v, np.float32), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "loud", ends[:1], ends[1:], numbers)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_what_only_defects_wake_in_the_net_can_be_learnt(
    root: Path, tmp_path: Path, teach: Teach
) -> None:
    """Silent on all good parts, so that it counts for very much: more than a half float holds."""
    folders = (root / "stain", root / "ground_truth" / "stain")
    for folder in folders:
        folder.mkdir(parents=True)
    image, mask = draw_plate(7000).image.copy(), np.zeros((128, 128), np.uint8)
    image[10:30, 10:30] = mask[10:30, 10:30] = 255
    assert cv2.imwrite(str(folders[0] / "0.png"), image)
    assert cv2.imwrite(str(folders[1] / "0_mask.png"), mask)
    net = write_loud_net(tmp_path / "loud.onnx", gain=1e4, silent_below=1.2)
    assert score_of(teach(root, features=str(net)), image) > 1


def test_a_net_of_numbers_too_large_to_keep_is_refused(
    root: Path, tmp_path: Path, teach: Teach
) -> None:
    net = write_loud_net(tmp_path / "loud.onnx", gain=1e6, silent_below=-9)
    with pytest.raises(ModelError, match="numbers beyond"):
        teach(root, features=str(net))
