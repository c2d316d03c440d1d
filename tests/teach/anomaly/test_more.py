"""Pictures a station got wrong, taught to its model; what was shown is kept and compared with."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.errors import TeachError
from station.core.frame import Image
from station.teach.anomaly import Taught
from station.teach.anomaly.more import propose
from station.teach.anomaly.proposal import MoreLesson, Proposal
from station.teach.anomaly.shown import read_lesson
from station.teach.versions import roll_back
from station.vision.card import list_models, read_card
from station.vision.images import read_image
from station.vision.model import load_model
from tests.teach.anomaly.conftest import draw_plate, write_defects


@pytest.fixture
def own(taught: tuple[Taught, Path], models: Path) -> Path:
    """A models folder of the test's own with `plate/1`."""
    shutil.copytree(taught[1], models)
    return models


@pytest.fixture
def stamped(tmp_path: Path) -> Path:
    """Three good plates with a stamp no plate learnt from has."""
    folder = tmp_path / "stamped"
    folder.mkdir()
    for number in range(3):
        assert cv2.imwrite(str(folder / f"stamp{number}.png"), draw_stamped(900 + number))
    return folder


def draw_stamped(seed: int) -> Image:
    image = draw_plate(seed).image.copy()
    cv2.rectangle(image, (10, 10), (26, 26), 190, -1)
    return image


def more(
    models: Path,
    *,
    good: Path | Sequence[Path] = (),
    bad: Path | Sequence[Path] = (),
    forget_lost: bool = False,
) -> Proposal:
    lists = [(x,) if isinstance(x, Path) else tuple(x) for x in (good, bad)]
    lesson = MoreLesson(name="plate", good=lists[0], bad=lists[1], forget_lost=forget_lost)
    return propose(lesson, [models])


def scores(folder: Path, images: list[Image]) -> list[float]:
    model = load_model(folder)
    return [model.score(image)[0] for image in images]


def test_a_good_part_that_was_rejected_passes_and_defects_are_caught_still(
    own: Path, stamped: Path
) -> None:
    others = [draw_stamped(seed) for seed in range(950, 956)]
    stains = [draw_plate(seed, "stain").image for seed in range(9100, 9106)]
    assert min(scores(own / "plate" / "1", others)) > 1
    proposal = more(own, good=stamped)
    given = [v for v in proposal.verdicts if v.is_given]
    assert [(v.passed_before, v.passes_after) for v in given] == [(False, True)] * 3
    assert proposal.changes == given
    assert not proposal.worse
    assert not proposal.still_wrong
    assert len(proposal.verdicts) == 24 + 3
    assert list_models([own]) == ["plate/1"]  # nothing is written yet
    taught = proposal.write()
    assert taught.card.reference == "plate/2"
    assert taught.way.features == read_card(own / "plate" / "1").training["way"]["features"]  # type: ignore[index, call-overload]
    assert max(scores(taught.folder, others)) < 1
    assert min(scores(taught.folder, stains)) > 1
    assert list_models([own]) == ["plate/1", "plate/2"]


def test_false_rejects_do_not_move_the_limit_of_the_others(own: Path, stamped: Path) -> None:
    """They were chosen for their score; as so many of thirty they would raise the limit."""
    limit = more(own, good=stamped).made.limit
    assert limit.scores == 24
    plain = [stamped.parent / f"plain{number}.png" for number in range(2)]
    for number, path in enumerate(plain):
        assert cv2.imwrite(str(path), draw_plate(700 + number).image)
    assert more(own, good=plain).made.limit.scores == 24 + 2


def test_marked_defects_are_learnt(own: Path, tmp_path: Path) -> None:
    marked = write_defects(tmp_path / "marked", "faint", 6)
    faint = [draw_plate(seed, "faint").image for seed in range(9100, 9110)]
    before = scores(own / "plate" / "1", faint)
    proposal = more(own, bad=marked)
    given = [v for v in proposal.verdicts if v.is_given]
    assert {v.role for v in given} == {"marked"}
    assert sum(not v.passes_after for v in given) > sum(not v.passed_before for v in given)
    after = scores(proposal.write().folder, faint)
    assert np.mean(after) > 1.2 * np.mean(before)
    lesson = read_lesson(own / "plate" / "2")
    assert {(e.reason, e.mask is not None) for e in lesson.entries if e.role == "marked"} == {
        ("faint", True)
    }


