"""`read_code`: what it reads, and the reason it gives where it does not pass a part."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest

from station.core.errors import JobValueError, SettingsError
from station.core.frame import Frame, Image
from station.core.plugin import Site, Tool, parse
from station.core.pose import Pose
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding
from station.vision.codes.symbologies import Symbology
from tests.codes import on_label, render

OK, NOT_OK, NOT_DECIDABLE = Evaluation.OK, Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE
GS1 = "(01)09501101530003(17)261231(10)A1-7(21)0042"


def look(image: Image, values: Mapping[str, str] | None = None, **settings: Any) -> list[Finding]:
    entry = {"kind": "read_code", "name": "code", "symbologies": ["data_matrix"], **settings}
    frame = Frame(
        image=image,
        camera_id="c",
        sequence=1,
        acquired_at=datetime(2026, 1, 1, tzinfo=UTC),
        values=values or {},
    )
    return list(parse(Tool, entry).prepare(Site(model_dirs=())).run(frame))


def only(image: Image, values: Mapping[str, str] | None = None, **settings: Any) -> Finding:
    (finding,) = look(image, values, **settings)
    return finding


@pytest.mark.parametrize(
    ("symbology", "text"),
    [
        ("data_matrix", "HELLO 123"),
        ("qr_code", "HELLO 123"),
        ("micro_qr_code", "HELLO"),
        ("aztec", "HELLO 123"),
        ("pdf417", "HELLO 123"),
        ("code128", "HELLO123"),
        ("code39", "HELLO123"),
        ("code93", "HELLO123"),
        ("itf", "12345670"),
        ("codabar", "A123456B"),
        ("ean13", "4006381333931"),
        ("ean8", "40123455"),
    ],
)
def test_each_symbology_is_read_and_named(symbology: Symbology, text: str) -> None:
    image = on_label(render(text, symbology, scale=3))
    finding = only(image, symbologies=[symbology], expected=text)
    assert (finding.evaluation, finding.score) == (OK, 0.0)
    assert finding.read == {"text": text, "symbology": symbology}
    assert finding.region is not None
    x, y = np.mean(finding.region.corners, axis=0)
    assert 80 < x < 80 + 500
    assert 60 < y < 60 + 200


def test_a_code_of_another_symbology_is_not_read() -> None:
    image = on_label(render("HELLO", "micro_qr_code"))
    finding = only(image, symbologies=["qr_code"])
    assert (finding.evaluation, finding.reason_code) == (NOT_OK, "code_unreadable")
    assert not finding.read


def test_missing_unreadable_and_wrong_are_three_reasons() -> None:
    code = render("LOT A1")
    blank = on_label(np.full((60, 60), 255, np.uint8), bright=180)
    assert only(blank).reason_code == "code_missing"
    smeared = code.copy()
    blocks = np.random.default_rng(1).integers(0, 2, (14, 14), np.uint8) * 255
    smeared[20:76, 20:76] = np.kron(blocks, np.ones((4, 4), np.uint8))
    assert only(on_label(smeared)).reason_code == "code_unreadable"
    wrong = only(on_label(code), expected="LOT A2")
    assert wrong.reason_code == "code_wrong"
    assert "LOT A1" in wrong.text
    assert "LOT A2" in wrong.text
    for image in (blank, on_label(smeared)):
        assert only(image).evaluation is NOT_OK
        assert only(image).score == 1.0
        assert not only(image).read


@pytest.mark.parametrize("noise", [0.0, 3.0, 12.0])
def test_noise_is_no_code(noise: float) -> None:
    bare = on_label(np.full((60, 60), 255, np.uint8), bright=200, noise=noise)
    for symbologies in (["data_matrix"], ["qr_code", "code128", "ean13", "itf", "codabar"]):
        finding = only(bare, symbologies=symbologies)
        assert (finding.evaluation, finding.reason_code) == (NOT_OK, "code_missing")


def test_reasons_are_the_recipes() -> None:
    blank = on_label(np.full((60, 60), 255, np.uint8), bright=180)
    assert only(blank, missing_reason="label_missing").reason_code == "label_missing"


@pytest.mark.parametrize(
    "harm",
    [
        {"turn_deg": 37},
        {"turn_deg": 180},
        {"dark": 230, "bright": 20},
        {"dark": 100, "bright": 135, "background": 135},
        {"blur_px": 2.0},
        {"dark": 6, "bright": 26, "background": 14, "noise": 1.0},
    ],
    ids=["turned", "upside down", "inverted", "low contrast", "blurred", "dark"],
)
@pytest.mark.parametrize("symbology", ["data_matrix", "code128"])
def test_a_hard_picture_is_read(symbology: Symbology, harm: dict[str, Any]) -> None:
    image = on_label(render("LOT-A1", symbology), at=((120, 140),), **harm)
    finding = only(image, symbologies=[symbology], expected="LOT-A1")
    assert finding.evaluation is OK


def test_a_mirrored_code_is_read() -> None:
    image = np.ascontiguousarray(on_label(render("LOT-A1"))[:, ::-1])
    assert only(image, expected="LOT-A1").evaluation is OK


@pytest.mark.parametrize("symbology", ["data_matrix", "qr_code", "code128"])
def test_modules_of_little_more_than_a_pixel_are_read(symbology: Symbology) -> None:
    large = on_label(render("LOT-A1", symbology, scale=8), size=(900, 1200), at=((160, 160),))
    small = cv2.resize(large, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    finding = only(np.asarray(small, np.uint8), symbologies=[symbology], expected="LOT-A1")
    assert finding.evaluation is OK


def test_a_code_beside_the_region_is_read_only_where_the_recipe_allows_it() -> None:
    image = on_label(render("LOT A1"), at=((300, 200),))
    region = {"x": 100, "y": 150, "width": 190, "height": 200}
    assert only(image, region=region).evaluation is NOT_OK
    assert only(image, region=region, margin_px=150).evaluation is OK
    assert only(image, region=region, full_image=True).evaluation is OK


def test_a_turned_region_places_the_code_where_it_is() -> None:
    image = on_label(render("LOT A1"), at=((280, 200),), turn_deg=30)
    whole = only(image)
    turned = Rectangle(x=220, y=150, width=220, height=200, angle_deg=30)
    inside = only(image, region=turned)
    assert inside.evaluation is OK
    assert whole.region is not None
    assert inside.region is not None
    middles = [np.mean(region.corners, axis=0) for region in (whole.region, inside.region)]
    assert np.abs(middles[0] - middles[1]).max() < 2


def test_the_job_says_what_must_be_there() -> None:
    image = on_label(render("S-0042"))
    wanted: dict[str, Any] = {"expected_values": "job.serial"}
    assert only(image, {"job.serial": "S-0042"}, **wanted).evaluation is OK
    other = only(image, {"job.serial": "S-0043"}, **wanted)
    assert (other.evaluation, other.reason_code) == (NOT_OK, "code_wrong")
    with pytest.raises(JobValueError, match=r"job\.serial"):
        look(image, **wanted)


def test_a_pattern_matches_the_whole_text() -> None:
    image = on_label(render("LOT A1"))
    assert only(image, pattern=r"LOT [A-Z]\d").evaluation is OK
    assert only(image, pattern=r"LOT").reason_code == "code_wrong"


def test_gs1_element_strings_are_read_by_identifier() -> None:
    image = on_label(render(GS1, gs1=True))
    finding = only(
        image,
        {"job.lot": "A1-7"},
        required_identifiers=["01", "17"],
        identifier_texts={"01": "09501101530003"},
        identifier_values={"10": "job.lot"},
    )
    assert finding.evaluation is OK
    assert finding.read == {
        "symbology": "data_matrix",
        "text": "010950110153000317261231" + "10A1-7\x1d210042",
        "01": "09501101530003",
        "17": "261231",
        "10": "A1-7",
        "21": "0042",
    }
    assert "<GS>" in finding.text


@pytest.mark.parametrize(
    ("text", "is_gs1", "settings", "said"),
    [
        (GS1, True, {"required_identifiers": ["15"]}, "(15) is not in it"),
        (GS1, True, {"identifier_values": {"10": "job.lot"}}, "expected B2"),
        (GS1, True, {"identifier_texts": {"01": "04012345678901"}}, "expected 04012345678901"),
        (GS1, True, {"identifier_values": {"11": "job.lot"}}, "(11) is not in it"),
        ("HELLO", False, {"gs1": True}, "no GS1 code"),
        ("010950110153000317261231", False, {"required_identifiers": ["01"]}, "no GS1 code"),
    ],
)
def test_gs1_content_that_is_wrong(
    text: str, is_gs1: bool, settings: dict[str, Any], said: str
) -> None:
    finding = only(on_label(render(text, gs1=is_gs1)), {"job.lot": "B2"}, **settings)
    assert (finding.evaluation, finding.reason_code) == (NOT_OK, "code_wrong")
    assert said in finding.text


@pytest.mark.parametrize(
    ("text", "symbology", "rule", "is_right"),
    [
        ("15400141288763", "itf", "mod10", True),
        ("15400141288760", "itf", "mod10", False),
        ("CODE39W", "code39", "mod43", True),
        ("CODE39X", "code39", "mod43", False),
        ("79927398713", "code128", "luhn", True),
        ("79927398710", "code128", "luhn", False),
        ("LOT-A1", "code128", "mod10", False),
    ],
)
def test_check_digits(text: str, symbology: Symbology, rule: str, is_right: bool) -> None:
    image = on_label(render(text, symbology, scale=2))
    finding = only(image, symbologies=[symbology], check_digit=rule)
    assert finding.evaluation is (OK if is_right else NOT_OK)
    assert finding.reason_code == (None if is_right else "code_wrong")


def test_a_second_other_code_never_passes() -> None:
    image = on_label(render("LOT A1"), render("LOT B2"), at=((60, 60), (360, 260)))
    unsaid = look(image)
    assert {finding.evaluation for finding in unsaid} == {NOT_DECIDABLE}
    assert not any(finding.read for finding in unsaid)
    said = look(image, expected="LOT A1")
    assert sorted(finding.evaluation for finding in said) == [OK, NOT_OK]
    both = look(image, expected=["LOT B2", "LOT A1"])
    assert {finding.evaluation for finding in both} == {OK}
    assert both[0].read == {"symbology": "data_matrix", "text_1": "LOT A1"}


def test_one_of_two_codes_missing() -> None:
    image = on_label(render("LOT A1"))
    for settings in ({"count": 2}, {"expected": ["LOT A1", "LOT B2"]}):
        found = look(image, **settings)
        assert [finding.evaluation for finding in found] == [OK, NOT_OK]
        assert found[1].reason_code == "code_missing"
        assert "1 of 2" in found[1].text


def test_the_same_text_twice_is_two_codes_and_one_is_not_two() -> None:
    twice = on_label(render("LOT A1"), render("LOT A1"), at=((40, 60), (440, 300)))
    assert {one.evaluation for one in look(twice, expected=["LOT A1", "LOT A1"])} == {OK}
    assert {one.evaluation for one in look(twice, expected="LOT A1")} == {OK}
    doubled = look(twice, expected=["LOT A1", "LOT B2"])
    assert NOT_OK in {one.evaluation for one in doubled}
    assert any("no code says LOT B2" in one.text for one in doubled)
    mixed = on_label(render("LOT A1"), render("LOT B2"), at=((40, 60), (440, 300)))
    found = look(mixed, expected=["LOT A1", "LOT A1"])
    assert NOT_OK in {one.evaluation for one in found}
    once = look(on_label(render("LOT A1")), expected=["LOT A1", "LOT A1"])
    assert NOT_OK in {one.evaluation for one in once}


def test_quality_is_measured_and_limited() -> None:
    crisp = on_label(render("LOT A1", scale=5))
    finding = only(crisp)
    assert finding.measured["module_px"] == pytest.approx(5, abs=0.2)
    assert finding.measured["symbol_contrast"] == pytest.approx(210 / 255, abs=0.05)
    assert finding.measured["unused_error_correction"] == 1.0
    assert finding.measured["grade"] == 4.0
    faint = on_label(render("LOT A1", scale=5), dark=120, bright=190)
    content, quality = look(faint, grade_at_least=2.0)
    assert content.evaluation is OK
    assert (quality.evaluation, quality.reason_code) == (NOT_OK, "code_poor")
    assert quality.score == pytest.approx(4 - content.measured["grade"])
    assert {one.evaluation for one in look(crisp, grade_at_least=4.0)} == {OK}


def test_the_modulation_of_bars_falls_with_blur() -> None:
    grades = [
        only(on_label(render("LOT-A1", "code128"), blur_px=blur_px), symbologies=["code128"])
        for blur_px in (0.5, 2.0)
    ]
    assert grades[0].measured["modulation"] > 0.8
    assert grades[1].measured["modulation"] < grades[0].measured["modulation"] - 0.2
    assert grades[0].measured["module_px"] == pytest.approx(4, abs=0.5)


def test_a_view_of_a_located_part_is_read_like_a_picture() -> None:
    frame = Frame(
        image=on_label(render("LOT A1")),
        camera_id="c",
        sequence=1,
        acquired_at=datetime(2026, 1, 1, tzinfo=UTC),
        pose=Pose(x=300, y=20, angle_deg=12, scale=1.1),
    )
    entry = {
        "kind": "read_code",
        "name": "code",
        "symbologies": "data_matrix",
        "expected": "LOT A1",
    }
    region = {"x": 40, "y": 40, "width": 300, "height": 300}
    check = parse(Tool, {**entry, "region": region}).prepare(Site(model_dirs=()))
    assert check.regions == (Rectangle(x=40, y=40, width=300, height=300),)
    assert [finding.evaluation for finding in check.run(frame)] == [OK]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"symbologies": []}, "symbologies"),
        ({"symbologies": ["barcode"]}, "symbologies"),
        ({"pattern": "("}, "regular expression"),
        ({"count": 2, "expected": ["A", "B", "C"]}, "3 texts are expected"),
        ({"expected": [""]}, "empty text"),
        ({"expected": ["job.serial"]}, "letter by letter"),
        ({"identifier_texts": {"10": "job.lot"}}, "identifier_values"),
        ({"expected_values": "serial"}, "expected_values"),
        ({"identifier_values": {"lot": "job.lot"}}, "identifier_values"),
        (
            {"identifier_values": {"10": "job.lot"}, "identifier_texts": {"10": "A"}},
            "leave one out",
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], said: str) -> None:
    entry = {"kind": "read_code", "name": "code", "symbologies": ["qr_code"], **settings}
    with pytest.raises(SettingsError, match=said):
        parse(Tool, entry)
