"""A camera that fails on command gives exactly the fault that was asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from station.core.errors import AcquisitionError, IncompleteFrameError, NoFrameError
from station.core.frame import Frame, Image
from station.core.plugin import Source, parse

OpenCamera = Callable[..., Any]


@pytest.fixture
def open_camera(tmp_path: Path, draw_part: Callable[..., Image]) -> OpenCamera:
    """open_camera(fault="dark"): an open camera that plays four different pictures for ever."""
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), draw_part(120, seed=number))
    folder = {"kind": "folder", "path": str(tmp_path), "loop": True}

    def start(**settings: object) -> Any:
        return parse(Source, {"kind": "faulty_camera", "of": folder, **settings}).open()

    return start


def frames(camera: Any, count: int) -> list[Frame]:
    return [camera.grab(1) for _ in range(count)]


def test_without_a_fault_it_is_a_sound_camera(open_camera: OpenCamera) -> None:
    seen = frames(open_camera(camera_id="cam3"), 3)
    assert [frame.device_frame_id for frame in seen] == [1, 2, 3]
    assert all(frame.camera_id == "cam3" and not frame.is_simulated for frame in seen)
    assert all(frame.origin.startswith("faulty_camera:") for frame in seen)
    assert not np.array_equal(seen[0].image, seen[1].image)


def test_only_due_frames_have_the_fault_and_say_so(open_camera: OpenCamera) -> None:
    seen = frames(open_camera(fault="dark", every=3), 6)
    assert [frame.truth for frame in seen] == [None, None, "dark", None, None, "dark"]
    assert [frame.image.mean() < 20 for frame in seen] == [False, False, True] * 2


def test_frozen_repeats_the_bytes_and_torn_mixes_two_frames(open_camera: OpenCamera) -> None:
    first, *repeats = frames(open_camera(fault="frozen"), 3)
    assert first.truth is None
    assert all(np.array_equal(frame.image, first.image) for frame in repeats)
    sound, torn = frames(open_camera(fault="torn", every=2), 2)
    half = sound.image.shape[0] // 2
    assert not np.array_equal(torn.image[:half], sound.image[:half])
    rolled = np.roll(sound.image, sound.image.shape[1] // 3, axis=1)
    assert np.array_equal(torn.image[half:], rolled[half:])


def test_what_the_camera_says_of_a_frame_can_be_wrong(open_camera: OpenCamera) -> None:
    first, second = frames(open_camera(fault="repeated_id", every=2), 2)
    assert first.device_frame_id == second.device_frame_id
    first, second = frames(open_camera(fault="timestamp_jump", every=2), 2)
    assert (first.device_timestamp_ns or 0) > (second.device_timestamp_ns or 0)
    first, second = frames(open_camera(fault="stale", every=2), 2)
    assert first.acquired_at > second.acquired_at
    first, second = frames(open_camera(fault="wrong_size", every=2), 2)
    assert first.image.shape != second.image.shape


def test_faults_that_give_no_frame(open_camera: OpenCamera) -> None:
    with pytest.raises(IncompleteFrameError, match="lacks lines"):
        open_camera(fault="incomplete").grab(1)
    with pytest.raises(NoFrameError):
        open_camera(fault="silent").grab(0.01)
    with pytest.raises(AcquisitionError, match="pulled"):
        open_camera(fault="pulled")


def test_a_command_rules_while_it_is_there(open_camera: OpenCamera, tmp_path: Path) -> None:
    command = tmp_path / "fault.txt"
    camera = open_camera(command=str(command))
    assert camera.grab(1).truth is None
    command.write_text("pulled\n")
    with pytest.raises(AcquisitionError, match="pulled"):
        camera.grab(1)
    command.write_text("dark")
    assert camera.grab(1).truth == "dark"
    command.unlink()
    assert camera.grab(1).truth is None
    command.write_text("fire")
    with pytest.raises(AcquisitionError, match="'fire', which is no fault"):
        camera.grab(1)