def test_bad_parts_nobody_marked_are_learnt_where_they_are_hot(own: Path, tmp_path: Path) -> None:
    root = write_defects(tmp_path / "bare", "faint", 6, masks=False)
    proposal = more(own, bad=sorted((root / "faint").iterdir()))
    given = [v for v in proposal.verdicts if v.is_given]
    assert {v.role for v in given} == {"bad"}
    assert np.mean([v.after for v in given]) > np.mean([v.before for v in given])
    assert all(name in {v.name for v in given} for name in (v.name for v in proposal.still_wrong))


def test_a_bad_part_that_shows_nothing_needs_a_mask(
    own: Path, stamped: Path, tmp_path: Path, plates: Path
) -> None:
    """The station sees nothing on it: it is kept to compare with, and not learnt from."""
    path = tmp_path / "like_good.png"
    image = read_image(plates / "good" / "3.png").copy()
    image[0, 0] ^= 1
    assert cv2.imwrite(str(path), image)
    with pytest.raises(TeachError, match=r"like_good\.png cannot be learnt without a mask"):
        more(own, bad=path)
    proposal = more(own, bad=path, good=stamped)
    assert any("like_good_mask.png" in warning for warning in proposal.warnings)
    assert [v.name for v in proposal.still_wrong] == ["like_good.png"]
    proposal.write()
    again = more(own, bad=write_defects(tmp_path / "marked", "stain", 2))
    assert "like_good.png" in {v.name for v in again.verdicts}


def test_what_was_shown_is_kept_once_and_found_again(
    own: Path, stamped: Path, plates: Path
) -> None:
    more(own, good=stamped).write()
    shown = own / "plate" / "shown"
    entries = read_lesson(own / "plate" / "2").entries
    assert len(entries) == 27
    assert {path.name for path in shown.iterdir()} == {entry.file for entry in entries}
    kept = {entry.path: shown / entry.file for entry in entries}
    first = stamped / "stamp0.png"
    assert kept[str(first)].samefile(first)  # no second copy on the disk
    for path in stamped.iterdir():
        path.unlink()
    assert len(more(own, good=plates / "good" / "0.png").verdicts) == 27


def test_lost_pictures_are_named_and_refused(own: Path, stamped: Path) -> None:
    lesson = read_lesson(own / "plate" / "1")
    gone, changed = (own / "plate" / "shown" / entry.file for entry in lesson.entries[:2])
    names = [entry.name for entry in lesson.entries[:2]]
    # the pictures themselves lie where they lay: only copies of the kept files change
    for path, entry in zip((gone, changed), lesson.entries, strict=False):
        moved = entry.model_copy(update={"path": f"/nowhere/{entry.name}"})
        lesson = lesson.model_copy(
            update={"entries": tuple(moved if e == entry else e for e in lesson.entries)}
        )
        path.unlink()
    changed.write_bytes(b"another")
    (own / "plate" / "1" / "lesson.json").write_text(lesson.model_dump_json())
    with pytest.raises(TeachError, match="2 of 24 pictures shown earlier") as caught:
        more(own, good=stamped)
    assert f"{names[0]} (/nowhere/{names[0]}): missing" in str(caught.value)
    assert f"{names[1]} (/nowhere/{names[1]}): changed" in str(caught.value)
    assert len(more(own, good=stamped, forget_lost=True).verdicts) == 22 + 3


def test_a_limit_needs_good_parts_that_were_not_chosen_for_their_score(
    own: Path, tmp_path: Path
) -> None:
    """All that was shown is lost, and of all that is given the version rejected each."""
    shutil.rmtree(own / "plate" / "shown")
    lesson = read_lesson(own / "plate" / "1")
    lost = tuple(e.model_copy(update={"path": f"/nowhere/{e.name}"}) for e in lesson.entries)
    text = lesson.model_copy(update={"entries": lost}).model_dump_json()
    (own / "plate" / "1" / "lesson.json").write_text(text)
    folder = tmp_path / "rejected"
    folder.mkdir()
    for number in range(12):
        assert cv2.imwrite(str(folder / f"{number}.png"), draw_stamped(900 + number))
    with pytest.raises(TeachError, match="0 good parts"):
        more(own, good=folder, forget_lost=True)


