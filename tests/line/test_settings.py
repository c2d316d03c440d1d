"""Settings that cannot go together are refused with what to do."""

from typing import Any

import pytest

from station.core.errors import SettingsError
from station.line.settings import parse_settings

WATCH = {"kind": "watch", "path": "in"}
FTP = {"kind": "ftp", "path": "in", "anonymous": True}
FOLDER = {"kind": "folder", "path": "in"}
SYNTHETIC = {"kind": "synthetic", "product": "ring"}
ARAVIS = {"kind": "aravis", "camera": "10.0.0.2"}


def parse(mode: str, source: dict[str, Any]) -> str:
    content = {"line": {"recipe": "ring", "trigger_mode": mode}, "source": source}
    return parse_settings(content, "station.toml").line.trigger_mode


@pytest.mark.parametrize("source", [WATCH, FTP])
def test_pictures_that_come_by_themselves_are_not_triggered(source: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=rf"software.*{source['kind']}.*leave out trigger_mode"):
        parse("software", source)


@pytest.mark.parametrize("source", [WATCH, FTP, FOLDER, {"kind": "upload"}])
def test_a_part_shows_itself_only_in_a_stream(source: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="needs a camera that runs freely"):
        parse("self", source)


def test_a_part_does_not_show_itself_to_a_camera_that_waits() -> None:
    with pytest.raises(SettingsError, match=r'source\.trigger_mode is "hardware": set it to "off"'):
        parse("self", {**ARAVIS, "trigger_mode": "hardware"})


@pytest.mark.parametrize(
    ("mode", "source"),
    [
        ("continuous", WATCH),
        ("continuous", FTP),
        ("software", FOLDER),
        ("software", SYNTHETIC),
        ("software", {"kind": "upload"}),
        ("self", SYNTHETIC),
        ("self", ARAVIS),
        ("software", {**ARAVIS, "trigger_mode": "software"}),
        ("hardware", {**ARAVIS, "trigger_mode": "hardware"}),
    ],
)
def test_what_goes_together_is_taken(mode: str, source: dict[str, Any]) -> None:
    assert parse(mode, source) == mode


def test_a_look_in_a_thread_must_end_before_the_line_is_taken_for_hung() -> None:
    def parse_stall(stall_s: float, isolation: str) -> float:
        line = {"recipe": "ring", "isolation": isolation, "stall_s": stall_s}
        return parse_settings({"line": line, "source": FOLDER}, "station.toml").line.stall_s

    assert parse_stall(20, "process") == 20
    assert parse_stall(2.5, "thread") == 2.5
    with pytest.raises(SettingsError, match='use isolation = "process"'):
        parse_stall(3, "thread")
