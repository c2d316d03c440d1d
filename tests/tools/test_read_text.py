"""read_text: what is proven passes; everything else has a reason of its own."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest

from station.core.errors import JobValueError, ModelError, SettingsError
from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool, parse
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding
from station.sources.synthetic.lettering import letter
from station.vision.reading.recogniser import RECOGNISER_SHA256

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LOT = {"name": "lot", "kind": "lot", "label": "LOT", "pattern": r"[A-Z]{2}\d{4}"}
EXPIRY = {"name": "expiry", "kind": "date", "label": "EXP", "formats": ["%d.%m.%Y", "%m/%Y"]}
SITE = Site(model_dirs=())


def page(*lines: str, font: str = "uni", ink_grey: int = 60, left: int = 60) -> Image:
    grey = np.full((200, 460), 200, np.float32)
    for number, line in enumerate(lines):
        ink = letter(line, font, 22)
        top = 40 + 48 * number
        under = grey[top : top + ink.shape[0], left : left + ink.shape[1]]
        under += (ink_grey - 200) * ink[:, : under.shape[1]].astype(np.float32) / 255
    return np.clip(grey, 0, 255).astype(np.uint8)


def check_of(*fields: dict[str, Any], **settings: Any) -> Check:
    return parse(
        Tool, {"kind": "read_text", "name": "label", "fields": fields, **settings}
    ).prepare(SITE)


def look(
    image: Image, *fields: dict[str, Any], values: Mapping[str, str] | None = None, **settings: Any
) -> list[Finding]:
    frame = Frame(
        image=image, camera_id="c", sequence=1, acquired_at=NOW, values=dict(values or {})
    )
    return list(check_of(*fields, **settings).run(frame))


def only(*args: Any, **kwargs: Any) -> Finding:
    (finding,) = look(*args, **kwargs)
    return finding


def said(finding: Finding) -> tuple[Evaluation, str | None]:
    return finding.evaluation, finding.reason_code


OK, NOT_OK, OPEN = Evaluation.OK, Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE


def test_fields_that_say_what_they_must_pass() -> None:
    lot, expiry = look(
        page("LOT AB1234", "EXP 31.12.2027"),
        {**LOT, "equal_to": "job.lot"},
        {**EXPIRY, "equal_to": "code.17", "must_not_be_expired": True},
        values={"job.lot": "AB 1234", "code.17": "271231"},
    )
    assert said(lot) == said(expiry) == (OK, None)
    assert (dict(lot.read), dict(expiry.read)) == ({"lot": "AB1234"}, {"expiry": "31.12.2027"})
    assert lot.score is not None
    assert lot.accept_limit is not None
    assert lot.score <= lot.accept_limit
    assert {"lot_confidence", "lot_rival_confidence", "lot_height_px", "contrast_grey"} <= set(
        lot.measured
    )


def test_a_dot_matrix_print_is_read() -> None:
    assert said(only(page("LOT AB1234", font="dots"), LOT)) == (OK, None)


def test_the_finding_lies_around_its_line() -> None:
    region = {"x": 30, "y": 20, "width": 420, "height": 150}
    lot, expiry = look(page("LOT AB1234", "EXP 31.12.2027"), LOT, EXPIRY, region=region)
    assert isinstance(lot.region, Rectangle)
    assert isinstance(expiry.region, Rectangle)
    assert lot.region.x == pytest.approx(60, abs=4)
    assert lot.region.y == pytest.approx(40, abs=6)
    assert expiry.region.y == pytest.approx(88, abs=6)


@pytest.mark.parametrize("printed", ["AB1235", "AC1234", "BA1234"])
def test_another_lot_than_the_jobs_is_a_mismatch(printed: str) -> None:
    finding = only(
        page(f"LOT {printed}"), {**LOT, "equal_to": "job.lot"}, values={"job.lot": "AB1234"}
    )
    assert said(finding) == (NOT_OK, "text_mismatch")
    assert finding.score == 1.0
    assert finding.read["lot"] == printed


def test_an_empty_value_of_the_job_is_no_expectation_met() -> None:
    finding = only(page("LOT AB1234"), {**LOT, "equal_to": "job.lot"}, values={"job.lot": ""})
    assert said(finding) == (NOT_OK, "text_mismatch")


@pytest.mark.parametrize("more", [{}, {"equal_to": "job.lot"}])
def test_a_field_with_nothing_in_it_is_never_right(more: dict[str, str]) -> None:
    """Whatever the pattern allows, and even where the job says nothing but spaces."""
    field = {**LOT, "pattern": "[A-Z0-9]*", **more}
    finding = only(page("LOT:", "EXP 31.12.2027"), field, values={"job.lot": "  "})
    assert said(finding) == (NOT_OK, "text_wrong")


def test_a_value_the_job_did_not_give_stops_the_tool() -> None:
    with pytest.raises(JobValueError, match=r"job\.lot"):
        look(page("LOT AB1234"), {**LOT, "equal_to": "job.lot"})


def test_a_code_that_was_not_read_leaves_the_field_open() -> None:
    finding = only(page("LOT AB1234"), {**LOT, "equal_to": "code.10"})
    assert said(finding) == (OPEN, "text_mismatch")
    assert "code.10 was not read" in finding.text


@pytest.mark.parametrize("image", [page(), np.zeros((200, 460), np.uint8)])
def test_where_nothing_is_printed_it_is_missing(image: Image) -> None:
    assert said(only(image, LOT)) == (NOT_OK, "text_missing")


def test_one_line_of_two_missing_is_missing_not_wrong() -> None:
    lot, expiry = look(page("LOT AB1234"), LOT, EXPIRY)
    assert said(lot) == (OK, None)
    assert said(expiry) == (NOT_OK, "text_missing")
    assert expiry.region == Rectangle(x=0, y=0, width=460, height=200)
    by_number = only(page("LOT AB1234"), {**EXPIRY, "line": 2})
    assert said(by_number) == (NOT_OK, "text_missing")


@pytest.mark.parametrize("printed", ["LOT 1B1234", "LOT AB12345", "LOT AB123"])
def test_what_does_not_fit_the_pattern_is_wrong(printed: str) -> None:
    assert said(only(page(printed), LOT)) == (NOT_OK, "text_wrong")


def test_smeared_print_is_unreadable() -> None:
    image = page("LOT AB1234").copy()
    image[36:68, 50:260] = cv2.blur(image[36:68, 50:260], (19, 5))
    finding = only(image, LOT)
    assert finding.evaluation is not OK
    assert finding.reason_code == "text_unreadable"


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("31.04.2027", "date_invalid"),
        ("29.02.2027", "date_invalid"),
        ("01.13.2027", "date_invalid"),
        ("00.12.2027", "date_invalid"),
        ("21.11.2026", "date_expired"),
        ("10/2026", "date_expired"),
        ("22.11.2099", "date_invalid"),
    ],
)
def test_wrong_dates(printed: str, reason: str) -> None:
    field = {**EXPIRY, "must_not_be_expired": True, "days_ahead_at_most": 3650}
    assert said(only(page(f"EXP {printed}"), field)) == (NOT_OK, reason)


@pytest.mark.parametrize("printed", ["22.11.2026", "11/2026", "29.02.2028", "30.06.2027"])
def test_right_dates(printed: str) -> None:
    field = {**EXPIRY, "must_not_be_expired": True, "days_ahead_at_most": 3650}
    assert said(only(page(f"EXP {printed}"), field)) == (OK, None)


def test_a_date_too_far_back_is_invalid() -> None:
    made = {"name": "made", "kind": "date", "label": "MFG", "formats": ["%d.%m.%Y"],
            "days_back_at_most": 30, "days_ahead_at_most": 0}  # fmt: skip
    assert said(only(page("MFG 01.11.2026"), made)) == (OK, None)
    assert said(only(page("MFG 01.10.2026"), made)) == (NOT_OK, "date_invalid")
    assert said(only(page("MFG 23.11.2026"), made)) == (NOT_OK, "date_invalid")


@pytest.mark.parametrize(
    ("printed", "coded", "verdict"),
    [
        ("28.02.2027", "270200", OK),  # GS1: day 00 is the last of the month
        ("27.02.2027", "270200", NOT_OK),
        ("02/2027", "270215", OK),  # no day is printed: the month counts
        ("03/2027", "270215", NOT_OK),
        ("31.12.2027", "2027-12-31", OK),
        ("31.12.2027", "no date", NOT_OK),
    ],
)
def test_a_date_is_compared_by_the_day_it_means(
    printed: str, coded: str, verdict: Evaluation
) -> None:
    field = {**EXPIRY, "equal_to": "code.17"}
    finding = only(page(f"EXP {printed}"), field, values={"code.17": coded})
    assert finding.evaluation is verdict


def test_what_a_code_says_is_a_date_as_gs1_writes_it_whatever_is_printed() -> None:
    """271231 printed as day, month, year is in December 2031, and not the code's in 2027."""
    field = {**EXPIRY, "formats": ["%d%m%y"], "equal_to": "code.17"}
    values = {"code.17": "271231"}
    assert said(only(page("EXP 271231"), field, values=values)) == (NOT_OK, "text_mismatch")
    assert said(only(page("EXP 311227"), field, values=values)) == (OK, None)


