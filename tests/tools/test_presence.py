"""`presence`: names what is missing, wrong, extra or shifted; passes nothing it was not shown."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from station.core.errors import ModelError, OutsideImageError, RecipeError, TeachError
from station.core.frame import Frame, Image, Job
from station.core.plugin import Check, Site, Tool, parse
from station.core.reasons import Reason
from station.core.recipe import new_recipe, prepare
from station.core.result import Evaluation, Finding
from station.inspection import inspect
from station.teach.keep import keep_taught
from station.vision.taught import load_taught
from tests.plates import BILL, CENTRES, FULL, SIZE, plate, teach_plate

Said = dict[str, str | None]
Judge = Callable[..., Said]

RINGS = dict.fromkeys("abc", "ring")
BARS = {**dict.fromkeys("abc", "bar"), "d": "none"}
NOTHING = dict.fromkeys("abcd", "none")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models `one` (complete plates only), `single` (one of them), `states` (all)."""
    folder = tmp_path_factory.mktemp("plates")
    complete = {str(seed): plate(seed=seed, light=1 - 0.05 * seed) for seed in range(4)}
    teach_plate(folder, complete, name="one")
    teach_plate(folder, {"0": complete["0"]}, name="single")
    others = {f"absent/disc/{seed}": plate(NOTHING, seed=seed) for seed in (10, 11)}
    rings = {f"ring/disc/{seed}": plate(RINGS, seed=seed) for seed in (20, 21)}
    teach_plate(folder, {**complete, **others, **rings}, name="states")
    return folder


@pytest.fixture
def judge(taught: Path) -> Judge:
    """judge(image, name, **settings): position -> reason code, None where OK."""

    def said(image: Image, name: str = "one", **settings: Any) -> Said:
        return {
            finding.text: finding.reason_code
            for finding in findings_of(made(taught, name, **settings), image)
        }

    return said


def made(taught: Path, name: str, **settings: Any) -> Check:
    entry = {"kind": "presence", "name": "bill", "taught": name, **settings}
    return parse(Tool, entry).prepare(Site(model_dirs=(taught / "models",)))


def findings_of(check: Check, image: Image) -> Sequence[Finding]:
    return check.run(frame_of(image))


def frame_of(image: Image) -> Frame:
    return Frame(image=image, camera_id="c", sequence=1, acquired_at=datetime.now(UTC))


def turned(image: Image, position: str, turn_deg: float) -> Image:
    """The plate with what lies in one place turned clockwise."""
    x, y = CENTRES[position]
    matrix = cv2.getRotationMatrix2D((x - 0.5, y - 0.5), -turn_deg, 1.0)
    there = cv2.warpAffine(image, matrix, SIZE, flags=cv2.INTER_CUBIC)
    spot = np.zeros(image.shape[:2], np.uint8)
    cv2.circle(spot, (x, y), 18, 1, cv2.FILLED)
    return np.asarray(np.where(spot[..., None] > 0, there, image), np.uint8)


def only(position: str, reason: str) -> Said:
    return {**dict.fromkeys("abcd", None), position: reason}


@pytest.mark.parametrize("name", ["one", "single", "states"])
@pytest.mark.parametrize("light", [1.0, 0.7, 1.2])
def test_a_complete_plate_passes(judge: Judge, name: str, light: float) -> None:
    assert judge(plate(seed=30, light=light), name) == dict.fromkeys("abcd", None)


@pytest.mark.parametrize("name", ["one", "single", "states"])
@pytest.mark.parametrize("position", ["a", "b", "c"])
def test_the_missing_thing_is_named(judge: Judge, name: str, position: str) -> None:
    image = plate({**FULL, position: "none"}, seed=31)
    assert judge(image, name) == only(position, f"{position}_missing")


@pytest.mark.parametrize("name", ["one", "single"])
@pytest.mark.parametrize("thing", ["ring", "bar", "half"])
def test_what_is_not_the_thing_never_passes(judge: Judge, name: str, thing: str) -> None:
    said = judge(plate({**FULL, "b": thing}, seed=32), name)
    assert said["b"] is not None
    assert {key for key, code in said.items() if code} == {"b"}


def test_a_taught_variant_in_the_wrong_place_is_wrong(judge: Judge) -> None:
    image = plate({**FULL, "b": "ring"}, seed=33)
    assert judge(image, "states") == only("b", "b_wrong")


