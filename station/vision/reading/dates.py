"""Printed dates: how they may be written, which day they mean, and what a pattern of them is."""

import calendar
import re
from collections.abc import Iterator
from datetime import date

_SHAPES = {"%d": r"\d\d", "%m": r"\d\d", "%Y": r"\d{4}", "%y": r"\d\d", "%b": r"[A-Z]{3}"}
_LOOKS = {"%d": "00", "%m": "00", "%Y": "0000", "%y": "00", "%b": "AAA"}
_PART = re.compile(r"%.")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
GS1_FORMAT = "%y%m%d"


def check_format(written: str) -> str:
    """Return a date format if it can be read: made of %d %m %Y %y %b and signs between them.

    Raises:
        ValueError: it holds something else, or no year or month.
    """
    parts = _PART.findall(written)
    strange = [part for part in parts if part not in _SHAPES]
    if strange:
        raise ValueError(f"date format {written!r}: {strange[0]} is not one of %d %m %Y %y %b")
    has_year = ("%Y" in parts) + ("%y" in parts) == 1
    has_month = ("%m" in parts) + ("%b" in parts) == 1
    if not has_year or not has_month or parts.count("%d") > 1:
        raise ValueError(f"date format {written!r} needs one year, one month and at most one day")
    return written


def pattern_of(written: str) -> str:
    """What fits a format, spaces left out: its shape only, so that a wrong date is still read."""
    return "".join(sign if fixed else _SHAPES[sign] for sign, fixed in _pieces(written))


def shape_of(written: str) -> str:
    """What a format looks like with every digit as 0 and every letter of a month as A."""
    return "".join(sign if fixed else _LOOKS[sign] for sign, fixed in _pieces(written))


def parse_date(text: str, written: str, today: date) -> date:
    """The day a text means; without a day, or in a GS1 date with day 00, the last of its month.

    Years of two digits are those nearest to today (GS1 General Specifications, 7.12).

    Raises:
        ValueError: it does not fit the format, or there is no such day.
    """
    pieces = list(_pieces(written))
    shape = "".join(sign if fixed else f"({_SHAPES[sign]})" for sign, fixed in pieces)
    match = re.fullmatch(shape, text.replace(" ", "").upper())
    if match is None:
        raise ValueError(f"{text!r} is not written as {written}")
    names = [sign for sign, fixed in pieces if not fixed]
    found = dict(zip(names, match.groups(), strict=True))
    year = int(found["%Y"]) if "%Y" in found else full_year(int(found["%y"]), today)
    month = _month(found["%b"]) if "%b" in found else int(found["%m"])
    if not 1 <= month <= 12:
        raise ValueError(f"{text!r} names no month there is")
    day = int(found.get("%d", "0"))
    if day == 0 and ("%d" not in found or written == GS1_FORMAT):
        day = calendar.monthrange(year, month)[1]
    return date(year, month, day)


def full_year(two_digits: int, today: date) -> int:
    """The year that ends in two digits and lies from 49 years back to 50 years ahead."""
    year = today.year // 100 * 100 + two_digits
    if year - today.year >= 51:
        return year - 100
    return year + 100 if year - today.year <= -50 else year


def _month(name: str) -> int:
    return _MONTHS.index(name) + 1 if name in _MONTHS else 0


def _pieces(written: str) -> Iterator[tuple[str, bool]]:
    """A format in pieces, without spaces: (%d and the like, False), (what stands between, True)."""
    plain, place = written.replace(" ", ""), 0
    for part in _PART.finditer(plain):
        if part.start() > place:
            yield re.escape(plain[place : part.start()]), True
        yield part.group(), False
        place = part.end()
    if place < len(plain):
        yield re.escape(plain[place:]), True