def test_a_picture_that_vanished_from_the_models_folder_is_taken_from_where_it_lay(
    own: Path, stamped: Path
) -> None:
    entry = read_lesson(own / "plate" / "1").entries[0]
    (own / "plate" / "shown" / entry.file).unlink()
    more(own, good=stamped).write()
    assert (own / "plate" / "shown" / entry.file).is_file()


def test_the_lesson_travels_with_a_rollback(own: Path, stamped: Path, plates: Path) -> None:
    more(own, good=stamped).write()
    back = roll_back("plate", [own])
    assert back.card.reference == "plate/3"
    assert read_lesson(back.folder) == read_lesson(own / "plate" / "1")
    assert len(more(own, good=plates / "good" / "0.png").verdicts) == 24


def test_an_interruption_leaves_the_old_model_and_no_debris(
    own: Path, stamped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime_ns for path in own.rglob("*") if path.is_file()}
    proposal = more(own, good=stamped)
    count = 0

    def link(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        shutil.copy(source, target)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(KeyboardInterrupt):
        proposal.write()
    assert {p: p.stat().st_mtime_ns for p in own.rglob("*") if p.is_file()} == before


def test_where_the_disk_knows_no_links_pictures_are_copied(
    own: Path, stamped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", link)
    more(own, good=stamped).write()
    entry = read_lesson(own / "plate" / "2").entries[-1]
    kept = own / "plate" / "shown" / entry.file
    assert kept.read_bytes() == Path(entry.path).read_bytes()
    assert not kept.samefile(entry.path)


def test_a_picture_that_changed_meanwhile_is_not_kept_as_what_was_learnt(
    own: Path, stamped: Path
) -> None:
    proposal = more(own, good=stamped)
    assert cv2.imwrite(str(stamped / "stamp1.png"), draw_plate(77, "stain").image)
    with pytest.raises(TeachError, match=r"stamp1\.png changed while it was learnt from"):
        proposal.write()
    assert list_models([own]) == ["plate/1"]


def test_a_picture_may_change_its_meaning_but_not_have_two(
    own: Path, stamped: Path, plates: Path
) -> None:
    path = stamped / "stamp0.png"
    with pytest.raises(TeachError, match=r"as good and as bad: stamp0\.png"):
        more(own, good=path, bad=path)
    proposal = more(own, bad=plates / "good" / "5.png")
    assert "5.png was shown as good before and is bad now" in proposal.warnings
    assert [v.role for v in proposal.verdicts if v.name == "5.png"] == ["bad"]
    assert len(proposal.verdicts) == 24


def test_what_cannot_be_learnt_from_is_refused_by_name(own: Path, tmp_path: Path) -> None:
    with pytest.raises(TeachError, match="nothing to learn"):
        more(own)
    with pytest.raises(TeachError, match=r"gone\.png is not there"):
        more(own, good=tmp_path / "gone.png")
    black = tmp_path / "black.png"
    assert cv2.imwrite(str(black), np.zeros((128, 128), np.uint8))
    with pytest.raises(TeachError, match=r"black\.png"):
        more(own, good=black)


def test_models_that_do_not_know_what_they_were_shown_say_what_to_do(
    own: Path, stamped: Path, tiny_model_dir: Path
) -> None:
    more(own, good=stamped).write()
    (own / "plate" / "2" / "lesson.json").unlink()
    with pytest.raises(TeachError, match="station teach more plate/1"):
        more(own, good=stamped)
    (own / "plate" / "1" / "lesson.json").unlink()
    with pytest.raises(TeachError, match="station teach anomaly DIR --name plate"):
        more(own, good=stamped)
    with pytest.raises(TeachError, match="only anomaly models"):
        propose(MoreLesson(name="bright", good=(stamped,)), [tiny_model_dir])
    with pytest.raises(TeachError, match="was imported"):
        propose(MoreLesson(name="odd", good=(stamped,)), [tiny_model_dir])


def test_another_feature_net_is_refused(own: Path, stamped: Path) -> None:
    folder = own / "plate" / "1"
    card = json.loads((folder / "card.json").read_bytes())
    card["training"]["feature_net"]["sha256"] = "0" * 64
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(TeachError, match="--search"):
        more(own, good=stamped)
