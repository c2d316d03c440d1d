"""What is written there: lines recognised, each field judged by pattern, date and expectation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from station.core.frame import Frame
from station.core.plugin import Check, Site, Tool
from station.core.reasons import ReasonCode
from station.core.region import Region
from station.core.result import Evaluation, Finding, decide
from station.tools.text_fields import TextField, check_names
from station.tools.text_findings import Place, Told
from station.vision.geometry import cut, whole
from station.vision.reading.lines import InkColour, LineSearch, find_lines
from station.vision.reading.looks import LOOKS, Line
from station.vision.reading.recogniser import RECOGNISER_SHA256, Recogniser, open_recogniser
from station.vision.reading.spelling import (
    NOTHING,
    Spelled,
    Spelling,
    differ_by_look,
    spell,
    twin_of,
)

_SURE_AT_ONCE = 0.3
"""One look is enough where it leaves no more than this share of the accept limit in doubt."""
_SECOND_LINE = 0.5
"""From this confidence on a second line that fits a field makes it ambiguous."""

ShareLimit = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """The line taken for a field."""

    line: Line
    spelled: Spelled
    second: str
    """What another line says that could be the field as well."""
    is_labelled: bool
    """Some line begins with the field's label, or it has none."""

    @property
    def has_slashed_zeros(self) -> bool:
        """No 0 of the value could be a letter O, where zeros have a stroke inside."""
        spelled = self.spelled
        return "0" not in spelled.value or self.line.has_slashed_zeros(spelled.line, spelled.value)


