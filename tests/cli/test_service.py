"""Recipes for the operating system: a unit systemd accepts, and files for Windows."""

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Written:
    """What `station service systemd` gave for some settings, and said beside it."""

    unit: list[str]
    said: str

    def values(self, name: str) -> list[str]:
        return [row.partition("=")[2] for row in self.unit if row.startswith(f"{name}=")]


def unit_for(home: Path, settings: str, *words: str, monkeypatch: pytest.MonkeyPatch) -> Written:
    home.mkdir(exist_ok=True)
    (home / "station.toml").write_text('[line]\nrecipe = "ring"\n' + settings)
    monkeypatch.setenv("STATION_HOME", str(home))
    answer = CliRunner().invoke(app, ["service", "systemd", *words])
    assert answer.exit_code == 0, answer.output
    return Written(answer.stdout.splitlines(), answer.stderr)


SYNTHETIC = '[source]\nkind = "synthetic"\n'


def test_what_is_left_to_do_is_said_as_it_must_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "line 3"
    said = unit_for(home, SYNTHETIC, "--user", "insp", monkeypatch=monkeypatch).said
    steps = [row.partition(". ")[2] for row in said.splitlines()]
    assert shlex.split(steps[0].partition(" | ")[0]) == [
        f"STATION_HOME={home}", sys.executable, "-m", "station", "service", "systemd",
        "--user", "insp",
    ]  # fmt: skip
    assert steps[0].endswith("| sudo tee /etc/systemd/system/station.service >/dev/null")
    assert f"sudo chown -R insp '{home}'" in steps[1], "the folder is given away after writing"
    assert "enable --now station" in steps[2]


def test_a_unit_that_was_written_to_a_file_is_put_in_place_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = tmp_path / "my unit"
    said = unit_for(tmp_path, SYNTHETIC, "--to", str(unit), monkeypatch=monkeypatch).said
    assert f"# 1. sudo install -m 644 '{unit}' /etc/systemd/system/station.service" in said
    assert said.index("install") < said.index("chown")


def test_folders_elsewhere_that_the_settings_name_may_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (tmp_path / "day.by.day").mkdir()
    (tmp_path / "results").write_text("")
    home.mkdir()
    (home / "linked").symlink_to("/srv/linked")
    settings = (
        '[source]\nkind = "faulty_camera"\n'
        f'of = {{ kind = "watch", path = "{tmp_path}/day.by.day" }}\n'
        + "".join(
            f'[[sinks]]\nkind = "csv"\nname = "{number}"\npath = "{path}"\n'
            for number, path in enumerate(
                [
                    "/srv/100% out/results.csv", "own.csv", "linked/results.csv",
                    f"{tmp_path}/results", "/results.csv",
                ]
            )
        )
        + '[[sinks]]\nkind = "mqtt"\nhost = "broker"\ntls = true\nca_file = "/etc/ssl/ca.pem"\n'
    )  # fmt: skip
    written = unit_for(home, settings, monkeypatch=monkeypatch)
    own, _, *others = written.values("ReadWritePaths")
    assert own == f'"{home}"'
    assert others == [
        '"-/srv/100%% out"', '"-/srv/linked"', f'"-{tmp_path}"', f'"-{tmp_path}/day.by.day"',
    ]  # fmt: skip
    assert "Let station write to /srv/100% out, /srv/linked, " in written.said
    assert "could not be read" not in "\n".join(written.unit)


@pytest.mark.parametrize("content", [None, "[line]\nreceipt = 1\n", "no toml"])
def test_settings_that_cannot_be_read_are_told(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "station.toml").write_text(content)
    monkeypatch.setenv("STATION_HOME", str(tmp_path))
    answer = CliRunner().invoke(app, ["service", "systemd"])
    assert answer.exit_code == 0
    assert "station.toml could not be read when this was written" in answer.stdout
    assert "warning: " in answer.stderr


BIND = "CAP_NET_BIND_SERVICE"
FTP = '[source]\nkind = "ftp"\npath = "in"\nanonymous = true\nport = '
EVERYWHERE = """\
[[sinks]]
kind = "csv"
path = "/srv/100% of it/results.csv"
[plc]
modbus_port = 502
"""
ARAVIS = '[source]\nkind = "aravis"\ncamera = "10.0.0.2"\npacket_socket = true\n'


@pytest.mark.parametrize(
    ("settings", "capabilities"),
    [
        (SYNTHETIC, ""),
        (SYNTHETIC + "[plc]\nmodbus_port = 502\n", BIND),
        (SYNTHETIC + "[plc]\nenabled = false\nmodbus_port = 502\n", ""),
        (SYNTHETIC + "[api]\nport = 80\n", BIND),
        (FTP + "21\n", BIND),
        (FTP + "2121\npassive_ports = [900, 1100]\n", BIND),
        (FTP + "2121\n", ""),
        (FTP + "0\n", ""),
        (SYNTHETIC + '[[sinks]]\nkind = "mqtt"\nhost = "broker"\nport = 883\n', ""),
        (ARAVIS, "CAP_NET_RAW"),
        (ARAVIS + "[plc]\nport = 80\n", f"{BIND} CAP_NET_RAW"),
    ],
)
def test_the_unit_may_open_what_the_settings_open_and_no_more(
    settings: str, capabilities: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = unit_for(tmp_path, settings, monkeypatch=monkeypatch)
    assert written.values("CapabilityBoundingSet") == [capabilities]
    assert written.values("AmbientCapabilities") == [capabilities]
    families = written.values("RestrictAddressFamilies")[0].split()
    assert ("AF_PACKET" in families) == ("RAW" in capabilities)


def test_secrets_have_a_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = written(tmp_path, "systemd", monkeypatch=monkeypatch)
    assert f"EnvironmentFile=-{tmp_path}/station.env" in unit.splitlines()
    script = written(tmp_path, "windows", monkeypatch=monkeypatch)
    assert "$secrets = Join-Path $folder 'station.env.cmd'" in script
    assert """'if exist "' + $secrets + '" (call "' + $secrets + '")& '""" in script
    assert '<env name="NAME"' in written(tmp_path, "windows", "--winsw", monkeypatch=monkeypatch)


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
@pytest.mark.parametrize("settings", [None, ARAVIS + EVERYWHERE])
def test_systemd_finds_nothing_wrong(
    settings: str | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    (tmp_path / name).mkdir()
    unit = tmp_path / "station.service"
    if settings is not None:
        (tmp_path / name / "station.toml").write_text('[line]\nrecipe = "ring"\n' + settings)
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
