"""`station doctor` on what is around the station: doors, driver, service, source and trigger."""

import socket
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.cli import doctor_site
from station.cli.doctor import examine
from station.cli.doctor_site import self_trigger
from station.cli.looked_at import Line
from station.core.errors import AcquisitionError
from station.journal.lock import FolderLock
from station.line.settings import LineSettings

TOML = """\
[line]
recipe = "ring"
{line}
[source]
{source}
[hmi]
enabled = false
[api]
port = 0
"""
RING = 'kind = "synthetic"\nproduct = "ring"\nrate_per_s = 0'


def lines_of(
    home: Path, what: str, source: str = RING, line: str = "", rest: str = ""
) -> list[Line]:
    path = home / "station.toml"
    path.write_text(TOML.format(source=source, line=line) + rest)
    return [line for line in examine(path) if line.what == what]


@pytest.mark.parametrize("setting", ["port", "modbus_port", "ascii_port"])
def test_a_door_for_controllers_that_is_taken_is_told(setting: str, station_home: Path) -> None:
    ports = {"port": 0, "modbus_port": 0, "ascii_port": 0}
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports[setting] = other.getsockname()[1]
        rest = "".join(f"{name} = {port}\n" for name, port in ports.items())
        lines = lines_of(station_home, "port", rest=f"[plc]\n{rest}")
    (wrong,) = [line for line in lines if not line.is_fine]
    assert str(ports[setting]) in wrong.finding
    assert f"set plc.{setting} in station.toml" in wrong.advice
    assert len(lines) == 4  # the API's and three


def test_doors_that_are_shut_are_not_looked_at(station_home: Path) -> None:
    lines = lines_of(station_home, "port", rest="[plc]\nenabled = false\nmodbus_port = 1502\n")
    assert [line.finding.partition(" for ")[2] for line in lines] == ["the api is free"]


def test_every_recipe_a_plc_may_ask_for_is_looked_at(station_home: Path) -> None:
    plc = '[plc]\nrecipes = { 1 = "ring", 2 = "nonexistent" }\n'
    first, good, gone = lines_of(station_home, "recipe", rest=plc)
    assert first.is_fine
    assert good.is_fine
    assert good.finding == f"for the plc's number 1: {first.finding}"
    assert gone.finding == "for the plc's number 2: nonexistent"
    assert "correct plc.recipes: there is no recipe 'nonexistent'" in gone.advice
    assert len(lines_of(station_home, "recipe", rest=f"{plc}enabled = false\n")) == 1


def test_a_trigger_that_does_not_fit_the_source_is_told(station_home: Path) -> None:
    (line,) = lines_of(
        station_home, "settings", 'kind = "watch"\npath = "in"', 'trigger_mode = "software"'
    )
    assert "its part never judged" in line.advice


def test_a_camera_that_triggers_itself_should_know_the_empty_place(tmp_path: Path) -> None:
    def told(**settings: object) -> tuple[str, str]:
        given = {"recipe": "r", "trigger_mode": "self", "self_trigger": settings}
        line = self_trigger(LineSettings.model_validate(given))
        assert line is not None
        return line.finding, line.advice

    empty = tmp_path / "empty.png"
    assert "give a picture of it" in told()[1]
    assert "empty.png" in told(empty_scene=empty)[1]
    cv2.imwrite(str(empty), np.zeros((8, 8), np.uint8))
    assert told(empty_scene=empty) == (f"self: without a part it looks like {empty}", "")
    assert self_trigger(LineSettings(recipe="r")) is None


def test_a_journal_in_use_is_told(station_home: Path) -> None:
    (line,) = lines_of(station_home, "journal")
    assert line.is_fine
    lock = FolderLock(station_home / "var")
    (line,) = lines_of(station_home, "journal")
    assert "another station uses the journal folder" in line.advice
    lock.release()
    (line,) = lines_of(station_home, "journal")
    assert line.finding.endswith("is free")


def test_a_plain_source_needs_no_driver(station_home: Path) -> None:
    assert lines_of(station_home, "driver") == []


def test_a_missing_aravis_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        raise AcquisitionError("apt-get install libaravis-0.8-0")

    monkeypatch.setattr(doctor_site, "load", load)
    line = doctor_site.driver("aravis")
    assert line
    assert "libaravis" in line.advice


@pytest.mark.parametrize(("kind", "package"), [("basler", "pypylon"), ("genicam", "harvesters")])
def test_a_missing_vendor_package_is_told(
    kind: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor_site, "version", version)
    line = doctor_site.driver(kind)
    assert line
    assert f"pip install {package}" in line.advice


@pytest.mark.parametrize("files", [[], ["maker.cti", "readme.txt"]])
def test_genicam_needs_a_producer(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.setattr(doctor_site, "version", lambda _: "1.4")
    monkeypatch.setenv("GENICAM_GENTL64_PATH", str(tmp_path))
    line = doctor_site.driver("genicam")
    assert line
    assert line.is_fine is bool(files)
    assert ("GenTL producers: 1" in line.finding) is bool(files)
    gone = doctor_site.driver("genicam", str(tmp_path / "gone.cti"))
    assert gone
    assert "gone.cti" in gone.advice


@pytest.mark.parametrize("has_unit", [True, False])
def test_who_starts_the_station_again_is_told(
    has_unit: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = tmp_path / "station.service"
    monkeypatch.setattr(doctor_site, "SYSTEMD", tmp_path)
    monkeypatch.setattr(doctor_site, "UNIT", unit)
    if has_unit:
        unit.touch()
    line = doctor_site.watch()
    assert line
    assert ("no systemd unit" in line.finding) is not has_unit
    monkeypatch.setattr(doctor_site, "SYSTEMD", unit)
    assert doctor_site.watch() is None
