"""A look in a process of its own gives the same answer, and its end costs one part."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from station.core.errors import NoRoomError, RecipeError
from station.core.frame import EncodedFrame, Frame, Image, Job
from station.core.recipe import PreparedRecipe, prepare
from station.core.result import Result
from station.inspection import inspect
from station.line import isolated
from station.line.inspectors import WorkerLostError
from station.line.isolated import IsolatedInspector
from station.vision.images import encode_jpeg

DrawPart = Callable[..., Image]


def frame_of(image: Image) -> Frame:
    return Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))


def nothing() -> None:
    pass


def shared_blocks() -> set[Path]:
    """Blocks of shared memory that this process has open."""
    maps = Path("/proc/self/maps").read_text()
    return {Path(word) for word in maps.split() if word.startswith("/dev/shm/psm_")}  # noqa: S108


def alike(result: Result) -> Result:
    """Without what differs from one look to the next."""
    return replace(
        result, processing_ms=0, total_ms=0, acquisition_ms=0, completed_at=result.triggered_at
    )


@pytest.fixture
def inspector(tiny_prepared: PreparedRecipe) -> Iterator[IsolatedInspector]:
    """A worker process with the tiny recipe, hung after a second."""
    opened = IsolatedInspector(stall_s=5.0)
    opened.prepare(tiny_prepared)
    yield opened
    opened.close()


def pid_of_worker() -> int:
    """The newest process below this one that is no fork server and no tracker."""
    below = psutil.Process().children(recursive=True)
    return max(
        (child for child in below if not child.children()), key=lambda child: child.create_time()
    ).pid


def test_the_answer_is_the_same_bit_for_bit(
    inspector: IsolatedInspector, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    for grey, size in ((90, (64, 48)), (128, (64, 48)), (170, (1600, 1200)), (90, (64, 48))):
        frame, job = frame_of(draw_part(grey, size)), Job(part_id="A", ledger_number=7)
        there = inspector.look(frame, tiny_prepared, job, nothing)
        here = inspect(frame, tiny_prepared, job)
        assert alike(there) == alike(here)
        assert there.ledger_number == 7


def test_an_encoded_picture_is_decoded_there(
    inspector: IsolatedInspector, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    data = encode_jpeg(draw_part(170))
    frame = EncodedFrame(
        data=data, camera_id="c", sequence=2, acquired_at=datetime.now(UTC), origin="a.jpg"
    )
    assert inspector.look(frame, tiny_prepared, Job(), nothing).reason_code == "glare"
    broken = replace(frame, data=data[: len(data) // 2])
    result = inspector.look(broken, tiny_prepared, Job(), nothing)
    assert (result.passed, result.reason_code) == (False, "unreadable_image")
    assert "a.jpg" in result.reason_text


def test_a_killed_worker_is_seen_and_comes_back(
    inspector: IsolatedInspector, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    frame = frame_of(draw_part(90))
    assert inspector.look(frame, tiny_prepared, Job(), nothing).passed
    os.kill(pid_of_worker(), signal.SIGKILL)
    with pytest.raises(WorkerLostError):
        inspector.look(frame, tiny_prepared, Job(), nothing)
    inspector.restart()
    assert inspector.look(frame, tiny_prepared, Job(), nothing).passed


def test_a_hung_worker_is_ended(tiny_prepared: PreparedRecipe, draw_part: DrawPart) -> None:
    inspector = IsolatedInspector(stall_s=0.5)
    try:
        inspector.prepare(tiny_prepared)
        os.kill(pid_of_worker(), signal.SIGSTOP)
        beats: list[int] = []
        with pytest.raises(WorkerLostError, match=r"0\.5 s"):
            inspector.look(frame_of(draw_part(90)), tiny_prepared, Job(), lambda: beats.append(1))
        assert beats
        inspector.restart()
        assert inspector.look(frame_of(draw_part(90)), tiny_prepared, Job(), nothing).passed
    finally:
        inspector.close()


def test_a_recipe_whose_model_was_changed_meanwhile_is_refused(
    inspector: IsolatedInspector, tiny_prepared: PreparedRecipe
) -> None:
    other = replace(tiny_prepared, models={"bright/1": "0" * 64}, recipe_hash="1" * 64)
    with pytest.raises(RecipeError, match="changed"):
        inspector.prepare(other)
    by_hand = replace(tiny_prepared, site=None, recipe_hash="2" * 64)
    with pytest.raises(RecipeError, match="by hand"):
        inspector.prepare(by_hand)


def test_closing_leaves_no_process_and_no_memory(
    tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    inspector = IsolatedInspector(stall_s=5.0)
    inspector.prepare(tiny_prepared)
    inspector.look(frame_of(draw_part(90)), tiny_prepared, Job(), nothing)
    worker, before = psutil.Process(pid_of_worker()), shared_blocks()
    inspector.close()
    for _ in range(100):
        if not worker.is_running():
            break
        threading.Event().wait(0.05)
    assert not worker.is_running()
    assert before
    assert not any(block.exists() for block in before)


def test_a_recipe_is_made_ready_while_a_look_is_under_way(
    inspector: IsolatedInspector, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    """The check of a recipe that differs in nothing but its version goes in from another thread."""
    recipe = tiny_prepared.recipe.model_copy(update={"version": 2})
    second = replace(tiny_prepared, recipe=recipe, recipe_hash=recipe.hash)
    thread = threading.Thread(target=inspector.prepare, args=(second,))
    thread.start()
    frame = frame_of(draw_part(90))
    for _ in range(5):
        result = inspector.look(frame, tiny_prepared, Job(), nothing)
        assert result.recipe_hash == tiny_prepared.recipe_hash
    thread.join()
    assert inspector.look(frame, second, Job(), nothing).recipe_version == 2


def test_a_program_that_forgets_to_close_ends_all_the_same(tiny_model_dir: Path) -> None:
    script = """
