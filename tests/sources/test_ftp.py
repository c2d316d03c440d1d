"""Pictures uploaded by FTP (the standard library's client): each whole one once, no other."""

import ftplib
import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from station.core.errors import (
    AcquisitionError,
    InUseError,
    NoFrameError,
    PictureError,
    SettingsError,
)
from station.core.frame import EncodedFrame
from station.core.plugin import Source, parse
from station.sources.ftp import Ftp, FtpFeed
from station.vision.images import encode_jpeg, encode_png

Open = Callable[..., FtpFeed]
Login = Callable[..., ftplib.FTP]
LONG_S = 15.0
LOGIN = {"user": "cam", "password": "secret"}


@pytest.fixture
def open_feed(tmp_path: Path) -> Iterator[Open]:
    """open_feed(settings): a listening server; closed when the test ends."""
    with ExitStack() as stack:

        def open_it(**given: Any) -> FtpFeed:
            feed = Ftp(**{"path": tmp_path / "spool", "port": 0, **LOGIN, **given}).open()
            stack.callback(feed.close)
            return feed

        yield open_it


@pytest.fixture
def login() -> Iterator[Login]:
    """login(feed): a client, logged in."""
    with ExitStack() as stack:

        def connect(feed: FtpFeed, user: str = "cam", password: str = "secret") -> ftplib.FTP:  # noqa: S107
            client = ftplib.FTP(timeout=LONG_S)  # noqa: S321
            stack.callback(client.close)
            client.connect(*feed.address)
            client.login(user, password)
            return client

        yield connect


def picture(number: int = 0) -> bytes:
    """A small PNG, another one for each number."""
    return encode_png(np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8))


def store(client: ftplib.FTP, name: str, data: bytes) -> str:
    """Upload a file."""
    return client.storbinary(f"STOR {name}", io.BytesIO(data))


def take(feed: FtpFeed, timeout_s: float = LONG_S) -> EncodedFrame:
    """The next picture, its result stored."""
    frame = feed.grab(timeout_s)
    assert frame is not None
    feed.answered(frame)
    return frame


def nothing_comes(feed: FtpFeed) -> bool:
    """Whether no further picture or complaint comes."""
    try:
        feed.grab(0.3)
    except NoFrameError:
        return True
    return False