@pytest.mark.parametrize("name", ["one", "single", "states"])
@pytest.mark.parametrize("thing", ["disc", "ring", "bar"])
def test_a_thing_where_none_belongs_is_extra(judge: Judge, name: str, thing: str) -> None:
    assert judge(plate({**FULL, "d": thing}, seed=34), name) == only("d", "d_extra")


@pytest.mark.parametrize(("shift_px", "reason"), [(1.5, None), (4.5, "b_shifted")])
@pytest.mark.parametrize("along", [(1, 0), (0, 1), (-0.7, 0.7)])
def test_a_shift_is_measured_and_judged(
    taught: Path, shift_px: float, reason: str | None, along: tuple[float, float]
) -> None:
    shift = (shift_px * along[0], shift_px * along[1])
    found = findings_of(made(taught, "one"), plate(seed=35, shift=shift, of="b"))
    here = {finding.text: finding for finding in found}["b"]
    assert here.reason_code == reason
    measured = (here.measured["shift_x_px"], here.measured["shift_y_px"])
    assert measured == pytest.approx(shift, abs=0.5)


@pytest.mark.parametrize("shift", [(14, 0), (-11, 12)])
def test_what_lies_far_off_its_place_is_shifted_not_missing(
    taught: Path, shift: tuple[float, float]
) -> None:
    found = findings_of(made(taught, "one"), plate(seed=46, shift=shift, of="b"))[1]
    assert (found.evaluation, found.reason_code) == (Evaluation.NOT_OK, "b_shifted")
    measured = (found.measured["shift_x_px"], found.measured["shift_y_px"])
    assert measured == pytest.approx(shift, abs=1)


def test_what_lies_in_another_place_is_missing_and_extra(tmp_path: Path) -> None:
    near = BILL.replace("x = 130.0\ny = 90.0", "x = 56.0\ny = 20.0")
    teach_plate(tmp_path, {str(seed): plate(seed=seed) for seed in range(3)}, bill=near)
    found = findings_of(made(tmp_path, "plate"), plate(seed=47, shift=(25, 0), of="a"))
    said = {finding.text: finding.reason_code for finding in found}
    assert said == {"a": "a_missing", "b": None, "c": None, "d": "d_extra"}


