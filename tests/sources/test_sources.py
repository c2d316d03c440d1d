"""Folder, video, replay and upload sources: what they give and how they fail."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.errors import AcquisitionError, NoFrameError, PictureError
from station.core.frame import Image
from station.sources.camera import Camera
from station.sources.folder import Folder
from station.sources.replay import Replay
from station.sources.upload import Upload, encoded_from_upload
from station.vision.frames import decoded
from station.vision.images import encode_jpeg

DrawPart = Callable[..., Image]


@pytest.fixture
def pictures(tmp_path: Path, draw_part: DrawPart) -> Path:
    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"part{number}.png"), draw_part(40 + number, seed=number))
    return tmp_path


def test_a_folder_gives_each_picture_once_then_ends(pictures: Path) -> None:
    feed = Folder(path=pictures, camera_id="c").open()
    frames = [feed.grab(1) for _ in range(4)]
    assert [Path(f.origin).name for f in frames if f] == ["part1.png", "part2.png", "part10.png"]
    assert [f.sequence for f in frames if f] == [1, 2, 3]
    assert frames[3] is None


def test_a_looping_folder_never_ends(pictures: Path) -> None:
    feed = Folder(path=pictures, loop=True).open()
    assert [Path(f.origin).name for _ in range(5) if (f := feed.grab(1))][3:] == [
        "part1.png",
        "part2.png",
    ]


def test_a_broken_picture_is_reported_and_the_next_one_comes(pictures: Path) -> None:
    (pictures / "part2.png").write_bytes((pictures / "part2.png").read_bytes()[:100])
    feed = Folder(path=pictures).open()
    assert feed.grab(1)
    with pytest.raises(PictureError, match="part2"):
        feed.grab(1)
    third = feed.grab(1)
    assert third is not None
    assert third.origin.endswith("part10.png")


def test_a_paced_folder_is_live_and_keeps_its_beat(pictures: Path) -> None:
    source = Folder(path=pictures, rate_per_s=0.5)
    feed = source.open()
    assert source.is_live
    assert feed.grab(1)
    with pytest.raises(NoFrameError):
        feed.grab(0.01)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_pictures_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AcquisitionError, match=name):
        Folder(path=tmp_path / name).open()


def test_a_video_file_gives_its_pictures_then_ends(tmp_path: Path) -> None:
    path = tmp_path / "line.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for grey in (50, 100, 150):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    feed = Camera(device=str(path)).open()
    means = [round(float(frame.image.mean())) for _ in range(3) if (frame := feed.grab(1))]
    assert feed.grab(1) is None
    feed.close()
    assert all(abs(mean - want) <= 2 for mean, want in zip(means, (50, 100, 150), strict=True))


@pytest.mark.parametrize("device", ["gone.avi", "http://127.0.0.1:9/stream"])
def test_a_camera_that_cannot_be_opened_says_so(device: str) -> None:
    with pytest.raises(AcquisitionError):
        Camera(device=device, open_timeout_ms=500).open()


def test_a_replay_shows_what_was_recorded(pictures: Path) -> None:
    records = [
        {"job_id": "", "origin": "part10.png", "passed": False, "truth": "glare"},
        {"job_id": "", "origin": "part1.png", "passed": True, "truth": "ok"},
    ]
    recording = pictures / "results.jsonl"
    recording.write_text("".join(json.dumps(record) + "\n" for record in records))
    feed = Replay(results=recording, pictures=pictures).open()
    first, second, end = feed.grab(1), feed.grab(1), feed.grab(1)
    assert first is not None
    assert second is not None
    assert (Path(first.origin).name, first.truth) == ("part10.png", "glare")
    assert second.truth == "ok"
    assert end is None
    only = Replay(results=recording, pictures=pictures, only_not_ok=True).open()
    assert only.grab(1)
    assert only.grab(1) is None


def test_an_upload_is_the_same_as_a_file(pictures: Path, draw_part: DrawPart) -> None:
    data = encode_jpeg(draw_part(70))
    (pictures / "z.jpg").write_bytes(data)
    frame = encoded_from_upload(data, camera_id="u", sequence=1)
    feed = Folder(path=pictures).open()
    from_files = [one for _ in range(4) if (one := feed.grab(1))]
    assert np.array_equal(decoded(from_files[-1]).image, decoded(frame).image)
    assert frame.data == data
    with pytest.raises(PictureError, match="posted picture is cut short"):
        encoded_from_upload(data[:-100], camera_id="u", sequence=2)
    with pytest.raises(NoFrameError, match="post a picture"):
        Upload().open().grab(0.01)


@pytest.mark.skipif(os.name == "nt", reason="a name there is text")
def test_a_name_of_any_bytes_is_an_origin_that_can_be_stored(pictures: Path) -> None:
    name = os.fsdecode(b"part\xff.png")
    (pictures / "part1.png").rename(pictures / name)
    recording = pictures / "results.jsonl"
    recording.write_text(json.dumps({"job_id": "", "origin": name}) + "\n")
    folder = Folder(path=pictures).open()
    replay = Replay(results=recording, pictures=pictures).open()
    (pictures / name).with_name(os.fsdecode(b"broken\xff.png")).write_bytes(b"no picture")
    (frame,) = (f for _ in range(3) if (f := folder.grab(1)) and "part\ufffd" in f.origin)
    played = replay.grab(1)
    assert played is not None
    for origin in (frame.origin, played.origin):
        assert origin == f"{pictures}/part\ufffd.png"
    with pytest.raises(PictureError, match="broken\ufffd"):
        Folder(path=pictures).open().grab(1)
