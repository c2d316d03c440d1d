"""Pictures dropped into a folder: each once, whole, in order, over restarts and faults."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.core.errors import AcquisitionError, InUseError, NoFrameError, PictureError
from station.core.frame import EncodedFrame
from station.sources.drop_feed import DropFeed
from station.sources.watch import Watch
from station.vision.images import encode_jpeg, encode_png

Open = Callable[..., DropFeed]
LONG_S = 15.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where pictures are dropped."""
    path = tmp_path / "drops"
    path.mkdir()
    return path


@pytest.fixture
def open_feed(folder: Path) -> Iterator[Open]:
    """open_feed(settle_ms=…): the folder, opened; closed when the test ends."""
    with ExitStack() as stack:

        def open_it(**given: Any) -> DropFeed:
            quick = {"settle_ms": 30, "give_up_s": 0.3, "poll_s": 0.1}
            feed = Watch(path=folder, **{**quick, **given}).open()
            stack.callback(feed.close)
            return feed

        yield open_it


def picture(number: int = 0) -> bytes:
    """A small PNG, another one for each number."""
    return encode_png(np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8))


def drop(folder: Path, name: str, data: bytes, mtime_s: float | None = None) -> Path:
    """Write a file under a temporary name, then rename it."""
    draft = folder / f".{name}.part"
    draft.write_bytes(data)
    if mtime_s is not None:
        os.utime(draft, (mtime_s, mtime_s))
    return draft.rename(folder / name)


def take(feed: DropFeed, timeout_s: float = LONG_S) -> EncodedFrame:
    """The next picture, its result stored."""
    frame = feed.grab(timeout_s)
    assert frame is not None
    feed.answered(frame)
    return frame


def take_all(feed: DropFeed, wait_s: float = 0.6) -> list[str]:
    """The names of all that come, and the complaints, until none comes for `wait_s`."""
    got = []
    while True:
        try:
            got.append(Path(take(feed, wait_s).origin).name)
        except NoFrameError:
            return got
        except PictureError as error:
            put_aside(feed, error)
            got.append(str(error))


def put_aside(feed: DropFeed, error: PictureError) -> None:
    """The result that says what was wrong is stored."""
    if error.frame is not None:
        feed.answered(error.frame)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end_s, "it never came true"
        threading.Event().wait(0.01)


def names(folder: Path) -> list[str]:
    """The files in a folder that are not hidden."""
    return sorted(p.name for p in folder.iterdir() if p.is_file() and p.name[0] != ".")


def test_pictures_come_once_in_the_order_of_arrival(folder: Path, open_feed: Open) -> None:
    for number, name in enumerate(("c.png", "a.png", "b.png")):
        drop(folder, name, picture(number), mtime_s=1e9 + number)
    drop(folder, "a0.png", picture(7), mtime_s=1e9)
    feed = open_feed()
    frames = [take(feed) for _ in range(4)]
    assert [Path(f.origin).name for f in frames] == ["a0.png", "c.png", "a.png", "b.png"]
    assert [f.data for f in frames] == [picture(7), picture(0), picture(1), picture(2)]
    assert [f.sequence for f in frames] == [1, 2, 3, 4]
    assert not any(f.is_simulated for f in frames)
    assert take_all(feed) == []
    until(lambda: names(folder) == [])
    assert names(folder / "done") == ["a.png", "a0.png", "b.png", "c.png"]


def test_a_new_picture_is_seen_without_waiting_for_the_poll(folder: Path, open_feed: Open) -> None:
    feed = open_feed(poll_s=60, settle_ms=1)
    with pytest.raises(NoFrameError):
        feed.grab(0.3)
    drop(folder, "a.png", picture())
    assert take(feed).data == picture()


def test_a_half_written_file_is_neither_half_read_nor_lost(folder: Path, open_feed: Open) -> None:
    feed = open_feed(give_up_s=3600)
    data = picture()
    with (folder / "slow.png").open("wb") as file:
        for start in range(0, 1200, 400):
            file.write(data[start : start + 400])
            file.flush()
            with pytest.raises(NoFrameError):
                feed.grab(0.2)  # rests longer than settle_ms, but is not whole
        file.write(data[1200:])
    assert take(feed).data == data
    assert take_all(feed) == []


def test_a_file_renamed_into_place_need_not_rest(folder: Path, open_feed: Open) -> None:
    feed = open_feed(settle_ms=3_600_000)
    draft = folder / "a.png.tmp"
    draft.write_bytes(picture())
    with pytest.raises(NoFrameError):
        feed.grab(0.4)
    draft.rename(folder / "a.png")
    assert take(feed).data == picture()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (picture()[:-300], "cut short"),
        (b"GIF89a", "no PNG"),
        (b"\0" * 2_000_001, "max_bytes"),
    ],
)
def test_what_never_becomes_a_picture_fails_once_and_is_put_aside(
    data: bytes, complaint: str, folder: Path, open_feed: Open
) -> None:
    (folder / "bad.png").write_bytes(data)
    feed = open_feed(max_bytes=2_000_000)
    with pytest.raises(PictureError, match=rf"bad\.png.*{complaint}") as caught:
        feed.grab(LONG_S)
    with pytest.raises(NoFrameError):
        feed.grab(0.3)
    assert names(folder) == ["bad.png"]  # until its result is stored
    put_aside(feed, caught.value)
    drop(folder, "good.png", picture())
    assert take_all(feed) == ["good.png"]
    assert names(folder / "unreadable") == ["bad.png"]


