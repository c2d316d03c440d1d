"""The batch engine: which pictures, whose truth, in what order, and never more than it may hold."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import pytest

from station.core.errors import JournalError, SettingsError
from station.core.recipe import PreparedRecipe
from station.line.batch import Batch, Turn
from station.line.batch_pictures import FolderTruth, find_batch
from station.line.batch_store import BatchSettings, BatchStore, read_lines
from tests.conftest import DrawPart


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def truths(root: Path, codes: Sequence[str] = ()) -> dict[str, str | None]:
    _, pictures = find_batch([root], codes=codes)
    return {picture.origin: picture.truth for picture in pictures}


def test_a_folder_called_ok_or_good_is_good_and_its_neighbours_are_bad(tmp_path: Path) -> None:
    root = touch(tmp_path, "good/a.png", "Deep Dent/a.png", "scratch/sub/a.png", "a.png")
    assert truths(root) == {
        "good/a.png": "ok",
        "Deep Dent/a.png": "deep_dent",
        "scratch/sub/a.png": "scratch",
        "a.png": None,
    }


def test_folders_inside_a_bad_one_name_the_reason(tmp_path: Path) -> None:
    root = touch(tmp_path, "line1/not_ok/dent/a.png", "line1/not_ok/b.png", "defect/scratch/c.png")
    assert truths(root) == {
        "line1/not_ok/dent/a.png": "dent",
        "line1/not_ok/b.png": "not_ok",
        "defect/scratch/c.png": "scratch",
    }


def test_a_folder_of_no_class_carries_no_truth(tmp_path: Path) -> None:
    root = touch(tmp_path, "monday/a.png", "dent/a.png")
    assert truths(root) == {"monday/a.png": None, "dent/a.png": None}
    assert truths(root, codes=["dent"]) == {"monday/a.png": None, "dent/a.png": "dent"}


def test_the_truth_of_one_picture_is_that_of_its_folder(tmp_path: Path) -> None:
    touch(tmp_path, "ok/a.png", "dent/a.png")
    assert truths(tmp_path / "dent") == {"a.png": "dent"}
    assert FolderTruth(tmp_path / "ok").of(tmp_path / "ok" / "a.png") == "ok"


def test_folders_above_the_root_say_nothing(tmp_path: Path) -> None:
    root = touch(tmp_path / "good" / "photos", "a.png", "b/a.png")
    assert truths(root) == {"a.png": None, "b/a.png": None}


def test_pictures_come_in_natural_order_each_once(tmp_path: Path) -> None:
    root = touch(tmp_path, "p10.png", "p2.PNG", "a/1.jpg", ".hidden/1.png", "note.txt")
    root_found, pictures = find_batch([root, root / "p2.PNG", Path(f"{root}/*.png")])
    assert root_found == root
    assert [picture.origin for picture in pictures] == ["a/1.jpg", "p2.PNG", "p10.png"]


@pytest.mark.parametrize("name", ["nowhere", "note.txt", "no*.png"])
def test_nothing_to_inspect_is_said(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "note.txt")
    with pytest.raises(SettingsError, match=name.replace("*", r"\*")):
        find_batch([tmp_path / name])


def test_turns_come_back_in_order_and_nobody_runs_ahead() -> None:
    kept: list[int] = []
    turn: Turn[int] = Turn(500, kept.append, ahead=4)
    ahead: list[int] = []

    def work() -> None:
        for index in turn.orders():
            ahead.append(index - len(kept))
            turn.hand_in(index, index)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    assert kept == list(range(500))
    assert max(ahead) < 4


def test_a_worker_too_far_ahead_waits_for_the_slowest() -> None:
    kept: list[int] = []
    turn: Turn[int] = Turn(10, kept.append, ahead=3)
    orders = turn.orders()
    slow, second, third = (next(orders) for _ in range(3))
    turn.hand_in(third, third)
    turn.hand_in(second, second)
    assert kept == []
    more: list[int] = []
    waiting = threading.Thread(target=lambda: more.append(next(turn.orders())))
    waiting.start()
    waiting.join(0.05)
    assert more == []
    turn.hand_in(slow, slow)
    waiting.join(5)
    assert (more, kept) == ([3], [0, 1, 2])
    turn.stop()
    assert list(orders) == []


def settings(root: Path, recipe_hash: str = "0" * 64) -> BatchSettings:
    return BatchSettings(
        root=str(root), recipe_id="tiny", recipe_version=1, recipe_hash=recipe_hash, models={},
        configuration_id="identity", software_version="0", annotate="none", bits=16,
    )  # fmt: skip


def test_every_picture_gets_exactly_one_result(
    tmp_path: Path, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    for number in range(60):
        name = tmp_path / "in" / f"{number}.png"
        name.parent.mkdir(exist_ok=True)
        if number % 7:
            cv2.imwrite(str(name), draw_part(60 + 2 * number, seed=number))
        else:
            name.write_bytes(b"no picture")
    root, pictures = find_batch([tmp_path / "in"])
    store = BatchStore.open(tmp_path / "out", settings(root))
    batch = Batch(pictures, tiny_prepared, store, annotate="none", workers=4)
    batch.start()
    assert batch.wait(20)
    store.close()
    records = list(read_lines(tmp_path / "out"))
    assert [record["origin"] for record in records] == [f"{number}.png" for number in range(60)]
    assert batch.progress.inspected == 60
    assert batch.progress.passed == sum(record["passed"] for record in records)
    failed = [record for record in records if record["reason_code"] == "unreadable_image"]
    assert len(failed) == 9
    assert all(record["result_state"] == 4 for record in failed)


def test_a_batch_that_cannot_write_ends_with_the_reason(
    tmp_path: Path, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    for number in range(20):
        cv2.imwrite(str(tmp_path / f"{number}.png"), draw_part(170))
    root, pictures = find_batch([tmp_path])
    out = tmp_path / "out"
    store = BatchStore.open(out, settings(root))
    (out / "annotated").write_text("a file where a folder must be")
    batch = Batch(pictures, tiny_prepared, store, annotate="all", workers=2)
    batch.start()
    with pytest.raises(JournalError, match="cannot write"):
        batch.wait(20)
    store.close()


def test_a_half_written_line_is_dropped_and_the_rest_is_known(tmp_path: Path) -> None:
    store = BatchStore.open(tmp_path, settings(tmp_path))
    line = {"origin": "a.png", "result_state": 1, "file_bytes": 5, "file_mtime_ns": 7}
    store.append(json.dumps(line).encode() + b"\n")
    store.append(b'{"origin": "b.png", "resu')
    store.close()
    again = BatchStore.open(tmp_path, settings(tmp_path))
    assert list(again.done) == ["a.png"]
    again.close()
    assert (tmp_path / "results.jsonl").read_bytes() == json.dumps(line).encode() + b"\n"


def test_a_picture_that_could_not_be_inspected_is_tried_again(tmp_path: Path) -> None:
    store = BatchStore.open(tmp_path, settings(tmp_path))
    line = {"origin": "a.png", "result_state": 4, "file_bytes": 5, "file_mtime_ns": 7}
    store.append(json.dumps(line).encode() + b"\n")
    store.close()
    again = BatchStore.open(tmp_path, settings(tmp_path))
    assert not again.done
    again.close()


def test_a_damaged_line_in_the_middle_is_said_with_its_number(tmp_path: Path) -> None:
    store = BatchStore.open(tmp_path, settings(tmp_path))
    store.append(b"rubbish\n{}\n")
    store.close()
    with pytest.raises(JournalError, match="line 1"):
        BatchStore.open(tmp_path, settings(tmp_path))


def test_another_recipe_needs_another_folder(tmp_path: Path) -> None:
    BatchStore.open(tmp_path, settings(tmp_path)).close()
    with pytest.raises(SettingsError, match="recipe tiny v1"):
        BatchStore.open(tmp_path, settings(tmp_path, recipe_hash="1" * 64))
