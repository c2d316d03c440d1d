"""A small product that is taught in a second: drawn plates, marked defects, a tiny feature net."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from station.core.frame import Frame, Image, Job
from station.core.plugin import Site
from station.core.recipe import prepare
from station.core.result import Result
from station.inspection import inspect
from station.teach.anomaly import AnomalyLesson, Taught, teach_anomaly
from station.tools.plain import plain_recipe
from station.vision.model import load_model
from tests.teach.conftest import write_net

Teach = Callable[..., Taught]

SIZE = (128, 128)


@dataclass(frozen=True, slots=True)
class Plate:
    """A drawn part, and where it is defective: (height, width), 255 or 0."""

    image: Image
    mask: NDArray[np.uint8]


def draw_plate(seed: int, defect: str = "", *, size: tuple[int, int] = SIZE) -> Plate:
    """A brushed plate with a hole, shifted a little; `defect` is scratch, stain, faint or none."""
    rng = np.random.default_rng(seed)
    width, height = size
    unit = min(size) / 96
    image = np.full((height, width), 120 + rng.normal(0, 2), np.float32)
    image += cv2.GaussianBlur(
        rng.normal(0, 6, (height, width)).astype(np.float32), (0, 0), 1, None, 6
    )
    centre = (width / 2 + rng.uniform(-1, 1), height / 2 + rng.uniform(-1, 1))
    sixteenths = (round(16 * centre[0]), round(16 * centre[1]))
    for grey, thickness in ((60, -1), (175, max(1, round(2 * unit)))):
        cv2.circle(image, sixteenths, round(256 * unit), grey, thickness, cv2.LINE_AA, shift=4)
    mask = np.zeros((height, width), np.uint8)
    turn = rng.uniform(0, 2 * np.pi)
    x, y = (round(c + 31 * unit * f(turn)) for c, f in zip(centre, (np.cos, np.sin), strict=True))
    if defect == "stain":
        cv2.circle(mask, (x, y), round(6 * unit), 255, -1)
        image[mask > 0] -= 80
    if defect == "scratch":
        cv2.line(mask, (x - round(9 * unit), y - 4), (x + round(9 * unit), y + 4), 255, 2)
        image[mask > 0] += 90
    if defect == "faint":
        cv2.circle(mask, (x, y), round(7 * unit), 255, -1)
        dots = np.indices(mask.shape).sum(axis=0) % 4 < 2
        image[mask > 0] += np.where(dots, 20.0, -20.0)[mask > 0]
    image += rng.normal(0, 2, image.shape)
    return Plate(np.clip(image, 0, 255).astype(np.uint8), mask)


def write_good(root: Path, count: int = 24, *, size: tuple[int, int] = SIZE, seed: int = 0) -> Path:
    """`count` good plates in root/good."""
    folder = root / "good"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(seed, seed + count):
        assert cv2.imwrite(str(folder / f"{number}.png"), draw_plate(number, size=size).image)
    return root


def write_defects(root: Path, kind: str, count: int = 4, *, masks: bool = True) -> Path:
    """`count` defective plates in root/<kind>, and masks in root/ground_truth/<kind>."""
    folder, truth = root / kind, root / "ground_truth" / kind
    folder.mkdir(parents=True, exist_ok=True)
    if masks:
        truth.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        plate = draw_plate(7000 + number, kind)
        assert cv2.imwrite(str(folder / f"{number}.png"), plate.image)
        if masks:
            assert cv2.imwrite(str(truth / f"{number}_mask.png"), plate.mask)
    return root


@pytest.fixture(scope="session")
def feature_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feature net of the user's with maps at stride 8 and 16, any size, 0.1 ms."""
    return write_net(tmp_path_factory.mktemp("net") / "small.onnx")


@pytest.fixture(scope="session")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good/ of 24 plates; to be read only."""
    return write_good(tmp_path_factory.mktemp("plates"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """An empty models folder."""
    return tmp_path / "models"


@pytest.fixture
def teach(feature_net: Path, models: Path) -> Teach:
    """teach(root, name="plate", fast=True, …): a lesson with the tiny net, kept in `models`."""

    def run(root: Path, **lesson: object) -> Taught:
        return teach_anomaly(lesson_for(root, feature_net, **lesson), [models])

    return run


@pytest.fixture(scope="session")
def taught(
    plates: Path, feature_net: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Taught, Path]:
    """A model taught once on `plates` without a search, and its models folder."""
    models = tmp_path_factory.mktemp("models")
    return teach_anomaly(lesson_for(plates, feature_net), [models]), models


def lesson_for(root: Path, net: Path, **changes: object) -> AnomalyLesson:
    """A fast lesson with the tiny net; `changes` are other fields of it."""
    fields: dict[str, object] = {
        "name": "plate",
        "fast": True,
        "size_px": 128,
        "features": str(net),
        **changes,
    }
    return AnomalyLesson(root=root, **fields)  # type: ignore[arg-type]


def result_of(taught: Taught, models: Path, image: Image) -> Result:
    """What a station with the plain recipe round the model says of a picture."""
    recipe = plain_recipe(taught.card)
    prepared = prepare(recipe, Site(model_dirs=(models,)))
    return inspect(frame_of(image), prepared, Job(job_id="1"))


def heat_of(taught: Taught, models: Path, image: Image) -> NDArray[np.float32]:
    """The heat of every pixel, (height, width)."""
    (tool,) = plain_recipe(taught.card).tools
    score_map = tool.prepare(Site(model_dirs=(models,))).score_map
    assert score_map
    return score_map(frame_of(image))


def score_of(taught: Taught, image: Image) -> float:
    """The score the kept model gives a picture."""
    return load_model(taught.folder).score(image)[0]


def frame_of(image: Image) -> Frame:
    """A frame of a test's own."""
    return Frame(image=image, camera_id="drawn", sequence=1, acquired_at=datetime.now(UTC))
