"""`station teach locate`: what is stable and unmistakable is learned, all else refused."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from station.cli.teach import app
from station.core.errors import StationError
from station.core.frame import Frame, Image, Job
from station.core.part import Found
from station.core.plugin import Site, Tool, parse
from station.core.pose import Pose
from tests.shapes import bracket

Type = Callable[..., Result]


@pytest.fixture
def type_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types words after `station teach`, with tmp_path as the station's home."""
    monkeypatch.setenv("STATION_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def picture(path: Path, image: Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


def sought(tmp_path: Path, image: Image, **settings: object) -> Found:
    entry = {"kind": "locate", "name": "where", "taught": "plate", **settings}
    check = parse(Tool, entry).prepare(Site(model_dirs=(tmp_path / "models",)))
    assert check.find is not None
    return check.find(Frame(image=image, camera_id="c", sequence=1, acquired_at=Job().triggered_at))


def cross(arms: int = 4) -> Image:
    """A bright plate with equal arms; with 2 arms a bar."""
    image = np.full((160, 160), 60, np.uint8)
    cv2.rectangle(image, (20, 65), (139, 94), 190, -1)
    if arms == 4:
        cv2.rectangle(image, (65, 20), (94, 139), 190, -1)
    return image


def test_a_picture_is_taught_and_found(type_words: Type, tmp_path: Path) -> None:
    scene = bracket(Pose(x=60, y=40), (400, 300))
    result = type_words(
        "locate", picture(tmp_path / "a.png", scene), "--name", "plate",
        "--region", "60,40,200,140", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for words in ("edge points from 1 picture", "every angle is told apart", "12 of 12"):
        assert words in result.stdout
    facts = json.loads(result.stdout.splitlines()[-1])
    assert facts["taught"] == "plate/1"
    assert facts["worst_px"] < 0.5
    view = cv2.imread(str(tmp_path / "models" / "plate" / "1" / "reference.png"))
    assert view is not None
    assert view.shape[:2] == (140, 200)
    found = sought(tmp_path, bracket(Pose(x=100, y=90, angle_deg=30), (400, 300)))
    assert found.parts[0].pose.x == pytest.approx(100, abs=0.2)


def test_what_is_not_in_every_picture_is_forgotten(type_words: Type, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        scene = bracket(Pose(x=40 + 3 * number, y=30), (300, 220), seed=number)
        for _ in range(6):  # litter about the part, elsewhere each time
            x, y = int(rng.integers(0, 280)), int(rng.choice((2, 10, 185, 200)))
            cv2.rectangle(scene, (x, y), (x + 18, y + 14), int(rng.integers(90, 250)), -1)
        picture(tmp_path / "parts" / f"{number}.png", scene)
    alone = type_words("locate", tmp_path / "parts" / "0.png", "--name", "littered", "--json")
    several = type_words("locate", tmp_path / "parts", "--name", "plate", "--json")
    assert several.exit_code == 0, several.output
    assert "from 3 pictures" in several.stdout
    counts = [json.loads(said.stdout.splitlines()[-1])["points"][0] for said in (alone, several)]
    assert counts[1] < 0.95 * counts[0]


@pytest.mark.parametrize(("arms", "turn_deg"), [(4, 90), (2, 180)])
def test_a_symmetric_view_is_refused_until_it_is_said(
    type_words: Type, tmp_path: Path, arms: int, turn_deg: int
) -> None:
    view = picture(tmp_path / "a.png", cross(arms))
    refused = type_words("locate", view, "--name", "plate")
    assert isinstance(refused.exception, StationError)
    assert f"turned by {turn_deg}°" in str(refused.exception)
    assert not (tmp_path / "models").exists()
    told = type_words("locate", view, "--name", "plate", "--symmetry", turn_deg)
    assert told.exit_code == 0, told.output
    turned = np.ascontiguousarray(np.rot90(cv2.copyMakeBorder(cross(arms), *(60,) * 4, 1), 2))
    (part,) = sought(tmp_path, np.asarray(turned, np.uint8)).parts
    assert part.pose.angle_deg == pytest.approx(0, abs=0.2)
    assert (part.pose.x, part.pose.y) == pytest.approx((60, 60), abs=0.5)


def test_a_disc_has_no_angle(type_words: Type, tmp_path: Path) -> None:
    disc = np.full((140, 140), 60, np.uint8)
    cv2.circle(disc, (70, 70), 50, 190, -1, cv2.LINE_AA)
    view = picture(tmp_path / "a.png", disc)
    refused = type_words("locate", view, "--name", "plate")
    assert "however it is turned" in str(refused.exception)
    assert type_words("locate", view, "--name", "plate", "--symmetry", 0).exit_code == 0
    scene = np.full((300, 400), 60, np.uint8)
    cv2.circle(scene, (250, 160), 50, 190, -1, cv2.LINE_AA)
    (part,) = sought(tmp_path, scene).parts
    assert part.pose.angle_deg == pytest.approx(0, abs=1e-6)
    assert (part.pose.x, part.pose.y) == pytest.approx((180, 90), abs=0.3)


def test_too_little_to_find_is_refused(type_words: Type, tmp_path: Path) -> None:
    even = picture(tmp_path / "even.png", np.full((100, 100), 90, np.uint8))
    refused = type_words("locate", even, "--name", "plate")
    assert "edge points" in str(refused.exception)
    one = picture(tmp_path / "parts" / "1.png", bracket(seed=1))
    picture(tmp_path / "parts" / "2.png", cross())
    refused = type_words("locate", one.parent, "--name", "plate")
    assert "of the same part" in str(refused.exception)
    refused = type_words("locate", one, "--name", "plate", "--region", "1,2,3")
    assert "is no rectangle" in str(refused.exception)


def test_a_mask_says_where_the_part_is(type_words: Type, tmp_path: Path) -> None:
    scene = bracket(Pose(x=60, y=40), (400, 300))
    cv2.rectangle(scene, (300, 200), (360, 260), 220, -1)
    mask = np.zeros((300, 400), np.uint8)
    mask[40:180, 60:260] = 255
    name = ("locate", picture(tmp_path / "a.png", scene), "--name", "plate", "--json")
    whole, masked = (
        json.loads(type_words(*name, *more).stdout.splitlines()[-1])["points"][0]
        for more in ((), ("--mask", picture(tmp_path / "mask.png", mask)))
    )
    assert masked < whole
    wrong = type_words(*name, "--mask", picture(tmp_path / "small.png", mask[:50]))
    assert "paint the mask on the picture" in str(wrong.exception)
