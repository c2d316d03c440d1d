"""`station teach more` as typed."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from station.cli import main
from station.core.recipe import write_recipe
from station.teach.anomaly import teach_anomaly
from station.tools.plain import plain_recipe
from station.vision.card import list_models, read_card
from station.vision.images import read_image
from tests.cli.conftest import Ended
from tests.teach.anomaly.conftest import draw_plate, lesson_for, write_good
from tests.teach.conftest import write_net

Type = Callable[..., Ended]


@pytest.fixture(scope="module")
def taught_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with `plate/1`, taught on sixteen plates."""
    home = tmp_path_factory.mktemp("home")
    root = write_good(tmp_path_factory.mktemp("plates"), 16)
    net = write_net(home / "small.onnx")
    teach_anomaly(lesson_for(root, net), [home / "models"])
    return home


@pytest.fixture
def typed(
    taught_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Type:  # fmt: skip
    """typed("more", "plate", …): `station teach …` in a home of the test's own."""
    home = tmp_path / "home"
    shutil.copytree(taught_home, home)
    monkeypatch.setenv("STATION_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["station", "teach", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        streams = capsys.readouterr()
        return Ended(code=int(ended.value.code or 0), out=streams.out, err=streams.err)

    return run


def draw(path: Path, seed: int, kind: str = "") -> Path:
    """A plate; `stamped` is one with a light square."""
    image = draw_plate(seed, "" if kind == "stamped" else kind).image.copy()
    if kind == "stamped":
        cv2.rectangle(image, (10, 10), (26, 26), 190, -1)
    assert cv2.imwrite(str(path), image)
    return path


def test_before_and_after_are_told_and_what_to_do_next(typed: Type, tmp_path: Path) -> None:
    for number in range(3):
        draw(tmp_path / f"good{number}.png", 900 + number, "stamped")
        draw(tmp_path / f"bad{number}.png", 950 + number, "stain")
    models = tmp_path / "home" / "models"
    recipe = plain_recipe(read_card(models / "plate" / "1"))
    (tmp_path / "home" / "recipes").mkdir()
    write_recipe(recipe, tmp_path / "home" / "recipes" / "line.json")
    goods, bads = sorted(tmp_path.glob("good*")), sorted(tmp_path.glob("bad*"))
    ended = typed("more", "plate", "--good", *goods, "--bad", bads[0], "--bad", *bads[1:], "--json")
    assert ended.code == 0, ended.err
    assert ended.last["model"] == "plate/2"
    assert ended.last["good"] == {"shown": 19, "right_before": 16, "right_after": 19}
    assert ended.last["bad"]["shown"] == 3
    assert ended.last["is_written"] is True
    assert ended.last["worse"] == []
    for words in (
        "plate/1 → plate/2, on all that was ever shown",
        "good, shown earlier",
        "3 pass",
        "good0.png (good): ",
        "better than on new ones",
        "station model diff plate/1 plate/2",
        "station model rollback plate --to 1",
        "recipes/line.json: names plate/1 and goes on with it",
    ):
        assert words in ended.out
    assert "judging with the new version: 22 of 22" in ended.err


def test_what_makes_something_right_wrong_is_refused_unless_forced(
    typed: Type, tmp_path: Path
) -> None:
    models = tmp_path / "home" / "models"
    bad = draw(tmp_path / "bad.png", 950, "stain")
    assert typed("more", "plate", "--bad", bad).code == 0
    image = read_image(bad).copy()
    image[0, 0] ^= 1
    twin = tmp_path / "twin.png"
    assert cv2.imwrite(str(twin), image)  # the same part, said to be good
    refused = typed("more", "plate", "--good", twin, "--json")
    assert refused.code == 1
    assert "refused: a picture that was right would become wrong" in refused.err
    assert "bad.png (bad, not marked): " in refused.out
    assert refused.last["is_written"] is False
    assert refused.last["model"] is None
    assert refused.last["worse"] == [str(bad)]
    assert list_models([models]) == ["plate/1", "plate/2"]
    forced = typed("more", "plate", "--good", twin, "--accept-worse", "--json")
    assert forced.code == 0
    assert forced.last["model"] == "plate/3"
    assert "kept all the same" in forced.out


def test_nothing_given_and_no_such_model_are_clear(typed: Type, tmp_path: Path) -> None:
    ended = typed("more", "plate")
    assert ended.code == 2
    assert "nothing to learn" in ended.err
    ended = typed("more", "nobody", "--good", draw(tmp_path / "a.png", 1))
    assert ended.code == 2
    assert "no model 'nobody'" in ended.err
