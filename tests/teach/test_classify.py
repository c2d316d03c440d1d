"""Teaching a classifier from folders of pictures."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from station.core.errors import ModelError, TeachError
from station.core.frame import Frame, Job
from station.core.plugin import Site
from station.core.recipe import prepare
from station.core.result import Result
from station.inspection import inspect
from station.teach.classify import Lesson, Taught, teach_classifier
from station.tools.plain import plain_recipe
from station.vision.geometry import fit
from station.vision.images import read_image
from station.vision.model import load_model
from tests.teach.conftest import DrawSet, draw_part, write_net

CLASSES = ("ok", "scratch", "stain")


def taught_on(root: Path, home: Path, **settings: object) -> Taught:
    """Teach with a small net of the tests' own, unless another is asked for."""
    if "features" not in settings:
        settings["features"] = str(write_net(home / "nets" / "small.onnx"))
    lesson = Lesson(root=root, name="disc", **settings)  # type: ignore[arg-type]
    return teach_classifier(lesson, [home / "models"])


def looked_at(kind: str, seed: int, taught: Taught, home: Path) -> Result:
    prepared = prepare(plain_recipe(taught.card), Site(model_dirs=(home / "models",)))
    image = draw_part(kind, (96, 96), seed=seed)
    frame = Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))
    return inspect(frame, prepared, Job())


def test_drawn_parts_are_told_apart(draw_set: DrawSet, tmp_path: Path) -> None:
    taught = taught_on(draw_set(dict.fromkeys(CLASSES, 16)), tmp_path, features="ocr")
    assert taught.folder == tmp_path / "models" / "disc" / "1"
    assert taught.pictures == dict.fromkeys(CLASSES, 16)
    assert taught.figures.right.share >= 0.9
    answers = {
        (kind, seed): looked_at(kind, seed, taught, tmp_path)
        for kind in CLASSES
        for seed in range(90_000, 90_008)
    }
    escapes = [key for key, result in answers.items() if result.passed and key[0] != "ok"]
    assert not escapes
    passed = [key for key, result in answers.items() if result.passed]
    assert len(passed) >= 7
    named = [r.reason_code == kind for (kind, _), r in answers.items() if kind != "ok"]
    assert np.mean(named) >= 0.9


def test_the_graph_says_what_the_card_says(draw_set: DrawSet, tmp_path: Path) -> None:
    taught = taught_on(draw_set({"good": 12, "Rolled-In Scale": 12}), tmp_path)
    card = taught.card
    assert card.classes == ("good", "rolled-in_scale")
    assert card.reason_codes == {"rolled-in_scale": "rolled-in_scale"}
    assert card.training["limits_rule"]
    held_out = card.training["held_out"]
    assert isinstance(held_out, dict)
    assert {"confusion", "accuracy", "escape", "overkill", "folds"} <= held_out.keys()
    proto = onnx.load(taught.folder / card.file)
    onnx.checker.check_model(proto, full_check=True)
    (entry,), (output,) = proto.graph.input, proto.graph.output
    assert entry.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    dims = [dim.dim_value for dim in entry.type.tensor_type.shape.dim]
    assert tuple(dims) == card.input.shape
    assert [dim.dim_value for dim in output.type.tensor_type.shape.dim] == [1, 2]
    assert {node.domain for node in proto.graph.node} <= {"", "ai.onnx"}
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    image = read_image(tmp_path / "set" / "good" / "0.jpg")
    tensor = fit(image, dims[2], dims[1], card.input.fit)
    (answer,) = session.run(["probabilities"], {"image": np.repeat(tensor[None, ..., None], 3, 3)})
    assert np.allclose(answer[0], load_model(taught.folder).classify(image), atol=1e-6)


def test_the_same_lesson_gives_the_same_model(draw_set: DrawSet, tmp_path: Path) -> None:
    root = draw_set({"ok": 8, "stain": 8})
    first, second = taught_on(root, tmp_path), taught_on(root, tmp_path)
    assert (first.card.version, second.card.version) == (1, 2)
    assert first.folder.is_dir()
    assert first.card.sha256 == second.card.sha256


