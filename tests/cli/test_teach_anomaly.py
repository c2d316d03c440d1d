"""`station teach anomaly` as typed."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from station.cli.teach import app
from station.core.errors import StationError
from station.vision.model import load_model
from tests.teach.anomaly.conftest import write_defects, write_good
from tests.teach.conftest import write_net

Type = Callable[..., Result]


@pytest.fixture
def type_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types words after `station teach anomaly`, with tmp_path as home and the tests' own net."""
    monkeypatch.setenv("STATION_HOME", str(tmp_path))
    net = write_net(tmp_path / "small.onnx")
    words = ("anomaly", "--features", str(net), "--size", "128", "--name", "plate")
    return lambda *more: CliRunner().invoke(app, [*words, *map(str, more)])


def test_what_was_chosen_promised_and_left_out_is_told(type_words: Type, tmp_path: Path) -> None:
    root = write_defects(write_good(tmp_path / "parts", 14), "stain", 2)
    assert cv2.imwrite(str(root / "good" / "dark.png"), np.zeros((128, 128), np.uint8))
    result = type_words(root, "--fast", "--json")
    assert result.exit_code == 0, result.output
    for words in (
        "left out: dark.png: too dark",
        "chosen: ",
        "limit: score 1, so that 0.50% of good parts are rejected: by Gumbel from 14 held-out",
        "14 good pictures cannot prove a rate of 0.50%: 600 would",
        "ms of CPU a picture, taught in",
        "next: station inspect FOLDER --model plate",
    ):
        assert words in result.stdout
    stages = [line.split(":")[0] for line in result.stderr.splitlines()]
    assert stages == [
        "finding the pictures", "looking at the pictures", "comparing them with each other",
        "learning", "proving the model", "costs",
    ]  # fmt: skip
    facts = json.loads(result.stdout.splitlines()[-1])
    assert facts["model"] == "plate/1"
    assert facts["pictures"]["learnt"] == 14
    assert facts["pictures"]["marked defects"] == 2
    assert facts["sha256"] == load_model(tmp_path / "models" / "plate" / "1").card.sha256


def test_the_search_shows_every_way_it_tried(type_words: Type, tmp_path: Path) -> None:
    result = type_words(write_good(tmp_path / "parts", 12), "--json")
    assert result.exit_code == 0, result.output
    assert "ways tried, by how well they part good from defects" in result.stdout
    facts = json.loads(result.stdout.splitlines()[-1])
    assert facts["tried"] >= 4
    assert facts["chosen"] in result.stdout
    assert "trying ways of looking: " in result.stderr


def test_what_is_wrong_is_an_error_of_the_station(type_words: Type, tmp_path: Path) -> None:
    result = type_words(write_good(tmp_path / "few", 3))
    assert isinstance(result.exception, StationError)
    assert "holds 3 different pictures; 10 are the least" in str(result.exception)
    assert not (tmp_path / "models").exists()