def test_an_incomplete_file_does_not_hold_up_others(folder: Path, open_feed: Open) -> None:
    (folder / "bad.png").write_bytes(picture()[:-300])
    feed = open_feed(give_up_s=3600)
    drop(folder, "good.png", picture())
    assert take(feed).origin.endswith("good.png")


def test_what_was_given_but_not_answered_comes_again(folder: Path) -> None:
    """A crash is a feed that is never closed: its lock goes with the process."""
    for number in range(3):
        drop(folder, f"{number}.png", picture(number), mtime_s=1e9 + number)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - the crashing station
        feed = Watch(path=folder, settle_ms=1, poll_s=0.05).open()
        take(feed)
        until(lambda: (folder / "done" / "0.png").exists())
        feed.grab(LONG_S)
        os.write(writer, b"x")
        os._exit(0)
    os.read(reader, 1)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    with closing(Watch(path=folder, settle_ms=1).open()) as feed:
        assert take_all(feed) == ["1.png", "2.png"]


@pytest.mark.parametrize("after", ["move", "delete", "keep"])
def test_nothing_comes_again_after_a_restart(after: str, folder: Path, open_feed: Open) -> None:
    for number in range(3):
        drop(folder, f"{number}.png", picture(number), mtime_s=1e9 + number)
    feed = open_feed(after=after)
    assert len(take_all(feed)) == 3
    feed.close()
    drop(folder, "new.png", picture(9))
    assert take_all(open_feed(after=after)) == ["new.png"]
    kept = ["0.png", "1.png", "2.png", "new.png"] if after == "keep" else []
    until(lambda: names(folder) == kept)


def test_what_is_under_way_at_the_end_is_put_away_once_it_is_answered(
    folder: Path, open_feed: Open
) -> None:
    for name in ("a.png", "b.png"):
        drop(folder, name, picture())
    feed = open_feed()
    first, _ = feed.grab(LONG_S), feed.grab(LONG_S)
    feed.close()
    feed.close()
    assert names(folder) == ["a.png", "b.png"]
    assert first is not None
    feed.answered(first)
    assert (names(folder), names(folder / "done")) == (["b.png"], ["a.png"])
    assert take_all(open_feed()) == ["b.png"]


def test_a_torn_list_of_what_was_taken_costs_only_its_last_line(
    folder: Path, open_feed: Open
) -> None:
    for number in range(2):
        drop(folder, f"{number}.png", picture(number), mtime_s=1e9 + number)
    feed = open_feed(after="keep")
    take_all(feed)
    feed.close()
    taken = folder / ".station_taken.jsonl"
    taken.write_bytes(taken.read_bytes()[:-9])
    again = take_all(open_feed(after="keep"))
    assert len(again) == 1


def test_a_changed_file_that_is_kept_is_a_new_picture(folder: Path, open_feed: Open) -> None:
    feed = open_feed(after="keep")
    drop(folder, "same.png", picture(1), mtime_s=1e9)
    assert take(feed).data == picture(1)
    drop(folder, "same.png", picture(2), mtime_s=1e9 + 1)
    assert take(feed).data == picture(2)
    assert take_all(feed) == []


def test_a_name_used_again_overwrites_nothing(folder: Path, open_feed: Open) -> None:
    feed = open_feed()
    for number in range(3):
        drop(folder, "image.png", picture(number))
        assert take(feed).data == picture(number)
        until(lambda: names(folder) == [])
    assert names(folder / "done") == ["image.png", "image_2.png", "image_3.png"]


def test_a_picture_overwritten_before_it_was_taken_is_a_failed_part(
    folder: Path, open_feed: Open
) -> None:
    drop(folder, "image.png", picture(1))
    feed = open_feed(settle_ms=0)
    until(lambda: feed.waiting == 1)
    drop(folder, "image.png", picture(2))
    got = take_all(feed)
    assert len(got) == 2
    assert "image.png" in got
    assert any("overwritten" in one for one in got)
    assert (folder / "done" / "image.png").read_bytes() == picture(2)


def test_a_replacement_is_not_put_away_with_what_it_replaced(folder: Path, open_feed: Open) -> None:
    feed = open_feed()
    drop(folder, "image.png", picture(1))
    first = feed.grab(LONG_S)
    assert first is not None
    drop(folder, "image.png", picture(2))
    feed.answered(first)
    assert take(feed).data == picture(2)


