"""A teaching that is stopped or has no room leaves what was there, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from station.teach.anomaly import teach_anomaly
from tests.teach.anomaly.conftest import Teach, lesson_for, write_defects, write_good

STAGES = ("finding", "looking", "comparing", "trying", "learning", "holding out", "proving")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many small plates that some are only held out, and marked defects."""
    root = write_good(tmp_path_factory.mktemp("many"), 210, size=(32, 32))
    return write_defects(root, "stain", 2)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("at_end", [False, True])
def test_an_interruption_at_any_stage_leaves_the_old_model_and_no_debris(
    stage: str, *, at_end: bool, many: Path, plates: Path, feature_net: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    reached: list[str] = []

    def stop(name: str, done: int, total: int) -> None:
        reached.append(name)
        if name == stage and (done == total or not at_end):
            raise KeyboardInterrupt

    root = many if stage == "holding out" else plates
    lesson = lesson_for(root, feature_net, size_px=64, fast=stage != "trying")
    (models / "plate" / "1").mkdir(parents=True)
    (models / "plate" / "1" / "model.onnx").write_bytes(b"the old model")
    before = files_below(models)
    with pytest.raises(KeyboardInterrupt):
        teach_anomaly(lesson, [models], stop)
    assert stage in reached
    assert files_below(models) == before
    assert {path.name for path in models.rglob("*")} == {"plate", "1", "model.onnx"}


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from station.core.errors import TeachError
from station.teach.anomaly import AnomalyLesson, teach_anomaly
root, net, models, room = *map(Path, sys.argv[1:4]), int(sys.argv[4])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
lesson = AnomalyLesson(root=root, name="plate", fast=True, size_px=64, features=str(net))
def limit(stage, done, total):
    if (stage, done) == ("proving", int(sys.argv[5])):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
try:
    teach_anomaly(lesson, [models], limit)
except TeachError as error:
    print(error)
"""


@pytest.mark.parametrize(("room", "when"), [(60_000, 1)])
def test_a_full_disk_is_said_and_leaves_nothing(
    room: int, when: int, plates: Path, feature_net: Path, tmp_path: Path, teach: Teach
) -> None:
    """No file can grow beyond so many bytes from the moment the model is written."""
    models = tmp_path / "models"
    teach(plates, size_px=64)
    before = files_below(models)
    words = [sys.executable, "-c", FULL_DISK, *map(str, (plates, feature_net, models, room, when))]
    ended = subprocess.run(
        words, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert "free the disk" in ended.stdout, ended.stderr
    assert files_below(models) == before
    assert not list(models.rglob("*.part"))
    assert not (models / "plate" / "2").exists()
