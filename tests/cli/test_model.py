"""`station model list|show|check` as typed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner, Result

from station.cli.model import app
from station.core.errors import ModelError
from station.vision.card import ModelOutput, read_card, write_model
from station.vision.model import sha256_of

Type = Callable[..., Result]
Change = Callable[[onnx.ModelProto], None]


@pytest.fixture
def home(tmp_path: Path, tiny_model_dir: Path) -> Path:
    """A station's home with the model `bright/1`."""
    shutil.copytree(tiny_model_dir, tmp_path / "models")
    return tmp_path


@pytest.fixture
def type_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types words after `station model`."""
    monkeypatch.setenv("STATION_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def error_of(result: Result) -> str:
    assert isinstance(result.exception, ModelError), result.output
    return str(result.exception)


def rewritten(folder: Path, change: Change) -> None:
    """Change a model's graph, with a card that knows the new hash."""
    card = read_card(folder)
    proto = onnx.load(folder / card.file)
    change(proto)
    data = proto.SerializeToString()
    write_model(folder, card.model_copy(update={"sha256": sha256_of(data)}), data)


@pytest.mark.parametrize("by", ["name", "version", "folder"])
def test_a_sound_model_is_proved_line_by_line(by: str, type_words: Type, home: Path) -> None:
    folder = home / "models" / "bright" / "1"
    word = {"name": "bright", "version": "bright/1", "folder": folder}[by]
    result = type_words("check", word)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert all(line.startswith("ok  ") for line in lines)
    for words in ("card", "sha256", "input", "output", "20 pictures", "repeat", "ms a picture"):
        assert any(words in line for line in lines)


def test_a_changed_file_is_refused(type_words: Type, home: Path) -> None:
    path = home / "models" / "bright" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    assert "not the one its card describes" in error_of(type_words("check", "bright"))


def test_external_data_is_refused(type_words: Type, home: Path) -> None:
    def point_outside(proto: onnx.ModelProto) -> None:
        tensor = proto.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/hostname")

    rewritten(home / "models" / "bright" / "1", point_outside)
    assert "in another file" in error_of(type_words("check", "bright"))


def test_a_custom_domain_is_refused(type_words: Type, home: Path) -> None:
    def go_private(proto: onnx.ModelProto) -> None:
        proto.graph.node[0].domain = "acme.ops"
        proto.opset_import.append(helper.make_opsetid("acme.ops", 1))

    rewritten(home / "models" / "bright" / "1", go_private)
    assert "acme.ops" in error_of(type_words("check", "bright"))


def test_a_card_of_another_shape_is_refused(type_words: Type, home: Path) -> None:
    folder = home / "models" / "bright" / "1"
    card = read_card(folder)
    data = (folder / card.file).read_bytes()
    wider = card.input.model_copy(update={"width": 64})
    write_model(folder, card.model_copy(update={"input": wider}), data)
    assert "card: uint8 [1, 32, 64, 3]" in error_of(type_words("check", "bright"))
    three = ModelOutput(name="probabilities", holds="probabilities", shape=(1, 3))
    write_model(folder, card.model_copy(update={"outputs": (three,)}), data)
    assert "card: probabilities [1, 3]" in error_of(type_words("check", "bright"))


def test_nan_on_a_black_picture_is_found(type_words: Type, home: Path) -> None:
    """A model that divides by the picture's brightness answers well until the lamp goes out."""

    def divide_by_brightness(proto: onnx.ModelProto) -> None:
        graph = proto.graph
        last = next(node for node in graph.node if "probabilities" in node.output)
        last.output[list(last.output).index("probabilities")] = "sound"
        graph.initializer.append(numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes3"))
        graph.node.extend(
            [
                helper.make_node("Cast", ["image"], ["raw"], to=TensorProto.FLOAT),
                helper.make_node("ReduceMax", ["raw"], ["light"], axes=[1, 2, 3], keepdims=0),
                helper.make_node("Div", ["light", "light"], ["one_or_nan"]),
                helper.make_node("Mul", ["sound", "one_or_nan"], ["probabilities"]),
            ]
        )

    rewritten(home / "models" / "bright" / "1", divide_by_brightness)
    text = error_of(type_words("check", "bright"))
    assert "on a black picture" in text
    assert "NaN" in text


def test_a_folder_that_lies_about_its_name_is_refused(type_words: Type, home: Path) -> None:
    (home / "models" / "bright" / "1").rename(home / "models" / "bright" / "2")
    assert "calls itself bright/1" in error_of(type_words("check", "bright/2"))


def test_models_are_listed_and_shown(type_words: Type, home: Path) -> None:
    listed = type_words("list")
    assert listed.exit_code == 0
    assert "bright/1" in listed.output
    assert "ok, glare" in listed.output
    shown = type_words("show", "bright")
    assert "glare -> glare" in shown.output
    assert "accept 0.3, reject 0.7" in shown.output
    assert json.loads(type_words("show", "bright", "--json").output)["name"] == "bright"
    (home / "models" / "bright" / "1" / "card.json").write_text("{}")
    assert "bright/1" in error_of(type_words("list"))


def test_an_unknown_model_names_those_there_are(type_words: Type, tmp_path: Path) -> None:
    assert "bright/1" in error_of(type_words("check", "brihgt"))
    (tmp_path / "empty").mkdir()
    assert "holds no card.json" in error_of(type_words("check", tmp_path / "empty"))
