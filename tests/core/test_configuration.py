"""Configuration files: written whole, the earlier kept, broken ones refused, one schema."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from station.core.configuration import (
    Configuration,
    Contribution,
    Plane,
    Step,
    keep_configuration,
    load_configuration,
)
from station.core.corrections import FlatField, Lens
from station.core.errors import SettingsError

CALIBRATION = Path(__file__).parents[2] / "calibration"
DUE = datetime(2030, 1, 1, tzinfo=UTC)
IDENTITY_HASH = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
PLANE = Plane(homography=(0.1, 0, 0, 0, 0.1, 0, 0, 0, 1), error_mm=0.01)


def test_the_schema_beside_the_files_is_that_of_the_class() -> None:
    schema = json.loads((CALIBRATION / "configuration.schema.json").read_text())
    assert schema == Configuration.model_json_schema()


def test_new_fields_change_no_old_hash() -> None:
    assert Configuration().hash == IDENTITY_HASH
    assert load_configuration(CALIBRATION / "camera.json").hash == IDENTITY_HASH


def test_it_is_written_whole_and_the_earlier_one_is_kept(tmp_path: Path) -> None:
    first = Configuration(name="first", camera_id="cam7", image_size_px=(640, 480), plane=PLANE)
    second = first.model_copy(update={"name": "second"})
    path = keep_configuration(first, tmp_path)
    assert load_configuration(path) == first
    keep_configuration(second, tmp_path)
    assert load_configuration(tmp_path / "cam7.json") == second
    (earlier,) = (tmp_path / "earlier").glob("cam7-*.json")
    assert load_configuration(earlier) == first


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"lens": {}}', b'{"tilt": 1}', b'{"plane": {"error_mm": 0.1}}'],
)
def test_a_broken_file_is_refused_with_its_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "camera.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"camera\.json"):
        load_configuration(path)


def test_a_plane_in_a_file_names_the_size_it_holds_for(tmp_path: Path) -> None:
    path = keep_configuration(Configuration(plane=PLANE), tmp_path)
    with pytest.raises(SettingsError, match="image_size_px"):
        load_configuration(path)


def test_what_contradicts_itself_is_refused() -> None:
    camera = (100.0, 0.0, 50.0, 0.0, 100.0, 50.0, 0.0, 0.0, 1.0)
    lens = {
        "distortion": (0.0,) * 5, "corrected_matrix": camera,
        "error_px": 0.1, "held_out_error_px": 0.1, "views": 9,
    }  # fmt: skip
    with pytest.raises(ValidationError, match="image_size_px"):
        Configuration(lens=Lens.model_validate(lens | {"camera_matrix": camera}))
    with pytest.raises(ValidationError, match="camera_matrix"):
        Lens.model_validate(lens | {"camera_matrix": (-100.0, *camera[1:])})
    with pytest.raises(ValidationError, match="one shape"):
        FlatField(gain=(((1, 1), (1, 1)),), dark=(((1, 1, 1), (1, 1, 1)),))
    with pytest.raises(ValidationError, match=r"0\.1"):
        FlatField(gain=(((1, 1), (1, 0)),))
    with pytest.raises(ValidationError, match="due_at"):
        Configuration(when_overdue="not_decidable")
    with pytest.raises(ValidationError, match="finite"):
        Plane(homography=(math.nan, *(0.0,) * 8), error_mm=0.1)


@pytest.mark.parametrize("due_at", [None, DUE + timedelta(days=1)])
def test_a_due_date_cannot_be_put_off_by_hand(due_at: datetime | None) -> None:
    step = Step(name="colour", calibrated_at=DUE - timedelta(days=365), due_at=DUE)
    with pytest.raises(ValidationError, match="later than a step's own"):
        Configuration(steps=(step,), due_at=due_at)
    assert Configuration(steps=(step,), due_at=DUE).is_overdue(DUE + timedelta(hours=1))


def test_overdue_is_after_the_due_date() -> None:
    configuration = Configuration(due_at=DUE)
    assert not configuration.is_overdue(DUE)
    assert configuration.is_overdue(DUE + timedelta(seconds=1))
    assert not Configuration().is_overdue(DUE)
    assert configuration.is_overdue(DUE.replace(tzinfo=None) - timedelta(days=9))


def test_a_clock_set_back_does_not_stop_the_due_date() -> None:
    made_at = DUE - timedelta(days=100)
    configuration = Configuration(due_at=DUE, calibrated_at=made_at)
    assert not configuration.is_overdue(made_at - timedelta(hours=2))
    assert configuration.is_overdue(made_at - timedelta(days=2))


def test_it_tells_of_itself_in_words() -> None:
    budget = (Contribution(source="lens", step="lens", error_px=0.3, error_mm=0.03),)
    told = Configuration(due_at=DUE, calibrated_at=DUE, error_budget=budget).in_words
    assert "due 2030-01-01, ± 0.030 mm" in told
    assert Configuration().in_words == Configuration().configuration_id


def test_the_error_budget_adds_up() -> None:
    budget = (
        Contribution(source="lens", step="lens", error_px=0.3, error_mm=0.03),
        Contribution(source="plane", step="scale", error_px=0.4, error_mm=0.04),
    )
    configuration = Configuration(error_budget=budget)
    assert configuration.error_px() == pytest.approx(0.5)
    assert configuration.error_mm() == pytest.approx(0.05)
    unknown = (*budget, Contribution(source="x", step="lens", error_px=0.1))
    assert Configuration(error_budget=unknown).error_mm() is None
    assert Configuration().error_px() is None