class ReadText(Tool, kind="read_text"):
    """Settings of a label's reading; the score is 1 minus the confidence of what was read.

    What must equal something is proven by `accept_limit`; what only fits a pattern, which a wrong
    digit does too, by the stricter `accept_limit_alone`.
    """

    fields: Annotated[tuple[TextField, ...], AfterValidator(check_names)] = Field(
        min_length=1, max_length=64, description="what is written there"
    )
    region: Region | None = Field(None, description="where the lines lie; all of it if absent")
    ink: InkColour = Field("dark", description="is the print darker or lighter than its ground")
    turned_at_most_deg: float = Field(6.0, ge=0, le=20, description="how oblique lines may lie")
    contrast_at_least_grey: float = Field(
        12.0, ge=4, le=200, description="what stands out less is no print"
    )
    accept_limit: ShareLimit = Field(0.10, description="where there is an expectation")
    accept_limit_alone: ShareLimit = Field(0.04, description="where there is only a pattern")
    reject_limit: ShareLimit = Field(0.60, description="above: unreadable")
    margin_at_least: float = Field(
        300.0, ge=1, le=1e6, description="how much likelier than its look-alike (8 and B, U and V)"
    )
    missing_reason: ReasonCode = "text_missing"
    unreadable_reason: ReasonCode = "text_unreadable"
    wrong_reason: ReasonCode = "text_wrong"
    mismatch_reason: ReasonCode = "text_mismatch"
    date_reason: ReasonCode = "date_invalid"
    expired_reason: ReasonCode = "date_expired"
    model_sha256: str = Field(
        RECOGNISER_SHA256, pattern=r"^[0-9a-f]{64}$", description="the approved recogniser"
    )

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        if max(self.accept_limit, self.accept_limit_alone) > self.reject_limit:
            raise ValueError("the accept limits must not be above reject_limit")
        return self

    def prepare(self, site: Site) -> Check:  # noqa: ARG002 - it lies in an installed package
        """Load the recogniser from verified bytes, once for all tools."""
        recogniser = open_recogniser(self.model_sha256)
        spellings = {field.name: field.spelling() for field in self.fields}

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame, recogniser, spellings)

        return Check(
            run=run,
            regions=self._regions(),
            models={recogniser.name: recogniser.sha256},
            reason_codes=frozenset(
                (self.missing_reason, self.unreadable_reason, self.wrong_reason,
                 self.mismatch_reason, self.date_reason, self.expired_reason)
            ),
            compares_with=tuple(field.equal_to for field in self.fields if field.equal_to),
        )  # fmt: skip

    def _regions(self) -> tuple[Region, ...] | None:
        regions = [field.region or self.region for field in self.fields]
        return None if None in regions else tuple(dict.fromkeys(r for r in regions if r))

    def _look(
        self, frame: Frame, recogniser: Recogniser, spellings: dict[str, Spelling]
    ) -> list[Finding]:
        seen: dict[Region | None, Place] = {}
        findings = []
        for field in self.fields:
            region = field.region or self.region
            if region not in seen:
                seen[region] = self._place(frame, region, recogniser)
            findings.append(self._judged(field, spellings[field.name], seen[region], frame))
        return findings

    def _place(self, frame: Frame, region: Region | None, recogniser: Recogniser) -> Place:
        crop = cut(frame.image, region)
        search = LineSearch(
            turned_at_most_deg=self.turned_at_most_deg,
            contrast_at_least_grey=self.contrast_at_least_grey,
            ink=self.ink,
        )
        lines = find_lines(crop, search)
        read = [Line(recogniser, crop, box, is_dark=lines.is_dark) for box in lines.boxes]
        return Place(region or whole(frame.image), lines, read)

    def _judged(self, field: TextField, spelling: Spelling, place: Place, frame: Frame) -> Finding:
        wanted = field.wanted(frame)
        told = Told(
            tool=self.name, field=field.name, accept_limit=self._accept(field),
            reject_limit=self.reject_limit, place=place,
        )  # fmt: skip
        if not place.read or (field.line or 0) > len(place.read):
            count = len(place.read)
            return told.absent(self.missing_reason, f"{count} lines of print where it must be")
        chosen = self._chosen(field, spelling, place)
        spelled = chosen.spelled
        told = replace(told, line=chosen.line, spelled=spelled)
        doubt = decide(
            1 - spelled.confidence, accept_limit=told.accept_limit, reject_limit=self.reject_limit
        )
        if doubt is not Evaluation.OK:
            return self._unread(chosen, doubt, told)
        if wanted is None:
            return told.open(self.mismatch_reason, f"{field.equal_to} was not read")
        content = self._content(field, spelled.value, wanted, frame)
        problem = self._doubt(field, spelling, chosen)
        is_other = bool(wanted) and not differ_by_look(spelled.value, wanted)
        if content is not None and (is_other or not problem):
            return told.no(*content)
        return told.open(self.unreadable_reason, problem) if problem else told.yes()

    def _unread(self, chosen: _Chosen, doubt: Evaluation, told: Told) -> Finding:
        """No line surely says what may stand there: one says something else, or it is not there."""
        spelled = chosen.spelled
        if spelled.other_confidence < 1 - told.accept_limit:
            return told.unsure(doubt, self.unreadable_reason, "cannot be read surely")
        if not chosen.is_labelled:
            return told.absent(self.missing_reason, "no line begins with its label")
        return told.no(self.wrong_reason, f"{spelled.other!r} may not stand there")

    def _chosen(self, field: TextField, spelling: Spelling, place: Place) -> _Chosen:
        """The field's line and what it says; where none says what it may, the least clear one."""
        lines = place.read if field.line is None else [place.read[field.line - 1]]
        accept = self._accept(field)
        read = [(line, self._read(line, spelling, accept)) for line in lines]
        read.sort(key=lambda pair: -pair[1].confidence)
        if field.expected:
            # Searched among all lines: which one it is, is not what is judged.
            read.sort(key=lambda pair: pair[1].value != field.expected_plain)
        line, spelled = read[0]
        if 1 - spelled.confidence >= self.reject_limit:
            line, spelled = min(read, key=lambda pair: pair[1].surest)
        seconds = [
            other.value for _, other in read[1:]
            if other.confidence >= _SECOND_LINE and other.value != spelled.value
        ]  # fmt: skip
        return _Chosen(
            line=line,
            spelled=spelled,
            second="" if field.expected or not seconds else seconds[0],
            is_labelled=any(spelling.has_label(one.line or one.other) for _, one in read),
        )

    def _read(self, line: Line, spelling: Spelling, accept: float) -> Spelled:
        """Look again until it is sure: that it says something, or that it says something else."""
        spelled = NOTHING
        for looks in range(1, len(LOOKS) + 1):
            spelled = spell(line.readings(looks), spelling)
            if 1 - spelled.surest <= _SURE_AT_ONCE * accept and self._is_clear(spelled):
                break
        return spelled

    def _content(
        self, field: TextField, value: str, wanted: str, frame: Frame
    ) -> tuple[str, str] | None:
        """The reason and the words why what is surely read is wrong; None where it is right."""
        today = frame.acquired_at.date()
        if field.kind == "date":
            try:
                day, _ = field.day_of(value, today)
            except ValueError as error:
                return self.date_reason, str(error)
            if field.must_not_be_expired and day < today:
                return self.expired_reason, f"{day} has passed"
            if not field.is_plausible(day, frame.acquired_at):
                return self.date_reason, f"{day} is too far from {today}"
        if field.has_expectation and not _equal(field, value, wanted, frame):
            return self.mismatch_reason, f"{value!r} must be {wanted!r}"
        return None

    def _doubt(self, field: TextField, spelling: Spelling, chosen: _Chosen) -> str:
        """Why what reads well is not yet proven; "" where it is."""
        spelled = chosen.spelled
        if chosen.line.is_cut_off:
            return "it reaches the edge of the region, signs may be missing"
        if chosen.second:
            return f"another line says {chosen.second!r}"
        if field.zeros == "slashed" and not chosen.has_slashed_zeros:
            return "a 0 without a stroke inside may be a letter O"
        twin = "" if field.expected else twin_of(spelled, spelling)
        if twin:
            return f"it could be {twin!r}: give a pattern that only one of them fits"
        return "" if self._is_clear(spelled) else f"it could be {spelled.rival!r}"

    def _is_clear(self, spelled: Spelled) -> bool:
        return spelled.confidence >= self.margin_at_least * spelled.rival_confidence

    def _accept(self, field: TextField) -> float:
        return self.accept_limit if field.has_expectation else self.accept_limit_alone


def _equal(field: TextField, value: str, wanted: str, frame: Frame) -> bool:
    try:
        return field.equals(value, wanted, frame.acquired_at.date())
    except ValueError:  # what it must equal is no date: then it does not equal it
        return False
