"""`station teach classify` as typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from station.cli.teach import app
from station.core.errors import StationError
from station.vision.images import encode_jpeg
from station.vision.model import load_model
from tests.teach.conftest import draw_part, write_net

Type = Callable[..., Result]


@pytest.fixture
def type_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types words after `station teach`, with tmp_path as the station's home."""
    monkeypatch.setenv("STATION_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def pictures(root: Path, **counts: int) -> Path:
    for label, count in counts.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            data = encode_jpeg(draw_part(label, (96, 96), seed=number + 500 * len(label)))
            (root / label / f"{number}.jpg").write_bytes(data)
    return root


def test_a_model_is_taught_and_says_what_it_is_worth(type_words: Type, tmp_path: Path) -> None:
    root = pictures(tmp_path / "parts", ok=12, stain=12)
    net = write_net(tmp_path / "small.onnx")
    result = type_words("classify", root, "--name", "disc", "--features", net, "--json")
    assert result.exit_code == 0, result.output
    for words in (
        "of 12 bad parts would have passed: escape rate",
        "of 12 good parts would have been rejected: overkill",
        "95 % interval",
        "ms of CPU a picture",
        "next: station inspect FOLDER --model disc",
    ):
        assert words in result.stdout
    assert "looking at the pictures: 24 of 24" in result.stderr
    facts = json.loads(result.stdout.splitlines()[-1])
    assert facts["model"] == "disc/1"
    assert facts["pictures"] == {"ok": 12, "stain": 12}
    assert facts["escape"]["total"] == 12
    card = load_model(tmp_path / "models" / "disc" / "1").card
    assert card.sha256 == facts["sha256"]


def test_defects_alone_are_named_right(type_words: Type, tmp_path: Path) -> None:
    root = pictures(tmp_path / "parts", scratch=4, stain=4)
    net = write_net(tmp_path / "small.onnx")
    result = type_words("classify", root, "--name", "kinds", "--features", net, "--json")
    assert result.exit_code == 0
    assert "never passes a part" in result.stdout
    assert "too few pictures to claim anything" in result.stdout
    assert "of 8 pictures named right" in result.stdout
    assert json.loads(result.stdout.splitlines()[-1])["escape"] is None


def test_what_is_wrong_is_an_error_of_the_station(type_words: Type, tmp_path: Path) -> None:
    result = type_words("classify", tmp_path / "nowhere", "--name", "disc")
    assert isinstance(result.exception, StationError)
    assert "is no folder" in str(result.exception)


def test_ctrl_c_leaves_nothing(
    type_words: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("station.cli.teach.teach_classifier", interrupted)
    result = type_words("classify", tmp_path, "--name", "disc")
    assert result.exit_code == 130
    assert "nothing was written" in result.stderr
    assert not (tmp_path / "models").exists()
