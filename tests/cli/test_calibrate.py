"""`station calibrate`: from pictures to the station's Configuration, in words people can use."""

import json
from pathlib import Path

import cv2
import pytest

from station.core.configuration import load_configuration
from station.vision.calibrating.board import Board
from tests.cli.conftest import RunStation
from tests.simulated_camera import BoardPose, SimulatedCamera, photographed, twelve_poses

CAMERA = SimulatedCamera()
LYING = BoardPose(at=(5, -4, 400), turns_deg=(20, -12, 7))


@pytest.fixture(scope="session")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`views` of a board held up, `lying` of one in the plane, `small` of another size."""
    root = tmp_path_factory.mktemp("boards")
    images = photographed(Board(), CAMERA, [*twelve_poses(), LYING, LYING])
    for number, image in enumerate(images):
        folder = root / ("views" if number < 12 else "lying")
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{number:02}.png"), image)
    small = root / "small"
    small.mkdir()
    cv2.imwrite(str(small / "12.png"), cv2.resize(images[12], (480, 360)))
    return root


def test_lens_then_scale(station: RunStation, boards: Path, station_home: Path) -> None:
    ended = station("calibrate", "lens", boards / "views")
    assert ended.code == 0
    assert "reprojection 0.0" in ended.out
    assert (station_home / "calibration" / "reports" / "camera_lens.png").is_file()
    ended = station("calibrate", "scale", boards / "lying", "--due-days", 30)
    assert ended.code == 0
    assert "combined" in ended.out
    found = load_configuration(station_home / "calibration" / "camera.json")
    assert found.lens is not None
    assert found.plane is not None
    assert found.image_size_px == CAMERA.size
    assert [entry.step for entry in found.error_budget] == ["lens", "scale", "scale"]
    assert found.error_mm() is not None
    assert found.due_at == found.steps[1].due_at
    assert found.configuration_id in ended.out
    again = station("calibrate", "lens", boards / "views", "--when-overdue", "not_decidable")
    assert "the scale step no longer holds" in again.out
    found = load_configuration(station_home / "calibration" / "camera.json")
    assert found.plane is None
    assert found.when_overdue == "not_decidable"
    assert len(list((station_home / "calibration" / "earlier").iterdir())) == 2


def test_pictures_of_another_size_are_refused(
    station: RunStation, boards: Path, station_home: Path
) -> None:
    station("calibrate", "lens", boards / "views")
    before = (station_home / "calibration" / "camera.json").read_bytes()
    ended = station("calibrate", "scale", boards / "small")
    assert ended.code == 2
    assert "480 x 360" in ended.err
    assert (station_home / "calibration" / "camera.json").read_bytes() == before


def test_pictures_from_the_camera_are_kept(
    station: RunStation, boards: Path, station_home: Path
) -> None:
    ended = station(
        "calibrate", "scale", "--source", "kind=folder", "--source", f"path={boards / 'lying'}",
        "--source", "camera_id=cam7", "--pictures", 2,
    )  # fmt: skip
    assert ended.code == 0
    assert "no lens calibration" in ended.out
    kept = list((station_home / "calibration" / "pictures" / "cam7").rglob("*.png"))
    assert len(kept) == 2
    assert load_configuration(station_home / "calibration" / "cam7.json").camera_id == "cam7"


def test_a_broken_configuration_is_not_written_over(
    station: RunStation, boards: Path, station_home: Path
) -> None:
    path = station_home / "calibration" / "camera.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"lens": "wide"}))
    ended = station("calibrate", "scale", boards / "lying")
    assert ended.code == 2
    assert "camera.json" in ended.err
    assert json.loads(path.read_text()) == {"lens": "wide"}


def test_dir_or_camera_must_be_given(station: RunStation, boards: Path) -> None:
    for arguments in ((), (boards / "lying", "--camera"), ("--source", "nonsense")):
        ended = station("calibrate", "scale", *arguments)
        assert ended.code == 2
        assert ended.err