import sys
from pathlib import Path
from station.line.isolated import IsolatedInspector
if __name__ == "__main__":
    IsolatedInspector(5.0)
    sys.exit(3)
"""
    path = tiny_model_dir / "forgets.py"
    path.write_text(script)
    assert subprocess.run([sys.executable, str(path)], timeout=25).returncode == 3


def test_a_full_shared_memory_costs_the_part_and_not_the_line(
    tiny_prepared: PreparedRecipe, draw_part: DrawPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def full(file: int, *_: int) -> None:
        made.append(Path(f"/proc/self/fd/{file}").readlink())
        raise OSError(errno.ENOSPC, "No space left on device")

    inspector = IsolatedInspector(stall_s=5.0)
    inspector.prepare(tiny_prepared)
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(NoRoomError, match="--shm-size"):
            inspector.look(frame_of(draw_part()), tiny_prepared, Job(), nothing)
    assert [path.exists() for path in made] == [False]
    assert inspector.look(frame_of(draw_part()), tiny_prepared, Job(), nothing).passed
    inspector.close()


def test_the_line_beats_while_a_worker_loads_a_recipe(
    tiny_prepared: PreparedRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspector = IsolatedInspector(stall_s=5.0)
    beats: list[float] = []
    monkeypatch.setattr(isolated, "PREPARE_S", 1.0)
    os.kill(pid_of_worker(), signal.SIGSTOP)
    with pytest.raises(WorkerLostError, match="did not load the recipe in 1 s"):
        inspector.prepare(tiny_prepared, lambda: beats.append(time.monotonic()))
    inspector.close()
    assert len(beats) >= 3


def test_a_recipe_the_worker_gave_up_is_sent_again(
    inspector: IsolatedInspector, tiny_prepared: PreparedRecipe, draw_part: DrawPart
) -> None:
    def made(number: int) -> PreparedRecipe:
        recipe = tiny_prepared.recipe.model_copy(update={"version": 10 + number})
        assert tiny_prepared.site is not None
        return prepare(recipe, tiny_prepared.site)

    recipes = [made(number) for number in range(9)]
    frame = frame_of(draw_part(90))
    for recipe in recipes[:8]:
        assert inspector.look(frame, recipe, Job(), nothing).passed
    inspector.prepare(recipes[0])  # without a part, of which the worker would hear
    inspector.prepare(recipes[8])
    assert inspector.look(frame, recipes[0], Job(), nothing).passed