def test_signs_of_one_shape_need_a_pattern_that_tells_them_apart() -> None:
    """0 and O look alike: where both may stand, nobody can prove which it is."""
    field = {"name": "lot", "kind": "lot", "label": "LOT", "equal_to": "job.lot"}
    finding = only(page("LOT A2075"), field, values={"job.lot": "A2075"})
    assert said(finding) == (OPEN, "text_unreadable")
    assert "A2O75" in finding.text
    proven = only(
        page("LOT A2075"), {**field, "pattern": r"[A-Z]\d{4}"}, values={"job.lot": "A2075"}
    )
    assert said(proven) == (OK, None)


@pytest.mark.parametrize("font", ["dots", "strokes", "sans"])
def test_a_letter_o_among_slashed_zeros_is_left_open(font: str) -> None:
    """The recogniser is sure of a 0 among digits; only its missing stroke tells."""
    field = {**LOT, "zeros": "slashed"}
    assert said(only(page("LOT AB1204", font=font), field)) == (OK, None)
    assert said(only(page("LOT AB1000", font=font), field)) == (OK, None)
    finding = only(page("LOT AB12O4", font=font), field)
    assert said(finding) == (OPEN, "text_unreadable")
    assert "letter O" in finding.text
    assert said(only(page("LOT AB12O4", font=font), LOT)) == (OK, None)  # why it must be told


