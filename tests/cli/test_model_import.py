"""`station model import` and `station model quantize` as typed."""

from pathlib import Path

import pytest

from tests.cli.conftest import Draw, RunStation
from tests.conftest import bright_graph


@pytest.fixture
def theirs(station_home: Path) -> Path:
    """A foreign file: `bright`, which takes bytes."""
    file = station_home / "Glare V2.onnx"
    file.write_bytes(bright_graph().SerializeToString())
    return file


def test_a_model_is_imported_and_used(
    station: RunStation, theirs: Path, pictures: Draw, station_home: Path
) -> None:
    asked = station("model", "import", theirs)
    assert asked.code == 2
    assert "give --classes a,b" in asked.err
    asked = station("model", "import", theirs, "--classes", "fine,glare")
    assert "--good CLASS" in asked.err
    words = ("model", "import", theirs, "--classes", "fine,glare", "--good", "fine")
    asked = station(*words)
    assert "whether the model takes RGB or BGR" in asked.err
    assert not (station_home / "models" / "glare_v2").exists()
    folder = pictures({f"{kind}/{n}.png": grey + n for kind, grey in
                       (("ok", 90), ("glare", 170)) for n in range(6)})  # fmt: skip
    done = station(*words, "--set", "channel_order=BGR", "--pictures", folder, "--json")
    assert done.code == 0, done.err
    assert done.last["model"] == "glare_v2/1"
    assert done.last["input"]["dtype"] == "uint8"
    assert "0 of 6 bad parts pass, 0 of 6 good parts do not" in done.out
    assert "class ok: a good part" in done.out
    inspected = station("inspect", folder, "--model", "glare_v2")
    assert "6" in inspected.out
    checked = station("model", "check", "glare_v2")
    assert checked.code == 0, checked.err


def test_misspelt_options_are_named(station: RunStation, theirs: Path) -> None:
    ended = station("model", "import", theirs, "--set", "rang=unit")
    assert ended.code == 2
    assert "did you mean range?" in ended.err
    ended = station("model", "import", theirs.with_name("gone.onnx"))
    assert "cannot read the model file" in ended.err


def test_a_model_without_anything_to_quantise_says_so(station: RunStation, pictures: Draw) -> None:
    folder = pictures({f"ok/{n}.png": 90 + n for n in range(12)})
    ended = station("model", "quantize", "bright", "--pictures", folder)
    assert ended.code == 2
    assert "nothing would be gained" in ended.err
    ended = station("model", "quantize", "bright")
    assert "give --pictures DIR" in ended.err
