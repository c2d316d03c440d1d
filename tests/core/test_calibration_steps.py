"""Steps of a calibration joining what is there: what stays valid, what ends, what is due when."""

from datetime import UTC, datetime, timedelta

import pytest

from station.core.calibration_steps import NewStep, with_step
from station.core.configuration import Configuration, Contribution, Plane, StepName
from station.core.corrections import Colour, FlatField, Focus, Lens

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = (640, 480)
CAMERA = (800.0, 0.0, 320.0, 0.0, 800.0, 240.0, 0.0, 0.0, 1.0)
LENS = Lens(
    camera_matrix=CAMERA, distortion=(0, 0, 0, 0, 0), corrected_matrix=CAMERA, error_px=0.1,
    held_out_error_px=0.1, views=9,
)  # fmt: skip
PLANE = Plane(homography=(0.5, 0, 0, 0, 0.5, 0, 0, 0, 1), error_mm=0.02)
FLAT = FlatField(gain=(((1.0, 1.0), (1.0, 1.0)),))
COLOUR = Colour(
    encoding="srgb", gains=(1, 1, 1), matrix=(1, 0, 0, 0, 1, 0, 0, 0, 1), delta_e_before=2,
    delta_e_after=1, delta_e_held_out=1,
)  # fmt: skip
FOUND = {"lens": LENS, "scale": PLANE, "flat": FLAT, "colour": COLOUR, "focus": Focus(best=3)}
SIZED: tuple[StepName, ...] = ("lens", "scale", "flat")


def step(name: StepName, day: int = 0, size: tuple[int, int] = SIZE) -> NewStep:
    error = Contribution(source=name, step=name, error_px=0.2)
    return NewStep(
        name=name,
        found=FOUND[name],
        image_size_px=size if name in SIZED else None,
        contributions=(error,) if name in ("lens", "scale") else (),
        made_at=NOW + timedelta(days=day),
        due_days=None if name == "focus" else 100,
    )


@pytest.fixture
def full() -> Configuration:
    found = Configuration(camera_id="top")
    names: tuple[StepName, ...] = ("focus", "lens", "scale", "flat", "colour")
    for day, name in enumerate(names):
        found, gone = with_step(found, step(name, day))
        assert gone == ()
    return found


def test_all_steps_join(full: Configuration) -> None:
    assert full.name == "top"
    assert (full.lens, full.plane, full.flat_field, full.colour) == (LENS, PLANE, FLAT, COLOUR)
    assert full.calibrated_at == NOW + timedelta(days=4)
    assert full.due_at == NOW + timedelta(days=101)
    assert full.error_mm() == pytest.approx(0.2 * 2**0.5 * 0.5)


def test_making_every_step_anew_moves_the_due_date(full: Configuration) -> None:
    found, _ = with_step(full, step("lens", 50))
    assert found.due_at == NOW + timedelta(days=103)  # the flat field's, the next oldest
    for name in SIZED[1:]:
        found, _ = with_step(found, step(name, 50))
    assert found.due_at == NOW + timedelta(days=150)


def test_a_new_lens_ends_the_scale(full: Configuration) -> None:
    found, gone = with_step(full, step("lens", 9))
    assert found.plane is None
    assert "station calibrate scale" in gone[0]
    assert (found.flat_field, found.colour, found.focus) == (FLAT, COLOUR, full.focus)
    assert [entry.step for entry in found.error_budget] == ["lens"]
    assert found.error_mm() is None


def test_a_new_flat_field_ends_the_colour(full: Configuration) -> None:
    found, gone = with_step(full, step("flat", 9))
    assert found.colour is None
    assert "station calibrate colour" in gone[0]
    assert found.plane == PLANE


def test_another_size_ends_all_that_is_bound_to_one(full: Configuration) -> None:
    found, gone = with_step(full, step("scale", 9, (320, 240)))
    assert (found.lens, found.flat_field) == (None, None)
    assert (found.plane, found.focus, found.image_size_px) == (PLANE, full.focus, (320, 240))
    assert len(gone) == 2
    assert all("another size" in words for words in gone)
