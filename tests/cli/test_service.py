"""Recipes for the operating system: a unit systemd accepts, and files for Windows."""

import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from station.cli import app


def written(home: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STATION_HOME", str(home))
    answer = CliRunner().invoke(app, ["service", *words])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_the_unit_names_what_this_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = written(tmp_path, "systemd", "--user", "line3", monkeypatch=monkeypatch)
    rows = unit.splitlines()
    assert f'ExecStart="{sys.executable}" -m station run "{tmp_path}/station.toml"' in rows
    assert f'ReadWritePaths="{tmp_path}"' in rows
    assert f'Environment="STATION_HOME={tmp_path}"' in rows
    for row in ("User=line3", "Type=notify", "NotifyAccess=all", "Restart=always"):
        assert row in rows


def test_signs_that_mean_something_to_systemd_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / 'line "3" 100% $HOME'
    home.mkdir()
    unit = written(home, "systemd", monkeypatch=monkeypatch)
    assert r'line \"3\" 100%% $$HOME/station.toml"' in unit
    assert f'WorkingDirectory={tmp_path}/line "3" 100%% $HOME' in unit.splitlines()


def test_a_path_that_cannot_stand_in_a_unit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATION_HOME", f"{tmp_path}\n[Service]")
    answer = CliRunner().invoke(app, ["service", "systemd"])
    assert answer.exit_code != 0
    assert "cannot stand in a systemd unit" in str(answer.exception)


@pytest.mark.parametrize("name", ["plain", "with space"])
def test_systemd_finds_nothing_wrong(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    (tmp_path / name).mkdir()
    unit = tmp_path / "station.service"
    monkeypatch.chdir(tmp_path)
    written(tmp_path / name, "systemd", "--to", str(unit), monkeypatch=monkeypatch)
    checked = subprocess.run(
        [program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    about_ours = [row for row in checked.stderr.splitlines() if "station.service" in row]
    assert about_ours == []


def test_the_windows_files_hold_paths_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "it's <3> & more"
    script = written(home, "windows", monkeypatch=monkeypatch)
    assert "never tried" in script
    assert f"$folder = '{str(home).replace(chr(39), chr(39) * 2)}'" in script
    text = written(home, "windows", "--winsw", monkeypatch=monkeypatch)
    xml = ElementTree.fromstring(text)  # noqa: S314 - our own
    assert xml.findtext("workingdirectory") == str(home)
    assert xml.findtext("arguments") == f'-m station run "{home}/station.toml"'
    assert [one.get("action") for one in xml.findall("onfailure")] == ["restart"] * 3
