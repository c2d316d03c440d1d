"""Running the command line in a home of its own."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytest

from station.cli import main
from tests.conftest import DrawPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> Any:
        """The last line of the output, as JSON."""
        return json.loads(self.out.splitlines()[-1])


RunStation = Callable[..., Ended]
Draw = Callable[[Mapping[str, float]], Path]


@pytest.fixture
def station_home(tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home with the tiny model, which is also the present folder."""
    home = tmp_path / "home"
    shutil.copytree(tiny_model_dir, home / "models")
    monkeypatch.setenv("STATION_HOME", str(home))
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def station(
    station_home: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> RunStation:
    """station("inspect", path, …): run a command in `station_home`."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["station", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        streams = capsys.readouterr()
        return Ended(code=int(ended.value.code or 0), out=streams.out, err=streams.err)

    return run


@pytest.fixture
def pictures(station_home: Path, draw_part: DrawPart) -> Draw:
    """pictures({"good/1.png": 90}): even parts of these grey values below `home/pics`."""

    def draw(greys: Mapping[str, float]) -> Path:
        folder = station_home / "pics"
        for seed, (name, grey) in enumerate(greys.items()):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), draw_part(grey, seed=seed))
        return folder

    return draw
