"""Marked defects from painted masks, COCO, labelme and YOLO; what is in doubt is refused."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from station.core.errors import PictureError, StationError, TeachError
from station.teach.marks import Marked, find_marks, read_marks

WIDTH, HEIGHT = 60, 40


def picture(path: Path, seed: int = 0) -> Path:
    """A grey picture of 60 x 40."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(60, 180, (HEIGHT, WIDTH), np.uint8)
    assert cv2.imwrite(str(path), image)
    return path


def paint(path: Path, *, size: tuple[int, int] = (WIDTH, HEIGHT), value: int = 255) -> Path:
    """A mask with a white box: 10..19 across, 5..9 down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size[::-1], np.uint8)
    mask[5:10, 10:20] = value
    assert cv2.imwrite(str(path), mask)
    return path


def box() -> np.ndarray:
    """What `paint` and the boxes below mean."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[5:10, 10:20] = True
    return mask


def write(path: Path, content: Any) -> Path:
    """JSON, or text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def coco(file_name: str = "a.jpg", **mark: Any) -> dict[str, Any]:
    """A file with one picture and one mark."""
    annotation = {"id": 1, "image_id": 7, "category_id": 2, **mark}
    return {
        "info": {},
        "images": [{"id": 7, "file_name": file_name, "width": WIDTH, "height": HEIGHT}],
        "annotations": [annotation],
        "categories": [{"id": 2, "name": "Deep Scratch", "supercategory": "defect"}],
    }


def labelme(**shape: Any) -> dict[str, Any]:
    """A file with one mark."""
    mark = {"label": "scratch", "shape_type": "rectangle", "points": [[10, 5], [20, 10]], **shape}
    return {"version": "5", "shapes": [mark], "imageWidth": WIDTH, "imageHeight": HEIGHT}


def only(folder: Path) -> Marked:
    """The one marked picture."""
    (marked,) = read_marks(folder)
    return marked


@pytest.mark.parametrize(
    "mask",
    [
        "defects/ground_truth/crack/a.png",
        "defects/ground_truth/crack/a_mask.png",
        "ground_truth/crack/a.png",
        "ground_truth/crack/a_mask.png",
        "defects/crack/a_mask.png",
        "defects/crack/a.png",
    ],
)
def test_painted_masks_are_found_wherever_they_may_lie(tmp_path: Path, mask: str) -> None:
    path = picture(tmp_path / "defects" / "crack" / "a.jpg")
    paint(tmp_path / mask)
    marked = only(tmp_path / "defects")
    assert (marked.path, marked.reason, marked.is_rough) == (path, "crack", False)
    assert np.array_equal(marked.mask(), box())
    assert marked.mask().dtype == np.bool_


def test_one_reason_folder_alone_finds_its_masks_and_its_name(tmp_path: Path) -> None:
    picture(tmp_path / "test" / "crack" / "a.png")
    paint(tmp_path / "ground_truth" / "crack" / "a_mask.png")
    assert only(tmp_path / "test" / "crack").reason == "crack"
    assert only(tmp_path / "test").reason == "crack"
    assert only(tmp_path).reason == "crack"


def test_pictures_of_good_parts_are_passed_over_and_order_is_natural(tmp_path: Path) -> None:
    picture(tmp_path / "good" / "g.png")
    for number in (10, 2):
        picture(tmp_path / "Long Crack" / f"p{number}.png", seed=number)
        paint(tmp_path / "ground_truth" / "Long Crack" / f"p{number}.png")
    marked = read_marks(tmp_path)
    assert [entry.path.stem for entry in marked] == ["p2", "p10"]
    assert {entry.reason for entry in marked} == {"long_crack"}


@pytest.mark.parametrize("place", ["labels.json", "annotations/all.json"])
def test_coco_boxes_name_the_reason_and_are_rough(tmp_path: Path, place: str) -> None:
    picture(tmp_path / "a.jpg")
    write(tmp_path / place, coco(bbox=[10, 5, 10, 5]))
    marked = only(tmp_path)
    assert (marked.reason, marked.is_rough) == ("deep_scratch", True)
    assert np.array_equal(marked.mask(), box())


def test_coco_outlines_and_runs_packed_or_not(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    runs = [10 * HEIGHT + 5, *[5, 35] * 9, 5]
    runs.append(WIDTH * HEIGHT - sum(runs))
    for content in (
        {"counts": runs, "size": [HEIGHT, WIDTH]},
        {"counts": packed(runs), "size": [HEIGHT, WIDTH]},
        [[10, 5, 19, 5, 19, 9, 10, 9]],
    ):
        write(tmp_path / "coco.json", coco(segmentation=content, bbox=[0, 0, 60, 40]))
        marked = only(tmp_path)
        assert not marked.is_rough
        assert np.array_equal(marked.mask(), box())


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [
        ({}, 50),
        ({"shape_type": "polygon", "points": [[10, 5], [19, 5], [19, 9], [10, 9]]}, 50),
        ({"shape_type": "circle", "points": [[30, 20], [36, 20]]}, 125),
        ({"shape_type": "linestrip", "points": [[5, 5], [30, 5], [30, 30]]}, 150),
    ],
)
def test_labelme_shapes_become_areas(tmp_path: Path, shape: dict[str, Any], pixels: int) -> None:
    picture(tmp_path / "a.jpg")
    write(tmp_path / "a.json", labelme(**shape))
    marked = only(tmp_path)
    assert marked.reason == "scratch"
    assert np.count_nonzero(marked.mask()) == pytest.approx(pixels, rel=0.15)


@pytest.mark.parametrize("labels", ["", "labels"])
def test_yolo_boxes_and_outlines_with_names_from_classes_txt(tmp_path: Path, labels: str) -> None:
    picture(tmp_path / ("images" if labels else "") / "a.jpg")
    line = f"1 {15 / WIDTH} {7.5 / HEIGHT} {10 / WIDTH} {5 / HEIGHT}\n"
    write(tmp_path / labels / "a.txt", line)
    write(tmp_path / labels / "classes.txt", "dent\ncrack\n")
    marked = only(tmp_path)
    assert (marked.reason, marked.is_rough) == ("crack", True)
    assert np.array_equal(marked.mask(), box())
    write(tmp_path / labels / "a.txt", "0 0.2 0.2 0.5 0.2 0.5 0.6\n" + line)
    marked = only(tmp_path)
    assert marked.reason == "dent"
    assert marked.mask()[box()].all()


def test_the_folder_names_the_reason_before_the_label_does(tmp_path: Path) -> None:
    picture(tmp_path / "not_ok" / "dent" / "a.jpg")
    write(tmp_path / "not_ok" / "dent" / "a.json", labelme())
    assert only(tmp_path).reason == "dent"


def test_a_defect_nobody_named_is_an_anomaly(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    paint(tmp_path / "a_mask.png")
    assert only(tmp_path).reason == "anomaly"


def refusal(folder: Path) -> str:
    """What the reader says when it refuses."""
    with pytest.raises(StationError) as caught:
        read_marks(folder)
    assert isinstance(caught.value, TeachError | PictureError)
    return str(caught.value)


def test_masks_that_do_not_fit_or_mark_nothing_or_all_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "crack" / "a.png")
    mask = tmp_path / "ground_truth" / "crack" / "a.png"
    paint(mask, size=(30, 20))
    assert "30 x 20" in refusal(tmp_path)
    assert "60 x 40" in refusal(tmp_path)
    paint(mask, value=0)
    assert "marks nothing" in refusal(tmp_path)
    assert cv2.imwrite(str(mask), np.full((HEIGHT, WIDTH), 255, np.uint8))
    assert "every pixel" in refusal(tmp_path)
    mask.write_bytes(b"no picture")
    assert "a.png" in refusal(tmp_path)


def test_pictures_without_masks_and_masks_without_pictures_are_listed(tmp_path: Path) -> None:
    for number in range(9):
        picture(tmp_path / "crack" / f"p{number}.png", seed=number)
    paint(tmp_path / "ground_truth" / "crack" / "p0.png")
    said = refusal(tmp_path)
    assert "8 of 9 pictures have no mark" in said
    assert "crack/p1.png" in said
    assert "and 2 more" in said
    for number in range(9):
        paint(tmp_path / "ground_truth" / "crack" / f"p{number}.png")
    stray = paint(tmp_path / "ground_truth" / "crack" / "p99.png")
    assert "ground_truth/crack/p99.png" in refusal(tmp_path)
    stray.unlink()
    paint(tmp_path / "crack" / "q_mask.png")
    assert "crack/q_mask.png" in refusal(tmp_path)


def test_two_marks_for_one_picture_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "crack" / "a.jpg")
    paint(tmp_path / "crack" / "a_mask.png")
    write(tmp_path / "crack" / "a.json", labelme())
    said = refusal(tmp_path)
    assert "a_mask.png" in said
    assert "a.json" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (coco(bbox=[50, 30, 20, 5]), "10 pixels outside"),
        (coco("b.jpg", bbox=[10, 5, 10, 5]), "'b.jpg'"),
        (coco(bbox=[10, 5, 10, 5], image_id=8), "picture id 8"),
        (coco(bbox=[10, 5, 10, 5], category_id=3), "category 3"),
        (coco(bbox=[10, 5, 0, 5]), "0 x 5"),
        (coco(), "neither bbox nor segmentation"),
        (coco(segmentation=[[1, 2, 3]]), "3 numbers"),
        (coco(segmentation={"counts": [5, 5], "size": [40, 60]}), "10 pixels"),
        (coco(bbox="10"), "bbox"),
        ('{"images": [', "no whole JSON"),
        ({"something": 1}, "neither COCO"),
        ({"shapes": []}, "no picture"),
    ],
)
def test_broken_coco_files_are_refused_by_name(tmp_path: Path, content: Any, said: str) -> None:
    picture(tmp_path / "a.jpg")
    write(tmp_path / "labels.json", content)
    refused = refusal(tmp_path)
    assert said in refused
    assert "labels.json" in refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (labelme(points=[[10, 5], [90, 10]]), "30 pixels outside"),
        (labelme(points=[[10, 5]]), "1 points"),
        (labelme(shape_type="point"), "'point'"),
        (labelme(label="good"), "'good'"),
        (labelme(label="other"), "other"),
        (labelme() | {"imageWidth": 600, "imageHeight": 400}, "600 x 400"),
        ({"shapes": 3}, "a.json"),
    ],
)
def test_broken_labelme_files_are_refused(tmp_path: Path, content: Any, said: str) -> None:
    picture(tmp_path / "a.jpg")
    write(tmp_path / "a.json", content)
    assert said in refusal(tmp_path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("0 0.5 0.5 1.2 0.1", "outside"),
        ("5 0.5 0.5 0.1 0.1", "class 5"),
        ("0 0.5 0.5 0.1 0.1 0.2", "6 numbers"),
        ("0 0.5 0.5 0.1 0.1\n0 a b c d", "line 2"),
        ("0 nan 0.5 0.1 0.1", "no numbers"),
    ],
)
def test_broken_yolo_files_are_refused(tmp_path: Path, lines: str, said: str) -> None:
    picture(tmp_path / "a.jpg")
    write(tmp_path / "a.txt", lines)
    write(tmp_path / "classes.txt", "dent")
    assert said in refusal(tmp_path)


def test_yolo_without_names_and_labels_without_pictures_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    write(tmp_path / "a.txt", "0 0.5 0.5 0.1 0.1")
    assert "classes.txt" in refusal(tmp_path)
    write(tmp_path / "classes.txt", "dent")
    write(tmp_path / "b.txt", "0 0.5 0.5 0.1 0.1")
    assert "b.txt" in refusal(tmp_path)


def test_no_folder_and_no_pictures_are_refused(tmp_path: Path) -> None:
    assert "no folder" in refusal(tmp_path / "nowhere")
    assert "no pictures" in refusal(tmp_path)


def packed(runs: list[int]) -> str:
    """COCO's packing, the other way round."""
    text = ""
    for index, run in enumerate(runs):
        value = run - (runs[index - 2] if index > 2 else 0)
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != -1 if bits & 0x10 else value != 0
            text += chr((bits | 0x20 if more else bits) + 48)
    return text


