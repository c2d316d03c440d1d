"""Printed dates: formats, two-digit years, day 00, month ends, leap years."""

import re
from datetime import date

import pytest

from station.vision.reading.dates import check_format, full_year, parse_date, pattern_of

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "written", "day"),
    [
        ("31.12.2027", "%d.%m.%Y", date(2027, 12, 31)),
        ("12/2027", "%m/%Y", date(2027, 12, 31)),
        ("271231", "%y%m%d", date(2027, 12, 31)),
        ("270200", "%y%m%d", date(2027, 2, 28)),
        ("280200", "%y%m%d", date(2028, 2, 29)),
        ("280229", "%y%m%d", date(2028, 2, 29)),
        ("02/2100", "%m/%Y", date(2100, 2, 28)),
        ("05DEC27", "%d %b %y", date(2027, 12, 5)),
        ("05 dec 27", "%d%b%y", date(2027, 12, 5)),
        ("2027-04-30", "%Y-%m-%d", date(2027, 4, 30)),
    ],
)
def test_a_date_means_its_day(text: str, written: str, day: date) -> None:
    assert parse_date(text, written, TODAY) == day


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("31.04.2027", "%d.%m.%Y"),
        ("29.02.2027", "%d.%m.%Y"),
        ("32.01.2027", "%d.%m.%Y"),
        ("01.13.2027", "%d.%m.%Y"),
        ("01.00.2027", "%d.%m.%Y"),
        ("00.12.2027", "%d.%m.%Y"),
        ("1.12.2027", "%d.%m.%Y"),
        ("31-12-2027", "%d.%m.%Y"),
        ("31x12x2027", "%d.%m.%Y"),
        ("05DEX27", "%d%b%y"),
        ("0000.12.27", "%d.%m.%Y"),
    ],
)
def test_what_is_no_day_is_refused(text: str, written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_date(text, written, TODAY)


def test_years_of_two_digits_are_the_nearest() -> None:
    assert [full_year(two, TODAY) for two in (26, 76, 77, 99, 0)] == [2026, 2076, 1977, 1999, 2000]
    assert full_year(10, date(2080, 1, 1)) == 2110
    assert full_year(40, date(2080, 1, 1)) == 2040


def test_the_pattern_fits_the_shape_and_nothing_else() -> None:
    pattern = pattern_of("%d.%m.%Y")
    assert re.fullmatch(pattern, "99.99.2027")  # read, and then refused as a date
    assert not re.fullmatch(pattern, "31x12x2027")
    assert re.fullmatch(pattern_of("%d %b %y"), "05DEC27")


@pytest.mark.parametrize("written", ["%H:%M", "%d.%m", "%Y", "%d.%d.%m.%Y", "%y%Y%m", ""])
def test_formats_that_name_no_day_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="date format"):
        check_format(written)
