"""The fields of a label: what may stand in each, and what it must be equal to."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from station.core.errors import JobValueError
from station.core.frame import Frame
from station.core.region import Region
from station.vision.reading.dates import (
    GS1_FORMAT,
    check_format,
    parse_date,
    pattern_of,
    shape_of,
)
from station.vision.reading.spelling import Spelling, as_capitals, label_pattern

ISO_FORMAT = "%Y-%m-%d"
JOB = "job."
_GS1_DATE = re.compile(r".+\.1[123567](_\d+)?")
"""What a code holds under these identifiers is a date as GS1 writes it, and nothing else."""
_VALUES = {"text": ".+", "lot": "[A-Z0-9./-]+", "number": r"\d+", "date": ""}


def _check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


class TextField(BaseModel):
    """One thing that is written on the part; spaces never count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,31}$", description="what was read is found under TOOL.NAME"
    )
    kind: Literal["text", "date", "lot", "number"] = Field("text", description="what it is")
    region: Region | None = Field(None, description="where its line lies; absent: the tool's")
    line: int | None = Field(
        None, ge=1, le=64, description="which line from the top; absent: the one that fits"
    )
    label: str = Field("", max_length=32, description="words before it on its line, as in LOT")
    pattern: Annotated[str, AfterValidator(_check_pattern)] = Field(
        "", max_length=200, description="regular expression all of it must fit"
    )
    allowed: str = Field("", max_length=128, description="signs it may hold; empty: any")
    is_capitals: bool = Field(
        True, description="print has no small letters that look like capitals"
    )
    zeros: Literal["any", "slashed"] = Field(
        "any", description="slashed: a 0 without a stroke or dot inside may be a letter O"
    )
    formats: tuple[Annotated[str, AfterValidator(check_format)], ...] = Field(
        (), description="for a date: %d %m %Y %y %b and what stands between them"
    )
    expected: str = Field("", max_length=200, description="what it must be, letter by letter")
    equal_to: str = Field(
        "", max_length=80, description="the value it must equal: job.NAME or TOOL.NAME"
    )
    must_not_be_expired: bool = Field(
        False, description="a date before the picture's, in UTC, is NOT_OK"
    )
    days_back_at_most: int | None = Field(
        None, ge=0, le=36_500, description="how far before the picture a date may lie"
    )
    days_ahead_at_most: int | None = Field(
        None, ge=0, le=36_500, description="how far after the picture a date may lie"
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.kind == "date") != bool(self.formats):
            raise ValueError(f"field {self.name!r}: a date needs formats, and only a date")
        if self.expected and self.equal_to:
            raise ValueError(f"field {self.name!r}: expected or equal_to, not both")
        if self.kind == "date" and self.pattern:
            raise ValueError(f"field {self.name!r}: the pattern of a date are its formats")
        dated = (self.days_back_at_most, self.days_ahead_at_most) != (None, None)
        if self.kind != "date" and (dated or self.must_not_be_expired):
            raise ValueError(f"field {self.name!r}: only a date can expire or lie too far away")
        if self.kind == "text" and not (self.pattern or self.expected or self.equal_to):
            raise ValueError(
                f"field {self.name!r}: any text would pass; give pattern, expected or equal_to"
            )
        self._check_signs()
        return self

    def _check_signs(self) -> None:
        """Refuse what could never be met, and dates that could mean two days."""
        if self.expected and not self.expected_plain:
            raise ValueError(f"field {self.name!r}: expected holds nothing but spaces")
        if self.is_capitals and as_capitals(self.expected) != self.expected:
            raise ValueError(
                f"field {self.name!r}: expected {self.expected!r} holds small letters that look "
                "like capitals; give is_capitals = false"
            )
        shapes: dict[str, str] = {}
        for written in self.formats:
            twin = shapes.setdefault(shape_of(written), written)
            if twin != written:
                raise ValueError(
                    f"field {self.name!r}: {twin} and {written} look the same, so that a date "
                    "could mean two days; keep the one that is printed"
                )
        try:
            self.spelling()
        except re.error as error:
            raise ValueError(
                f"field {self.name!r}: pattern {self.pattern!r} cannot stand after a label: "
                f"{error}; leave out back references, flags and the group name `value`"
            ) from None

    @property
    def has_expectation(self) -> bool:
        """There is a text it must equal."""
        return bool(self.expected or self.equal_to)

    @property
    def expected_plain(self) -> str:
        """`expected` without spaces."""
        return _plain(self.expected)

    def spelling(self) -> Spelling:
        """What may be written on its line."""
        value = self.pattern or _VALUES[self.kind]
        if self.kind == "date":
            value = "|".join(pattern_of(each) for each in self.formats)
        return Spelling(
            pattern=re.compile(f"{label_pattern(self.label)}(?P<value>{value})"),
            label=re.compile(label_pattern(self.label)),
            allowed=frozenset(self.allowed.replace(" ", "")) or None,
            is_capitals=self.is_capitals,
        )

    def wanted(self, frame: Frame) -> str | None:
        """What it must equal, without spaces; None where an earlier tool did not read it.

        Raises:
            JobValueError: the job did not say it.
        """
        if not self.equal_to:
            return self.expected_plain
        try:
            return _plain(frame.value(self.equal_to))
        except JobValueError:
            if self.equal_to.startswith(JOB):
                raise
            return None

    def equals(self, value: str, wanted: str, today: date) -> bool:
        """Letter by letter; dates by the day they mean, or the month where no day is printed."""
        if self.kind != "date":
            return value == wanted
        day, written = self.day_of(value, today)
        is_gs1 = not self.equal_to.startswith(JOB) and _GS1_DATE.fullmatch(self.equal_to)
        formats = (*(() if is_gs1 else self.formats), GS1_FORMAT, ISO_FORMAT)
        meant, wanted_format = _day_in(wanted, formats, today)
        if "%d" in written and "%d" in wanted_format:
            return day == meant
        return (day.year, day.month) == (meant.year, meant.month)

    def day_of(self, value: str, today: date) -> tuple[date, str]:
        """The day a printed date means, and its format.

        Raises:
            ValueError: there is no such day.
        """
        return _day_in(value, self.formats, today)

    def is_plausible(self, day: date, acquired_at: datetime) -> bool:
        """Whether a date lies as near to the picture as it should."""
        ahead = (day - acquired_at.date()).days
        back, forth = self.days_back_at_most, self.days_ahead_at_most
        return (back is None or -ahead <= back) and (forth is None or ahead <= forth)


def check_names(fields: tuple[TextField, ...]) -> tuple[TextField, ...]:
    """The same fields, if each has a name of its own.

    Raises:
        ValueError: two have the same.
    """
    counts: Mapping[str, int] = {
        field.name: sum(other.name == field.name for other in fields) for field in fields
    }
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"two fields are called {twice[0]!r}")
    return fields


def _plain(text: str) -> str:
    return "".join(text.split())


def _day_in(value: str, formats: tuple[str, ...], today: date) -> tuple[date, str]:
    problems = []
    for written in dict.fromkeys(formats):
        try:
            return parse_date(value, written, today), written
        except ValueError as error:
            problems.append(str(error))
    raise ValueError(problems[0])