def test_a_look_alike_needs_a_margin() -> None:
    """With a margin nothing reaches, a reading that has a likely rival is not proven."""
    image = page("LOT AB8UV4", font="dots", ink_grey=160)
    field = {**LOT, "pattern": "[A-HJ-NP-Z2-9]{6}"}
    sure = only(image, field, margin_at_least=1.0, accept_limit_alone=0.6)
    assert sure.measured["lot_rival_confidence"] > 0
    strict = only(image, field, margin_at_least=1e6, accept_limit_alone=0.6)
    assert (sure.evaluation, strict.evaluation) == (OK, OPEN)


def test_a_pattern_alone_asks_for_more_confidence_than_an_expectation() -> None:
    alone = only(page("LOT AB1234"), LOT)
    known = only(page("LOT AB1234"), {**LOT, "expected": "AB1234"})
    assert alone.accept_limit is not None
    assert known.accept_limit is not None
    assert alone.accept_limit < known.accept_limit


def test_the_expectation_does_not_steer_the_reading() -> None:
    image = page("LOT AB1234")
    field = {**LOT, "equal_to": "job.lot"}
    confidences = {
        only(image, field, values={"job.lot": lot}).measured["lot_confidence"]
        for lot in ("AB1234", "AB1284", "XY9999")
    }
    assert len(confidences) == 1


def test_two_lines_that_could_be_the_field_leave_it_open() -> None:
    finding = only(page("12.12.2027", "31.12.2028"), {**EXPIRY, "label": ""})
    assert said(finding) == (OPEN, "text_unreadable")
    chosen = only(page("12.12.2027", "31.12.2028"), {**EXPIRY, "label": "", "line": 2})
    assert said(chosen) == (OK, None)
    assert chosen.read["expiry"] == "31.12.2028"


def test_a_fixed_text_is_found_among_the_lines() -> None:
    field = {"name": "product", "expected": "GREEN TEA"}
    assert said(only(page("20 BAGS", "GREEN TEA"), field)) == (OK, None)
    assert said(only(page("20 BAGS", "BLACK TEA"), field)) == (NOT_OK, "text_mismatch")