def test_what_lies_turned_is_shifted_not_missing(tmp_path: Path) -> None:
    bars = {**FULL, "b": "bar"}
    bill = BILL.replace('group = "disc"', "", 2)
    teach_plate(tmp_path, {str(seed): plate(bars, seed=seed) for seed in range(3)}, bill=bill)
    image = plate(bars, seed=50)
    matrix = cv2.getRotationMatrix2D(CENTRES["b"], -30, 1.0)
    turned = cv2.warpAffine(image, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
    image[20:60, 130:170] = turned[20:60, 130:170]
    found = findings_of(made(tmp_path, "plate"), image)[1]
    assert (found.evaluation, found.reason_code) == (Evaluation.NOT_OK, "b_shifted")
    assert found.measured["turn_deg"] == pytest.approx(30, abs=8)


@pytest.mark.parametrize(
    "image",
    [np.zeros((150, 200, 3), np.uint8), plate(seed=36, light=0.05), plate(seed=36)[:, :, 0].copy()],
    ids=["black", "dark", "grey"],
)
def test_a_picture_that_shows_too_little_passes_nothing(taught: Path, image: Image) -> None:
    found = findings_of(made(taught, "one"), image)
    assert all(finding.evaluation is not Evaluation.OK for finding in found)


def test_an_empty_plate_has_everything_missing(judge: Judge) -> None:
    said = judge(plate(NOTHING, seed=37))
    assert said == {"a": "a_missing", "b": "b_missing", "c": "c_missing", "d": None}


def test_the_recipe_chooses_among_the_taught_states(judge: Judge) -> None:
    rings = {"expected": {"a": "ring", "b": "absent"}}
    variant = plate({"a": "ring", "b": "none", "c": "disc"}, seed=38)
    assert judge(variant, "states", **rings) == dict.fromkeys("abcd", None)
    full = judge(plate(seed=38), "states", **rings)
    assert full == {"a": "a_wrong", "b": "b_extra", "c": None, "d": None}


def test_a_state_nobody_showed_is_refused(taught: Path) -> None:
    with pytest.raises(RecipeError, match="never shown ring"):
        made(taught, "one", expected={"a": "ring"})
    with pytest.raises(RecipeError, match="no position of one: z"):
        made(taught, "one", expected={"z": "absent"})


def test_reason_codes_can_be_chosen(taught: Path) -> None:
    check = made(taught, "one", reasons={"b_missing": "screw_missing"})
    assert {"screw_missing", "a_missing", "a_shifted", "d_extra"} <= check.reason_codes
    assert "b_missing" not in check.reason_codes
    found = findings_of(check, plate({**FULL, "b": "none"}, seed=39))
    assert [finding.reason_code for finding in found] == [None, "screw_missing", None, None]
    with pytest.raises(RecipeError, match="b_gone"):
        made(taught, "one", reasons={"b_gone": "screw_missing"})


def test_between_the_limits_a_person_looks(taught: Path) -> None:
    check = made(taught, "one", accept_limit=0.9, reject_limit=50)
    found = findings_of(check, plate({**FULL, "b": "none"}, seed=40))[1]
    assert (found.evaluation, found.reason_code) == (Evaluation.NOT_DECIDABLE, "b_missing")


@pytest.mark.parametrize("array", ["present/template", "present/turned", "low", "step"])
def test_arrays_that_hold_no_numbers_are_refused(taught: Path, array: str) -> None:
    known = load_taught("one", [taught / "models"], task="presence")
    broken = {
        name: kept * np.nan if name == f"disc/{array}" else kept
        for name, kept in known.arrays.items()
    }
    name = f"nan-{array.replace('/', '-')}"
    keep_taught([taught / "models"], name, "presence", broken, settings=known.card.settings)
    with pytest.raises(ModelError, match=r"arrays disc of .* do not fit"):
        made(taught, name)


@pytest.mark.parametrize(
    ("turn_deg", "limit", "reason"),
    [
        (0, "", None),
        (3, "", None),
        (16, "", "b_shifted"),
        (-16, "", "b_shifted"),
        (12, "turn_at_most_deg = 180\n", None),
    ],
)
def test_a_turned_thing_is_shifted(
    tmp_path: Path, turn_deg: float, limit: str, reason: str | None
) -> None:
    bill = BILL.replace("shift_at_most_px", f"{limit}shift_at_most_px")
    bars = {str(seed): plate(BARS, seed=seed) for seed in range(4)}
    teach_plate(tmp_path, bars, name="bars", bill=bill)
    found = findings_of(made(tmp_path, "bars"), turned(plate(BARS, seed=50), "b", turn_deg))
    assert {one.text: one.reason_code for one in found} == {**dict.fromkeys("acd"), "b": reason}
    measured = {one.text: one.measured.get("turn_deg", 0.0) for one in found}
    assert measured["b"] == pytest.approx(0 if limit else turn_deg, abs=5)
    assert abs(measured["a"]) < 2


def test_a_round_thing_may_be_turned(taught: Path) -> None:
    found = findings_of(made(taught, "one"), turned(plate(seed=51), "b", 20))
    assert [one.reason_code for one in found] == [None] * 4


def test_one_example_does_not_show_whether_it_may_be_turned(tmp_path: Path) -> None:
    one = "x = 30\ny = 20\nwidth = 40\nheight = 40\n"
    bill = f'[[positions]]\nname = "a"\n{one}'
    taught = teach_plate(tmp_path, {"0": plate(BARS, seed=0)}, bill=bill)
    assert any("a turned one is not seen" in warning for warning in taught.warnings)


def test_a_position_outside_the_view_is_refused(taught: Path, tmp_path: Path) -> None:
    cut = plate(seed=42)[:, :160].copy()
    with pytest.raises(OutsideImageError, match="reaches"):
        findings_of(made(taught, "one"), cut)
    with pytest.raises(TeachError, match="'b' does not lie in the view"):
        teach_plate(tmp_path, {"0": cut})


def test_through_a_recipe(taught: Path) -> None:
    tool = parse(Tool, {"kind": "presence", "name": "bill", "taught": "one"})
    codes = tool.prepare(Site(model_dirs=(taught / "models",))).reason_codes
    reasons = tuple(Reason(code=code, text=code) for code in sorted(codes))
    recipe = new_recipe("plate", (tool,), reasons)
    prepared = prepare(recipe, Site(model_dirs=(taught / "models",)))
    assert inspect(frame_of(plate(seed=43)), prepared, Job()).passed
    result = inspect(frame_of(plate({**FULL, "c": "none"}, seed=43)), prepared, Job())
    assert (result.evaluation, result.reason_code) == (Evaluation.NOT_OK, "c_missing")
    assert list(prepared.models) == ["one/1"]


@pytest.mark.parametrize(
    ("pictures", "problem"),
    [
        ({"absent/z/0": plate(NOTHING)}, "no position or group 'z'"),
        ({"0": plate(), "Long Screw/0": plate()}, "cannot be a state"),
        ({"ring/0": plate(RINGS)}, "no picture shows 'a' present"),
        ({"0": plate(), "1": plate()[:140].copy()}, "several sizes"),
        ({"0": plate(), "1": plate(seed=1), "ring/2": plate(), "ring/3": plate(seed=1)}, "alike"),
    ],
)
def test_pictures_that_teach_nothing_sound_are_refused(
    tmp_path: Path, pictures: dict[str, Image], problem: str
) -> None:
    with pytest.raises(TeachError, match=problem):
        teach_plate(tmp_path, pictures)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("height = 40", "height = 30"), "height = 30"),
        (('name = "b"', 'name = "a"'), "stands twice"),
        (("width = 40", "widht = 40"), "widht"),
        (("x = 30.0", "x = nan"), "x"),
    ],
)
def test_a_wrong_bill_is_refused(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    bill = BILL.replace(*change, 1)
    if problem == "height = 30":
        problem = "several sizes"
    with pytest.raises(RecipeError, match=problem):
        teach_plate(tmp_path, {"0": plate()}, bill=bill)


@pytest.mark.parametrize(
    ("things", "rule", "reason"),
    [
        (FULL, {"at_least": 3, "at_most": 3}, None),
        ({**FULL, "b": "none"}, {"at_least": 3}, "disc_count"),
        ({**FULL, "b": "ring"}, {"at_least": 3}, "disc_count"),
        ({**FULL, "d": "disc"}, {"at_most": 3}, "disc_count"),
        ({**FULL, "d": "bar"}, {"at_least": 3, "at_most": 3}, None),
        (NOTHING, {"at_most": 0}, None),
        (NOTHING, {"at_least": 1}, "disc_count"),
    ],
)
def test_like_things_are_counted_wherever_they_lie(
    taught: Path, things: dict[str, str], rule: dict[str, int], reason: str | None
) -> None:
    check = made(taught, "one", count={"disc": {**rule, "reason": "disc_count"}})
    found = findings_of(check, plate(things, seed=44))[-1]
    assert (found.text, found.reason_code) == ("disc", reason)
    assert found.measured["count"] == list(things.values()).count("disc")
    assert "disc_count" in check.reason_codes
    assert check.regions is None


def test_things_are_counted_between_positions_too(taught: Path) -> None:
    image = plate(seed=45)
    image[55:95, 80:120] = image[20:60, 30:70]
    check = made(taught, "one", count={"disc": {"at_most": 3, "reason": "disc_count"}})
    found = findings_of(check, image)
    assert [finding.reason_code for finding in found] == [None] * 4 + ["disc_count"]
    assert found[-1].measured["count"] == 4


def test_what_cannot_be_counted_is_refused(taught: Path) -> None:
    rule = {"at_least": 1, "reason": "disc_count"}
    with pytest.raises(RecipeError, match="no group of positions: 'nut'"):
        made(taught, "one", count={"nut": rule})
    with pytest.raises(RecipeError, match="no 'absent' that can be counted"):
        made(taught, "one", count={"spare": {**rule, "state": "absent"}})


@pytest.mark.parametrize("region", [(75, 20, 10, 40), (60, 40, 60, 5)])
def test_a_region_too_small_to_hold_a_thing_counts_nothing(
    taught: Path, region: tuple[float, float, float, float]
) -> None:
    where = dict(zip(("x", "y", "width", "height"), region, strict=True))
    with pytest.raises(RecipeError, match="smaller than a thing"):
        made(taught, "one", count={"disc": {"at_most": 0, "reason": "n", "region": where}})
