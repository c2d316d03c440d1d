"""The anomaly tool: limits, hot regions, tiles, and the heat of every pixel."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from station.core.errors import ModelError, ModelOutputError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import prepare
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding
from station.inspection import inspect
from station.tools.anomaly import Anomaly
from station.tools.plain import plain_recipe
from station.vision.card import ModelOutput, Tiling, find_model, read_card, write_model
from station.vision.model import load_model
from station.vision.score import answer_of


@pytest.fixture
def part() -> Image:
    """128 x 128, grey 90, with a bright square of 16 pixels at (80, 32)."""
    image = np.full((128, 128, 3), 90, np.uint8)
    image[32:48, 80:96] = 240
    return image


def frame_of(image: Image) -> Frame:
    return Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))


def look(image: Image, models: Path, tool: Anomaly) -> list[Finding]:
    return list(tool.prepare(Site(model_dirs=(models,))).run(frame_of(image)))


def heat_of(image: Image, models: Path, tool: Anomaly) -> NDArray[np.float32]:
    score_map = tool.prepare(Site(model_dirs=(models,))).score_map
    assert score_map
    return score_map(frame_of(image))


def test_a_spot_is_not_ok_and_outlined(part: Image, tiny_model_dir: Path) -> None:
    (finding,) = look(part, tiny_model_dir, Anomaly(name="surface", model="odd/1"))
    assert finding.evaluation is Evaluation.NOT_OK
    assert finding.reason_code == "anomaly"
    assert isinstance(finding.region, Rectangle)
    centre = (
        finding.region.x + finding.region.width / 2,
        finding.region.y + finding.region.height / 2,
    )
    assert centre == pytest.approx((88, 40), abs=9)


def test_a_part_like_the_good_ones_is_ok(tiny_model_dir: Path) -> None:
    image = np.full((128, 128), 91, np.uint8)
    (finding,) = look(image, tiny_model_dir, Anomaly(name="surface", model="odd/1"))
    assert finding.evaluation is Evaluation.OK
    assert finding.reason_code is None
    assert finding.score == pytest.approx(0.1)


def test_between_the_limits_a_person_looks(tiny_model_dir: Path) -> None:
    image = np.full((128, 128), 115, np.uint8)
    (finding,) = look(image, tiny_model_dir, Anomaly(name="surface", model="odd/1"))
    assert finding.evaluation is Evaluation.NOT_DECIDABLE
    sharper = Anomaly(name="surface", model="odd/1", accept_limit=1.0, reject_limit=2.0)
    assert look(image, tiny_model_dir, sharper)[0].evaluation is Evaluation.NOT_OK


def test_tiles_see_what_the_whole_loses(part: Image, tiny_model_dir: Path) -> None:
    part[32:48, 80:96] = 90
    part[36:40, 84:88] = 255  # 16 pixels of 16,384: one block of the whole is 1,024
    whole = Anomaly(name="surface", model="odd/1")
    tiled = Anomaly(name="surface", model="odd/1", tiling=Tiling(size_px=32, overlap=0.25))
    assert look(part, tiny_model_dir, whole)[0].evaluation is Evaluation.OK
    findings = look(part, tiny_model_dir, tiled)
    assert Evaluation.NOT_OK in {finding.evaluation for finding in findings}
    for finding in findings:
        assert isinstance(finding.region, Rectangle)
        assert abs(finding.region.x + finding.region.width / 2 - 86) < 10


def test_a_model_of_tiles_looks_at_tiles_though_the_recipe_does_not_say_so(
    part: Image, tiny_model_dir: Path, tmp_path: Path
) -> None:
    """Its limits are for tiles: the whole, shrunk to one, would lose the spot and pass."""
    part[32:48, 80:96] = 90
    part[36:40, 84:88] = 255
    folder = find_model("odd", [tiny_model_dir])
    tiled = read_card(folder).model_copy(update={"tiling": Tiling(size_px=32, overlap=0.25)})
    write_model(tmp_path / "odd" / "1", tiled, (folder / "model.onnx").read_bytes())
    findings = look(part, tmp_path, Anomaly(name="surface", model="odd/1"))
    assert Evaluation.NOT_OK in {finding.evaluation for finding in findings}
    model = load_model(tmp_path / "odd" / "1")
    assert answer_of(model, part).score == max(finding.score or 0.0 for finding in findings)


def test_more_than_one_score_is_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    """Which of them counts is not known: the first could be that of the good class."""
    folder = find_model("odd", [tiny_model_dir])
    heat = ModelOutput(name="heat_map", holds="score", shape=(1, 1, 4, 4))
    card = read_card(folder).model_copy(update={"outputs": (heat,)})
    write_model(tmp_path / "odd" / "1", card, (folder / "model.onnx").read_bytes())
    image = np.full((128, 128), 90, np.uint8)
    image[64:] = 255
    with pytest.raises(ModelOutputError, match="16 scores"):
        look(image, tmp_path, Anomaly(name="surface", model="odd/1"))


def test_heat_lies_where_the_spot_is(part: Image, tiny_model_dir: Path) -> None:
    heat = heat_of(part, tiny_model_dir, Anomaly(name="surface", model="odd/1"))
    assert heat.shape == part.shape[:2]
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    assert (x, y) == pytest.approx((88, 40), abs=10)


@pytest.mark.parametrize("angle_deg", [0.0, 180.0])
def test_heat_of_a_region_lies_in_the_region(
    part: Image, tiny_model_dir: Path, angle_deg: float
) -> None:
    region = Rectangle(x=64, y=0, width=64, height=64, angle_deg=angle_deg)
    tool = Anomaly(name="surface", model="odd/1", region=region)
    heat = heat_of(part, tiny_model_dir, tool)
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    assert (x, y) == pytest.approx((88, 40), abs=6)
    assert not heat[:, :63].any()
    assert not heat[66:].any()


def test_another_task_is_refused(tiny_model_dir: Path) -> None:
    with pytest.raises(ModelError, match="is for classify"):
        Anomaly(name="surface", model="bright/1").prepare(Site(model_dirs=(tiny_model_dir,)))


def test_the_plain_recipe_runs_it(part: Image, tiny_model_dir: Path) -> None:
    card = read_card(find_model("odd", [tiny_model_dir]))
    prepared = prepare(plain_recipe(card), Site(model_dirs=(tiny_model_dir,)))
    assert prepared.recipe.tools[0].kind == "anomaly"
    result = inspect(frame_of(part), prepared, Job())
    assert not result.passed
    assert result.reason_code == "anomaly"


@pytest.mark.parametrize(("size", "is_known"), [((128, 128), True), ((40, 400), False)])
def test_a_picture_of_another_shape_than_taught_never_passes(
    size: tuple[int, int], is_known: bool, tiny_model_dir: Path, tmp_path: Path
) -> None:
    folder = find_model("odd", [tiny_model_dir])
    card = read_card(folder).model_copy(update={"aspects": (0.9, 1.1)})
    write_model(tmp_path / "odd" / "1", card, (folder / card.file).read_bytes())
    prepared = prepare(plain_recipe(card), Site(model_dirs=(tmp_path,)))
    rng = np.random.default_rng(0)
    image = rng.integers(80, 100, (*size, 3), np.uint8)
    result = inspect(frame_of(image), prepared, Job())
    assert result.passed is is_known
    assert result.reason_code == (None if is_known else "outside_image")