def test_pictures_given_one_by_one_bring_the_marks_beside_them(tmp_path: Path) -> None:
    painted = picture(tmp_path / "a.jpg", 1)
    mask = paint(tmp_path / "a_mask.png")
    listed = picture(tmp_path / "b.jpg", 2)
    bare = picture(tmp_path / "c.jpg", 3)
    picture(tmp_path / "not_given.jpg", 4)
    write(tmp_path / "labels.json", coco("b.jpg", bbox=[10, 5, 10, 5]))
    write(tmp_path / "results.json", {"anything": "else"})
    write(tmp_path / "notes.txt", "0 is what it was")
    marked, without = find_marks([painted, mask, bare, listed])
    assert {entry.path: entry.reason for entry in marked} == {
        painted: "anomaly",
        listed: "deep_scratch",
    }
    assert all((entry.mask() == box()).all() for entry in marked)
    assert without == [bare]


def test_a_folder_given_may_hold_pictures_without_marks(tmp_path: Path) -> None:
    marked = picture(tmp_path / "crack" / "a.png")
    paint(tmp_path / "ground_truth" / "crack" / "a.png")
    bare = picture(tmp_path / "crack" / "b.png", 2)
    found, without = find_marks([tmp_path])
    assert [(entry.path, entry.reason) for entry in found] == [(marked, "crack")]
    assert without == [bare]