def test_what_is_no_picture_is_left_alone(
    folder: Path, open_feed: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outside = tmp_path / "secret.png"
    outside.write_bytes(picture())
    (folder / "link.png").symlink_to(outside)
    (folder / "sub").mkdir()
    for name in (".x.png", "~a.png", "a.png~", "b.png.part", "c.tmp", "notes.txt", "sub/d.png"):
        (folder / name).write_bytes(picture())
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    feed = open_feed()
    drop(folder, "YES.JPG", picture())
    assert take_all(feed) == ["YES.JPG"]
    assert outside.exists()
    assert "2 files" in caplog.text
    assert "link.png" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_fails_with_the_reason(folder: Path, open_feed: Open) -> None:
    drop(folder, "mine.png", picture()).chmod(0)
    with pytest.raises(PictureError, match=r"mine\.png.*Permission denied"):
        open_feed().grab(LONG_S)


def test_a_name_that_is_no_text_can_still_be_reported(folder: Path, open_feed: Open) -> None:
    drop(folder, os.fsdecode(b"\xff.png"), picture())
    frame = take(open_feed())
    assert frame.origin.encode("utf-8").endswith("\N{REPLACEMENT CHARACTER}.png".encode())


def test_what_lies_there_at_the_start_can_be_left(folder: Path, open_feed: Open) -> None:
    drop(folder, "old.png", picture(1))
    feed = open_feed(take_existing=False)
    drop(folder, "new.png", picture(2))
    assert take_all(feed) == ["new.png"]
    assert names(folder) == ["old.png"]


def test_a_file_that_goes_away_is_no_part(folder: Path, open_feed: Open) -> None:
    feed = open_feed()
    path = drop(folder, "a.png", picture())
    until(lambda: feed.waiting == 1)
    path.unlink()
    drop(folder, "b.png", picture())
    assert take_all(feed) == ["b.png"]


def test_the_second_station_refuses(folder: Path, open_feed: Open) -> None:
    first = open_feed()
    with pytest.raises(InUseError, match="another station"):
        Watch(path=folder).open()
    first.close()
    Watch(path=folder).open().close()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AcquisitionError, match="nowhere"):
        Watch(path=tmp_path / "nowhere").open()


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_folder_that_goes_is_lost_and_can_be_opened_again(
    comes_back: bool, folder: Path, open_feed: Open
) -> None:
    feed = open_feed()
    folder.rename(folder.with_name("gone"))
    if comes_back:
        folder.mkdir()  # an empty mount point where the share was
    with pytest.raises(AcquisitionError, match="drops") as caught:
        feed.grab(LONG_S)
    assert not isinstance(caught.value, NoFrameError)
    feed.close()
    folder.mkdir(exist_ok=True)
    drop(folder, "a.png", picture())
    assert take_all(open_feed()) == ["a.png"]


@pytest.mark.timeout(120)  # file systems and CI machines differ
def test_ten_thousand_at_once(folder: Path, open_feed: Open) -> None:
    data = picture()
    for number in range(10_000):
        (folder / f"{number:05}.png").write_bytes(data)
    feed = open_feed(after="delete")
    got = [Path(take(feed).origin).name for _ in range(10_000)]
    assert len(set(got)) == 10_000
    assert take_all(feed) == []
    until(lambda: names(folder) == [])


CONTENTS = [
    encode(np.random.default_rng(seed).integers(0, 256, (16, 24, 3), np.uint8))
    for seed, encode in enumerate((encode_png, encode_jpeg, encode_png, encode_jpeg))
]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1), st.booleans()), min_size=1, max_size=6)
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_files_give_one_frame_or_one_complaint_each(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, float, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    written = {}
    for number, (which, where, is_cut) in enumerate(damage):
        data = bytearray(CONTENTS[which])
        at = int(where * (len(data) - 1))
        if is_cut:
            del data[at:]
        else:
            data[at] ^= 0x55
        name = f"{number}.{'jpg' if which % 2 else 'png'}"
        written[name] = bytes(data)
        drop(folder, name, written[name])
    seen: list[str] = []
    with closing(Watch(path=folder, settle_ms=1, give_up_s=0.05, poll_s=0.02).open()) as feed:
        until(lambda: _collect(feed, written, seen) == len(written))
        with pytest.raises(NoFrameError):
            feed.grab(0.05)
    assert sorted(seen) == sorted(written)


def _collect(feed: DropFeed, written: dict[str, bytes], seen: list[str]) -> int:
    try:
        frame = take(feed, 0.2)
    except NoFrameError:
        return len(seen)
    except PictureError as error:
        seen.append(next(name for name in written if f"/{name} " in str(error)))
    else:
        name = Path(frame.origin).name
        assert frame.data == written[name]
        seen.append(name)
    return len(seen)
