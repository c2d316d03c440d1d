"""Pictures dropped into a folder, through the line: one result each, put away after it."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from station.core.frame import Image, Job
from station.core.recipe import PreparedRecipe
from station.core.result import Result
from station.journal.pictures import KeepPolicy, Pictures
from station.journal.records import Journal
from station.line.line import Line
from station.line.settings import LineSettings
from station.sources.watch import Watch
from station.vision.images import encode_png
from tests.line.test_line import held_back, until


def line_on(folder: Path, prepared: PreparedRecipe) -> Line:
    """A line on a folder; its journal lies beside it."""
    home = folder.parent / "home"
    return Line(
        LineSettings(recipe="tiny", isolation="thread", deadline_ms=60_000),
        prepared,
        Watch(path=folder, settle_ms=1, give_up_s=0.1, poll_s=0.1),
        Journal(home / "journal.sqlite"),
        Pictures(home / "pictures", KeepPolicy()),
    )


def test_each_dropped_file_gets_one_result_and_is_put_away(
    tmp_path: Path, tiny_prepared: PreparedRecipe, draw_part: Callable[..., Image]
) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(encode_png(draw_part(90, seed=number)))
    (folder / "2.png").write_bytes(encode_png(draw_part(170)))
    (folder / "4.png").write_bytes(b"half")
    results: list[Result] = []
    with closing(line_on(folder, tiny_prepared)) as line:
        line.subscribe(results.append)
        until(lambda: line.counters.look().triggers == 6 and not line.counters.look().in_progress)
        until(lambda: not list(folder.glob("*.png")))
        counts = line.counters.look()
    assert (counts.ok, counts.not_ok, counts.failed) == (4, 1, 1)
    assert counts.by_reason == {"glare": 1, "unreadable_image": 1}
    assert [path.name for path in (folder / "unreadable").iterdir()] == ["4.png"]
    assert len(list((folder / "done").iterdir())) == 5


def test_a_picture_stays_until_its_result_is_stored(
    tmp_path: Path, tiny_prepared: PreparedRecipe, draw_part: Callable[..., Image]
) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    gate, begun = threading.Event(), threading.Event()
    picture = folder / "a.png"
    picture.write_bytes(encode_png(draw_part(90)))
    with closing(line_on(folder, held_back(tiny_prepared, gate, begun))) as line:
        assert begun.wait(10)
        (folder / "b.png").write_bytes(encode_png(draw_part(90)))
        until(lambda: line.counters.look().triggers == 2)
        assert picture.exists()
        gate.set()
        until(lambda: not picture.exists())
        assert len(line.journal.since(0, limit=9)) >= 1


def test_a_picture_that_is_refused_does_not_come_again_after_a_restart(
    tmp_path: Path, tiny_prepared: PreparedRecipe, draw_part: Callable[..., Image]
) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    results: list[Result] = []
    with closing(line_on(folder, tiny_prepared)) as line:
        line.subscribe(results.append)
        for name in ("a.png", "b.png"):  # a camera that froze
            (folder / name).write_bytes(encode_png(draw_part(90)))
            until(lambda: line.counters.look().in_progress == 0 and not [*folder.glob("*.png")])
    assert [result.reason_code for result in results] == [None, "frozen_frame"]
    with closing(line_on(folder, tiny_prepared)) as line:
        (folder / "c.png").write_bytes(encode_png(draw_part(170)))
        until(lambda: line.counters.look().not_ok == 1)
        assert line.counters.look().triggers == 1


def test_a_trigger_takes_no_picture_that_came_by_itself(
    tmp_path: Path, tiny_prepared: PreparedRecipe, draw_part: Callable[..., Image]
) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    with closing(line_on(folder, tiny_prepared)) as line:
        until(lambda: line.state.value == "continuous_execution")
        line.stop()
        for number in range(3):
            (folder / f"{number}.png").write_bytes(encode_png(draw_part(90, seed=number)))
        asked = line.trigger(Job(part_id="A")).result(10)
        assert (asked.reason_code, asked.passed) == ("no_frame", False)
        assert "by themselves" in asked.reason_text
        assert not line.has_room
        line.start()
        until(lambda: line.counters.look().ok == 3)
