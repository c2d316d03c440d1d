"""`station doctor` on calibrations: due, overdue, broken, and of another size than the camera's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.cli.doctor import examine
from station.cli.looked_at import Line
from station.core.configuration import Configuration, Step, keep_configuration

NOW = datetime.now(UTC)


def lines_of(station_home: Path, what: str) -> list[Line]:
    return [line for line in examine(station_home / "station.toml") if line.what == what]


@pytest.mark.parametrize(("days", "is_fine"), [(30, True), (-1, False)])
def test_the_due_date_is_told(days: int, is_fine: bool, station_home: Path) -> None:
    due_at = NOW + timedelta(days=days)
    step = Step(name="lens", calibrated_at=NOW - timedelta(days=99), due_at=due_at)
    found = Configuration(name="top", steps=(step,), due_at=due_at, when_overdue="not_decidable")
    keep_configuration(found, station_home / "calibration")
    (line,) = lines_of(station_home, "calibrated")
    assert line.is_fine is is_fine
    assert f"due {due_at:%Y-%m-%d}" in line.finding
    assert is_fine or "station calibrate lens; until then no part passes" in line.advice


def test_a_broken_calibration_is_told(station_home: Path) -> None:
    (station_home / "calibration").mkdir()
    (station_home / "calibration" / "camera.json").write_text("{")
    (line,) = lines_of(station_home, "calibrated")
    assert "camera.json" in line.advice


def test_a_camera_of_another_size_is_told(station_home: Path) -> None:
    keep_configuration(Configuration(image_size_px=(10, 10)), station_home / "calibration")
    (station_home / "station.toml").write_text(
        '[line]\nrecipe = "ring"\n[source]\nkind = "synthetic"\nproduct = "ring"\nrate_per_s = 0\n'
    )
    (line,) = lines_of(station_home, "camera")
    assert "holds for 10 x 10" in line.advice
