"""`station calibrate`: from pictures to the station's Configuration, in words people can use."""

import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.core.configuration import Configuration, keep_configuration, load_configuration
from station.core.corrections import FlatField
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


def test_views_are_taken_where_they_add_something(
    station: RunStation, boards: Path, station_home: Path
) -> None:
    twice = station_home / "twice"
    twice.mkdir()
    for number, path in enumerate(sorted((boards / "views").iterdir())[:7]):
        for copy in "ab":
            (twice / f"{number}{copy}.png").write_bytes(path.read_bytes())
    ended = station("calibrate", "lens", "--source", "kind=folder", "--source", f"path={twice}")
    assert ended.code == 0
    assert "move and tilt the board" in ended.out
    assert len(list((station_home / "calibration" / "pictures").rglob("*.png"))) == 7


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


def test_it_is_the_calibration_of_the_stations_camera(
    station: RunStation, boards: Path, station_home: Path
) -> None:
    (station_home / "station.toml").write_text(
        '[line]\nrecipe = "ring"\n[source]\nkind = "upload"\ncamera_id = "top"\n'
    )
    assert station("calibrate", "scale", boards / "lying").code == 0
    assert (station_home / "calibration" / "top.json").is_file()


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


def test_a_calibration_of_another_camera_is_refused(
    station: RunStation, boards: Path, station_home: Path
) -> None:
    other = Configuration(camera_id="left", due_at=datetime.now(UTC))
    path = keep_configuration(other, station_home / "calibration")
    path.rename(path.with_name("camera.json"))
    ended = station("calibrate", "scale", boards / "lying")
    assert ended.code == 2
    assert "'left'" in ended.err


def test_dir_or_camera_must_be_given(station: RunStation, boards: Path) -> None:
    for arguments in ((), (boards / "lying", "--camera"), ("--source", "nonsense")):
        ended = station("calibrate", "scale", *arguments)
        assert ended.code == 2
        assert ended.err


def test_flat_focus_and_colour_join_what_is_there(
    station: RunStation, station_home: Path, tmp_path: Path
) -> None:
    light = tmp_path / "light"
    for name, grey, count in (("bright", 150, 3), ("dark", 4, 2)):
        (light / name).mkdir(parents=True)
        for number in range(count):
            noise = np.random.default_rng(number).normal(grey, 2, (120, 160))
            picture = np.clip(noise * np.linspace(0.7, 1, 160), 0, 255).astype(np.uint8)
            cv2.imwrite(str(light / name / f"{number}.png"), picture)
    ended = station("calibrate", "flat", light)
    assert ended.code == 0
    assert "before" in ended.out
    ended = station("calibrate", "focus", light / "bright", "--region", "10,10,100,80")
    assert ended.code == 0
    assert "100%" in ended.out
    ended = station("calibrate", "focus", "--source", "kind=folder", "--source",
                    f"path={light / 'bright'}")  # fmt: skip
    assert ended.code == 0
    assert "best" in ended.out
    assert list((station_home / "calibration" / "pictures").rglob("best.png"))
    found = load_configuration(station_home / "calibration" / "camera.json")
    assert [step.name for step in found.steps] == ["flat", "focus"]
    assert found.flat_field is not None
    assert found.due_at is not None


def test_pictures_are_corrected_to_teach_from(
    station: RunStation, station_home: Path, tmp_path: Path
) -> None:
    grey = (((2.0, 2.0), (2.0, 2.0)),)
    flat = Configuration(image_size_px=(64, 48), flat_field=FlatField(gain=grey))
    (tmp_path / "in" / "ok").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in" / "ok" / "1.bmp"), np.full((48, 64), 50, np.uint8))
    arguments = ("calibrate", "apply", tmp_path / "in", tmp_path / "out")
    assert "corrects no pixels" in station(*arguments).err
    keep_configuration(flat, station_home / "calibration")
    assert station(*arguments).code == 0
    copy = cv2.imread(str(tmp_path / "out" / "ok" / "1.png"), cv2.IMREAD_UNCHANGED)
    assert copy is not None
    assert np.unique(copy).tolist() == [100]
    assert station(*arguments[:3], tmp_path / "in" / "out").code == 2
    cv2.imwrite(str(tmp_path / "in" / "ok" / "2.bmp"), np.full((40, 60), 50, np.uint8))
    assert "2.bmp: " in station(*arguments).err
    # whichever camera it is of, and whatever is taught: none of them corrects by itself
    keep_configuration(flat.model_copy(update={"camera_id": "cam7"}), station_home / "calibration")
    for kind in ("classify", "compare", "colour", "locate"):
        told = station("teach", kind, tmp_path / "in", "--name", "x").err
        assert "station calibrate apply DIR OUT --camera-id cam7" in told, kind


def test_a_printed_card_calibrates_colour(station: RunStation, station_home: Path) -> None:
    assert station("calibrate", "target", "colour", "--png", "card.png").code == 0
    page = cv2.imread("card.png")
    assert page is not None
    (station_home / "card").mkdir()
    cast = (cv2.resize(page, None, fx=0.3, fy=0.3) * (0.9, 0.8, 0.6)).astype(np.uint8)
    cv2.imwrite("card/1.png", cast)
    ended = station("calibrate", "colour", "card")
    assert ended.code == 0
    assert "no flat field" in ended.out
    found = load_configuration(station_home / "calibration" / "camera.json")
    assert found.colour is not None
    assert found.colour.delta_e_after < found.colour.delta_e_before / 4


def test_targets_are_written(station: RunStation, station_home: Path) -> None:
    ended = station("calibrate", "target", "chessboard", "--square-mm", 15)
    assert ended.code == 0
    for suffix in ("pdf", "png"):
        assert (station_home / f"target_chessboard_A4.{suffix}").stat().st_size > 1000