def test_nothing_passes_without_a_good_class(draw_set: DrawSet, tmp_path: Path) -> None:
    taught = taught_on(draw_set({"scratch": 12, "stain": 12}), tmp_path)
    assert any("never passes" in warning for warning in taught.warnings)
    assert taught.figures.escapes is None
    for kind in CLASSES:
        result = looked_at(kind, 5, taught, tmp_path)
        assert not result.passed
        assert result.findings[0].score == 1.0
        if kind != "ok":
            assert result.reason_code == kind


def test_bad_parts_may_lie_one_folder_deeper(draw_set: DrawSet, tmp_path: Path) -> None:
    root = draw_set({"ok": 6, "not_ok/scratch": 6, "not_ok/stain": 6})
    assert taught_on(root, tmp_path).card.classes == CLASSES


def test_few_pictures_are_learnt_from_with_a_warning(draw_set: DrawSet, tmp_path: Path) -> None:
    taught = taught_on(draw_set({"ok": 3, "stain": 5}), tmp_path)
    assert any("too few" in w and "ok (3)" in w for w in taught.warnings)
    assert taught.figures.right.total == 8


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"ok": 12, "stain": 2}, "'stain' has 2"),
        ({"ok": 12}, "one class"),
        ({}, "no folder"),
        ({"ok": 3, "good": 3, "stain": 3}, "both mean good"),
        ({"ok": 3, "misc": 3}, "nobody can act on it"),
        ({"ok": 3, "overrun": 3}, "reserved"),
        ({"passed": 3, "stain": 3}, "call it ok"),
        ({"ok": 3, "Stain": 3, "stain ": 3}, "are both class 'stain'"),
        ({"ok": 3, "7 %": 3}, "rename the folder"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    counts: dict[str, int], message: str, draw_set: DrawSet, tmp_path: Path
) -> None:
    root = draw_set(counts)
    root.mkdir(exist_ok=True)
    with pytest.raises(TeachError, match=message):
        taught_on(root, tmp_path)
    assert not (tmp_path / "models").exists()


def test_a_broken_picture_is_left_out_and_told(draw_set: DrawSet, tmp_path: Path) -> None:
    root = draw_set({"ok": 8, "stain": 8})
    whole = (root / "ok" / "0.jpg").read_bytes()
    (root / "ok" / "cut.jpg").write_bytes(whole[:500])
    taught = taught_on(root, tmp_path)
    assert taught.pictures["ok"] == 8
    assert any("cut.jpg" in text for text in taught.broken)
    for number in range(6):
        (root / "stain" / f"cut{number}.jpg").write_bytes(whole[: 400 + number])
    with pytest.raises(TeachError, match="cannot be read"):
        taught_on(root, tmp_path)


def test_one_picture_in_two_classes_counts_for_neither(draw_set: DrawSet, tmp_path: Path) -> None:
    root = draw_set({"ok": 8, "stain": 8})
    (root / "stain" / "again.jpg").write_bytes((root / "ok" / "3.jpg").read_bytes())
    (root / "ok" / "twin.jpg").write_bytes((root / "ok" / "4.jpg").read_bytes())
    taught = taught_on(root, tmp_path)
    assert taught.pictures == {"ok": 8, "stain": 8}
    assert any("stain/again.jpg" in warning for warning in taught.warnings)
    assert any("exact copies" in warning for warning in taught.warnings)


def test_copies_of_one_picture_do_not_prove_anything(draw_set: DrawSet, tmp_path: Path) -> None:
    root = draw_set({"ok": 6, "stain": 1})
    data = (root / "stain" / "0.jpg").read_bytes()
    for number in range(1, 6):
        (root / "stain" / f"{number}.jpg").write_bytes(data)
    taught = taught_on(root, tmp_path)
    assert any("mean nothing" in warning for warning in taught.warnings)