def stored(folder: Path) -> list[str]:
    """All pictures below a folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.png"))


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end_s, "it never came true"
        threading.Event().wait(0.01)


@pytest.mark.parametrize("is_passive", [True, False])
def test_uploads_come_once_and_in_order(
    is_passive: bool, open_feed: Open, login: Login, tmp_path: Path
) -> None:
    feed = open_feed()
    client = login(feed)
    client.set_pasv(is_passive)
    for number in range(3):
        assert store(client, f"{9 - number}.png", picture(number)).startswith("226")
    frames = [take(feed) for _ in range(3)]
    assert [frame.data for frame in frames] == [picture(0), picture(1), picture(2)]
    assert [Path(frame.origin).name for frame in frames] == ["9.png", "8.png", "7.png"]
    assert not frames[0].is_simulated
    assert nothing_comes(feed)
    until(lambda: stored(tmp_path) == [])


def test_a_slow_upload_is_given_when_it_is_complete(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    client.voidcmd("TYPE I")
    with client.transfercmd("STOR slow.png") as connection:
        for start in range(0, len(picture()), 700):
            connection.sendall(picture()[start : start + 700])
            with pytest.raises(NoFrameError):
                feed.grab(0.05)
    assert client.voidresp().startswith("226")
    assert take(feed).data == picture()


def test_an_upload_that_ends_early_is_refused_and_counted(
    open_feed: Open, login: Login, tmp_path: Path
) -> None:
    """FTP has no length: a client that dies closes its connection like one that is ready."""
    feed = open_feed()
    with pytest.raises(ftplib.error_temp, match="426"):
        store(login(feed), "half.png", picture()[:-200])
    with pytest.raises(PictureError, match=r"half\.png .*no whole picture.*cut short"):
        feed.grab(LONG_S)
    assert nothing_comes(feed)
    assert stored(tmp_path) == []


def test_a_reset_connection_is_a_failed_part(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    client.voidcmd("TYPE I")
    connection = client.transfercmd("STOR torn.png")
    connection.sendall(picture()[:500])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    with pytest.raises(PictureError, match=r"torn\.png"):
        feed.grab(LONG_S)
    assert nothing_comes(feed)


def test_an_aborted_upload_is_a_failed_part(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    client.voidcmd("TYPE I")
    with client.transfercmd("STOR gone.png") as connection:
        connection.sendall(picture()[:500])
        client.putcmd("ABOR")
        client.getmultiline()
    with pytest.raises(PictureError, match=r"gone\.png was broken off"):
        feed.grab(LONG_S)


def test_a_client_that_goes_before_its_data_is_a_failed_part(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    client.voidcmd("TYPE I")
    client.makepasv()
    client.sendcmd("STOR never.png")
    client.close()
    with pytest.raises(PictureError, match=r"never\.png was broken off"):
        feed.grab(LONG_S)


def test_an_upload_without_progress_is_broken_off(open_feed: Open, login: Login) -> None:
    feed = open_feed(stall_timeout_s=0.3)
    client = login(feed)
    client.voidcmd("TYPE I")
    with client.transfercmd("STOR stalled.png") as connection:
        connection.sendall(picture()[:500])
        with pytest.raises(PictureError, match=r"stalled\.png was broken off"):
            feed.grab(LONG_S)


def test_a_picture_renamed_into_place_is_given_then(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    store(client, "a.png.tmp", picture())
    assert nothing_comes(feed)
    client.rename("a.png.tmp", "a.png")
    frame = take(feed)
    assert (Path(frame.origin).name, frame.data) == ("a.png", picture())


def test_a_picture_never_renamed_is_a_failed_part(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    store(client, "a.png.tmp", picture())
    client.quit()
    with pytest.raises(PictureError, match=r"a\.png\.tmp was never renamed"):
        feed.grab(LONG_S)


def test_too_large_an_upload_is_broken_off(open_feed: Open, login: Login, tmp_path: Path) -> None:
    feed = open_feed(max_bytes=50_000)
    client = login(feed)
    with pytest.raises((ftplib.Error, OSError)):
        store(client, "huge.png", b"\0" * 5_000_000)
    with pytest.raises(PictureError, match=r"huge\.png has more than max_bytes"):
        feed.grab(LONG_S)
    assert stored(tmp_path) == []
    store(login(feed), "small.png", picture())
    assert take(feed).data == picture()


def test_ascii_mode_is_refused_because_it_damages_pictures(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    with pytest.raises(ftplib.error_perm, match="binary"):
        client.storlines("STOR a.jpg", io.BytesIO(encode_jpeg(np.zeros((8, 8, 3), np.uint8))))
    with pytest.raises(PictureError, match=r"a\.jpg.*ASCII"):
        feed.grab(LONG_S)


def test_more_pictures_than_may_wait_are_refused(open_feed: Open, login: Login) -> None:
    feed = open_feed(max_waiting=1)
    client = login(feed)
    store(client, "1.png", picture(1))
    until(lambda: _is_refused(client))
    got: list[bytes] = []
    while len(got) < 2:
        try:
            got.append(take(feed).data)
        except PictureError as error:
            got.append(str(error).encode())
    assert picture(1) in got
    assert any(b"waiting already" in one for one in got)


def _is_refused(client: ftplib.FTP) -> bool:
    try:
        store(client, "more.png", picture(2))
    except ftplib.error_perm as error:
        return "waiting" in str(error)
    return False


@pytest.mark.parametrize(("user", "password"), [("cam", "wrong"), ("root", "secret")])
def test_only_the_user_gets_in(user: str, password: str, open_feed: Open, login: Login) -> None:
    feed = open_feed()
    with pytest.raises(ftplib.error_perm, match="530"):
        login(feed, user, password)


def test_anybody_gets_in_where_the_settings_say_so(open_feed: Open, login: Login) -> None:
    feed = open_feed(user="", password=None, anonymous=True)
    store(login(feed, "anonymous", "camera@"), "a.png", picture())
    assert take(feed).data == picture()


def test_the_password_can_come_from_the_environment(
    open_feed: Open, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAMERA_PASSWORD", raising=False)
    with pytest.raises(SettingsError, match="CAMERA_PASSWORD"):
        open_feed(password=None, password_env="CAMERA_PASSWORD")  # noqa: S106 - a name
    monkeypatch.setenv("CAMERA_PASSWORD", "from outside")
    feed = open_feed(password=None, password_env="CAMERA_PASSWORD")  # noqa: S106 - a name
    assert login(feed, "cam", "from outside").pwd() == "/"


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"user": "cam"},
        {"user": "cam", "password": "a", "password_env": "B"},
        {"anonymous": True, "password": "a"},
        {"user": "cam", "password": "a", "passive_ports": (9, 3)},
    ],
)
def test_settings_that_are_not_safe_are_refused(entry: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        parse(Source, {"kind": "ftp", "path": tmp_path, **entry})


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Ftp(path=Path("x"), **LOGIN))


@pytest.mark.parametrize("name", ["../../out.png", "/../out.png", "a/../../out.png"])
def test_nobody_gets_out_of_the_folder(
    name: str, open_feed: Open, login: Login, tmp_path: Path
) -> None:
    feed = open_feed()
    try:
        store(login(feed), name, picture())
    except ftplib.Error:
        return
    assert take(feed).data == picture()
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    "command",
    ["RETR a.png.tmp", "DELE a.png.tmp", "APPE a.png.tmp", "RMD /", "SITE CHMOD 777 a.png.tmp",
     "REST 5", "STOU"],
)  # fmt: skip
def test_only_uploading_is_allowed(command: str, open_feed: Open, login: Login) -> None:
    client = login(open_feed())
    store(client, "a.png.tmp", picture())
    with pytest.raises(ftplib.error_perm):
        client.sendcmd(command)


def test_folders_of_the_client_are_kept_in_the_name(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    client.mkd("2026")
    client.cwd("2026")
    store(client, "a.png", picture())
    assert Path(take(feed).origin).name == "2026_a.png"


def test_what_is_no_picture_is_thrown_away(open_feed: Open, login: Login, tmp_path: Path) -> None:
    feed = open_feed()
    store(login(feed), "result.xml", b"<ok/>")
    assert nothing_comes(feed)
    assert not list(tmp_path.rglob("*.xml"))


def test_a_name_used_again_is_another_picture(open_feed: Open, login: Login) -> None:
    feed = open_feed()
    client = login(feed)
    for number in range(3):
        store(client, "image.png", picture(number))
    assert sorted(take(feed).data for _ in range(3)) == sorted(picture(n) for n in range(3))


def test_uploads_survive_a_restart(open_feed: Open, login: Login, tmp_path: Path) -> None:
    feed = open_feed()
    client = login(feed)
    store(client, "waits.png", picture())
    connection = client.transfercmd("STOR begun.png")
    connection.sendall(picture()[:500])
    until(lambda: (tmp_path / "spool" / "incoming" / "begun.png").exists())
    feed.close()
    connection.close()
    incoming = tmp_path / "spool" / "incoming"
    (incoming / "crashed.png").write_bytes(picture(1)[:500])  # as a crash leaves it
    (incoming / "whole.png").write_bytes(picture(2))
    again = open_feed()
    got: list[object] = []
    while not nothing_came(again, got):
        pass
    assert picture() in got
    assert picture(2) in got
    assert sum("crashed.png was broken off" in str(one) for one in got) == 1
    assert len(got) == len({str(one) for one in got})


def nothing_came(feed: FtpFeed, got: list[object]) -> bool:
    """Collect one picture or complaint; True when there was none."""
    try:
        got.append(take(feed, 0.5).data)
    except NoFrameError:
        return True
    except PictureError as error:
        got.append(str(error))
    return False


def test_more_clients_than_allowed_are_turned_away(open_feed: Open, login: Login) -> None:
    feed = open_feed(max_connections=2)
    login(feed)
    login(feed)
    with pytest.raises((ftplib.error_temp, EOFError, OSError)):
        login(feed)


def test_a_silent_client_is_disconnected(open_feed: Open, login: Login) -> None:
    client = login(open_feed(idle_timeout_s=0.3))
    with pytest.raises((ftplib.error_temp, EOFError), match=r"421|"):
        client.getresp()


def test_the_second_station_refuses(open_feed: Open, tmp_path: Path) -> None:
    feed = open_feed()
    with pytest.raises(InUseError, match="another station"):
        open_feed()
    with pytest.raises(AcquisitionError, match=str(feed.address[1])):
        open_feed(path=tmp_path / "other", port=feed.address[1])


def test_closing_leaves_no_thread_behind(open_feed: Open, login: Login) -> None:
    before = threading.active_count()
    feed = open_feed()
    login(feed)
    feed.close()
    feed.close()
    assert threading.active_count() == before
