"""When space runs out pictures go, the least needed first; a jumping clock deletes nothing."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.core.frame import Frame, Image, Job
from station.core.recipe import PreparedRecipe
from station.inspection import inspect
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.retention import SECONDS_PER_DAY, RetentionClock, apply_retention
from station.journal.space import Ballast, make_space
from station.vision.images import read_image
from tests.conftest import DrawPart
from tests.journal.conftest import MakeResult, OpenJournal, record

NOW = datetime(2026, 7, 10, 12, tzinfo=UTC)


def test_annotated_pictures_go_first_then_the_oldest(tmp_path: Path) -> None:
    folder = tmp_path / "pictures" / "2026-01-01"
    folder.mkdir(parents=True)
    for age, name in enumerate(["new.jpg", "new.annotated.jpg", "old.jpg", "old.annotated.jpg"]):
        path = folder / name
        path.write_bytes(b"x" * 1000)
        os.utime(path, (NOW.timestamp() - age, NOW.timestamp() - age))
    (tmp_path / "journal.sqlite").write_bytes(b"x" * 1000)

    def free(_: Path) -> int:
        return 10_000 - sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())

    def left() -> list[str]:
        return sorted(path.name for path in folder.iterdir())

    assert make_space(tmp_path / "pictures", 5_000, free) == 0
    assert make_space(tmp_path / "pictures", 6_000, free) == 1
    assert left() == ["new.annotated.jpg", "new.jpg", "old.jpg"]
    assert make_space(tmp_path / "pictures", 8_000, free) == 2
    assert left() == ["new.jpg"]
    assert make_space(tmp_path / "pictures", 99_000, free) == 1
    assert (tmp_path / "journal.sqlite").exists()


def test_the_reserve_is_whole_or_not_there(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "b", 100_000)
    assert not ballast.give_up()
    assert ballast.fill()
    assert (tmp_path / "b").stat().st_size == 100_000
    assert ballast.give_up()
    assert not (tmp_path / "b").exists()
    assert not Ballast(tmp_path / "gone" / "b", 1).fill()


@pytest.mark.parametrize("jump_days", [-365, -1, 1, 365])
def test_a_clock_that_jumps_deletes_nothing(
    jump_days: float, open_journal: OpenJournal, make_result: MakeResult, tmp_path: Path
) -> None:
    journal, policy = open_journal(), KeepPolicy(max_age_days=2)
    ages = (1.5, 0.5, 0.0)
    record(journal, *(make_result(completed_at=NOW - timedelta(days=age)) for age in ages))
    clock, wall_s = RetentionClock(journal), NOW.timestamp()

    def clean(wall_s: float, passed_s: float) -> int:
        now_s = clock.now_s(wall_s, passed_s)
        apply_retention(journal, tmp_path / "p", policy, now_s=now_s)
        return len(journal.latest())

    assert clean(wall_s, 0) == 3
    jumped_s = wall_s + jump_days * SECONDS_PER_DAY
    assert clean(jumped_s + 300, 300) == 3
    assert clean(jumped_s + 600, 600) == 3
    assert clean(wall_s + 900, 900) == 3
    assert journal.drain()
    clock = RetentionClock(journal)  # a restart knows what the one before had reached
    assert clean(jumped_s + 900, 0) == 3
    assert clean(wall_s + SECONDS_PER_DAY, SECONDS_PER_DAY) == 2


def test_what_was_stored_while_the_clock_stood_wrong_is_kept_like_its_neighbours(
    open_journal: OpenJournal, make_result: MakeResult
) -> None:
    journal = open_journal()
    days = (-40, -3, +365, -60, -60, -1, 0)  # a clock a year ahead, then sixty days back
    record(journal, *(make_result(completed_at=NOW + timedelta(days=day)) for day in days))
    limit_s = NOW.timestamp() - 30 * SECONDS_PER_DAY
    assert journal.forget_before(limit_s, NOW.timestamp()) == 1
    assert len(journal.latest()) == 6


def test_what_a_kill_left_half_written_is_cleaned(tmp_path: Path) -> None:
    half = tmp_path / "pictures" / "2026-01-01" / ".a.jpg.123.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    whole = half.with_name("b.jpg")
    whole.write_bytes(b"whole")
    Pictures(tmp_path / "pictures", KeepPolicy()).close()
    assert (half.exists(), whole.exists()) == (False, True)


def test_an_annotated_picture_beside_the_raw_one(
    tiny_prepared: PreparedRecipe, draw_part: DrawPart, tmp_path: Path
) -> None:
    frame = Frame(image=draw_part(170), camera_id="c", sequence=1, acquired_at=NOW)
    result = inspect(frame, tiny_prepared, Job())
    pictures = Pictures(tmp_path, KeepPolicy(keep_annotated=True))
    pictures.offer(result, frame)
    pictures.close()
    raw = pictures.path_of(result)
    assert read_image(raw).shape == frame.image.shape
    assert read_image(raw.with_suffix(".annotated.jpg")).shape[0] > frame.image.shape[0]


def test_a_picture_that_breaks_the_writer_costs_no_other(
    tiny_prepared: PreparedRecipe,
    draw_part: DrawPart,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_once(image: Image, *, quality: int) -> bytes:
        monkeypatch.undo()
        raise MemoryError(f"{image.shape} at {quality}")

    frame = Frame(image=draw_part(170), camera_id="c", sequence=1, acquired_at=NOW)
    monkeypatch.setattr("station.journal.pictures.encode_jpeg", break_once)
    pictures = Pictures(tmp_path, KeepPolicy())
    for _ in range(2):
        pictures.offer(inspect(frame, tiny_prepared, Job()), frame)
    pictures.close()
    assert (pictures.dropped, pictures.kept) == (1, 1)