def test_an_interruption_leaves_nothing(draw_set: DrawSet, tmp_path: Path) -> None:
    root = draw_set({"ok": 6, "stain": 6})
    net = write_net(tmp_path / "small.onnx")

    def interrupt(stage: str) -> Callable[[str, int, int], None]:
        def progress(now: str, done: int, of: int) -> None:
            if now == stage and done == of:
                raise KeyboardInterrupt

        return progress

    for stage in ("looking", "learning", "proving"):
        lesson = Lesson(root=root, name="disc", features=str(net))
        with pytest.raises(KeyboardInterrupt):
            teach_classifier(lesson, [tmp_path / "models"], interrupt(stage))
        assert not list(tmp_path.glob("models/**/*"))


def test_a_folder_that_cannot_be_written_is_told(draw_set: DrawSet, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("not a folder")
    with pytest.raises(TeachError, match="cannot write the model"):
        taught_on(draw_set({"ok": 4, "stain": 4}), tmp_path)


@pytest.mark.parametrize("name", ["", "Disc", "a/b", "../x", "features"])
def test_a_model_name_must_be_plain(name: str, tmp_path: Path) -> None:
    with pytest.raises(TeachError):
        teach_classifier(Lesson(root=tmp_path, name=name), [tmp_path / "models"])


@pytest.mark.parametrize(
    ("size", "shape", "how"),
    [
        ((96, 96), (224, 224), "stretch"),
        ((200, 100), (160, 320), "stretch"),
    ],
)
def test_the_input_takes_the_shape_of_the_pictures(
    size: tuple[int, int], shape: tuple[int, int], how: str, draw_set: DrawSet, tmp_path: Path
) -> None:
    taught = taught_on(draw_set({"ok": 4, "stain": 4}, size=size), tmp_path)
    entry = taught.card.input
    assert (entry.height, entry.width, entry.fit) == (*shape, how)


def test_pictures_of_mixed_shape_are_letterboxed(draw_set: DrawSet, tmp_path: Path) -> None:
    draw_set({"ok": 4, "stain": 4}, size=(96, 96))
    root = draw_set({"ok/wide": 4, "stain/wide": 4}, size=(160, 90))
    assert taught_on(root, tmp_path).card.input.fit == "letterbox"


def test_the_users_own_net_gives_features(
    draw_set: DrawSet, tiny_net: Path, tmp_path: Path
) -> None:
    taught = taught_on(draw_set({"ok": 12, "stain": 12}), tmp_path, features=str(tiny_net))
    facts = taught.card.training["features"]
    assert isinstance(facts, dict)
    assert facts["net"] == "tiny"
    assert taught.size_bytes < 100_000
    assert taught.figures.right.share >= 0.8


@pytest.mark.parametrize("side", [64, None])
@pytest.mark.parametrize("pooled", [False, True])
def test_nets_of_fixed_and_free_size_with_maps_or_vectors(
    side: int | None, pooled: bool, draw_set: DrawSet, tmp_path: Path
) -> None:
    net = write_net(tmp_path / "own.onnx", side=side, pooled=pooled)
    taught = taught_on(draw_set({"ok": 6, "stain": 6}), tmp_path, features=str(net))
    assert taught.card.input.width == (side or 224)


def test_a_net_that_cannot_be_used_is_told(draw_set: DrawSet, tmp_path: Path) -> None:
    root = draw_set({"ok": 4, "stain": 4})
    with pytest.raises(ModelError, match="cannot read the feature net"):
        taught_on(root, tmp_path, features=str(tmp_path / "none.onnx"))
    with pytest.raises(ModelError, match="feature nets are"):
        taught_on(root, tmp_path, features="resnet")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match="no ONNX file"):
        taught_on(root, tmp_path, features=str(tmp_path / "text.onnx"))
    fixed = write_net(tmp_path / "fixed.onnx", side=64)
    with pytest.raises(TeachError, match="takes 64 x 64"):
        taught_on(root, tmp_path, features=str(fixed), size_px=128)