def test_print_cut_off_by_the_region_is_not_proven() -> None:
    field = {"name": "serial", "kind": "number"}
    region = {"x": 58, "y": 20, "width": 80, "height": 100}
    finding = only(page("123456789"), field, region=region)
    assert finding.evaluation is OPEN
    assert "edge of the region" in finding.text


@pytest.mark.parametrize("side", ["top", "bottom"])
def test_print_whose_heads_or_feet_are_cut_off_is_not_proven(side: str) -> None:
    """Without its foot a V is a U, an E an F: nobody knows what the region cuts off."""
    image = page("LOT AB1234")
    rows = np.flatnonzero((image < 130).any(axis=1))
    for room, verdict in ((8, OK), (-2, OPEN)):
        top = rows[0] - room if side == "top" else 10
        foot = rows[-1] + 1 + room if side == "bottom" else 150
        region = {"x": 30, "y": int(top), "width": 420, "height": int(foot - top)}
        assert only(image, LOT, region=region).evaluation is verdict


def test_reasons_can_be_named() -> None:
    finding = only(
        page("LOT AB1235"), {**LOT, "expected": "AB1234"}, mismatch_reason="lot_mismatch"
    )
    assert finding.reason_code == "lot_mismatch"
    assert "lot_mismatch" in check_of(LOT, mismatch_reason="lot_mismatch").reason_codes


def test_the_recogniser_is_named_and_no_other_is_run() -> None:
    assert RECOGNISER_SHA256 in check_of(LOT).models.values()
    with pytest.raises(ModelError, match="known"):
        check_of(LOT, model_sha256="0" * 64)


def test_regions_say_where_it_looks() -> None:
    own = {"x": 1, "y": 2, "width": 30, "height": 40}
    shared = {"x": 5, "y": 6, "width": 70, "height": 80}
    assert check_of(LOT).regions is None
    assert check_of({**LOT, "region": own}, EXPIRY).regions is None
    regions = check_of({**LOT, "region": own}, EXPIRY, region=shared).regions
    assert regions == (Rectangle(**own), Rectangle(**shared))


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"name": "a"}, "any text would pass"),
        ({"name": "a", "kind": "date"}, "formats"),
        ({"name": "a", "kind": "lot", "formats": ["%d.%m.%Y"]}, "formats"),
        ({"name": "a", "kind": "date", "formats": ["%H"]}, "date format"),
        ({"name": "a", "kind": "lot", "pattern": "("}, "regular expression"),
        ({"name": "a", "kind": "lot", "expected": "A", "equal_to": "job.a"}, "not both"),
        ({"name": "a", "kind": "lot", "must_not_be_expired": True}, "only a date"),
        ({"name": "a", "kind": "date", "formats": ["%d.%m.%Y"], "pattern": "x"}, "its formats"),
        ({"name": "a", "kind": "lot", "lable": "LOT"}, "lable"),
        ({"name": "a", "expected": " "}, "nothing but spaces"),
        ({"name": "a", "expected": "Roses"}, "is_capitals = false"),
        ({"name": "a", "pattern": "(?P<value>A)"}, "group name"),
        ({"name": "a", "pattern": r"(A)\1"}, "back references"),
        ({"name": "a", "kind": "date", "formats": ["%d%m%y", "%y%m%d"]}, "two days"),
        ({"name": "a", "kind": "date", "formats": ["%d%m%y", "%m%Y"]}, "two days"),
    ],
)
def test_fields_that_prove_nothing_are_refused(field: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_of(field)


def test_two_fields_of_one_name_and_limits_out_of_order_are_refused() -> None:
    with pytest.raises(SettingsError, match="two fields"):
        check_of(LOT, LOT)
    with pytest.raises(SettingsError, match="reject_limit"):
        check_of(LOT, accept_limit=0.7)


def test_the_same_picture_gives_the_same_answer() -> None:
    check = check_of(LOT)
    frame = Frame(image=page("LOT AB1234"), camera_id="c", sequence=1, acquired_at=NOW)
    assert check.run(frame) == check.run(replace(frame, sequence=2))
