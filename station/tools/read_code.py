"""What the codes say: every code that must be there, read for sure, with the right content."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool
from station.core.reasons import ReasonCode
from station.core.region import Region
from station.core.result import Finding
from station.tools.code_findings import Reasons, Rules, findings_of
from station.vision.codes.content import CheckDigit
from station.vision.codes.ladder import Search, Seen, read_codes
from station.vision.codes.likeness import find_patch, is_two_toned
from station.vision.codes.quality import Quality, measure_quality
from station.vision.codes.reading import AddOn, Place, place_of
from station.vision.codes.symbologies import Symbology

ValueName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+\.[A-Za-z0-9_.]+$")]
Identifier = Annotated[str, Field(pattern=r"^\d{2,4}$")]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Listed = BeforeValidator(_listed)


class ReadCode(Tool, kind="read_code"):
    """Settings of a reader of codes; the score is 1 for a code missing, unreadable or wrong.

    It is 0 for a code that is read for sure and says what it must, and 0.5 where a person must
    look: the looks at it disagree, or there is another code and nothing says which one counts.
    """

    symbologies: Annotated[tuple[Symbology, ...], Listed] = Field(
        min_length=1, description="the kinds of codes that may be there; others are not read"
    )
    region: Region | None = Field(None, description="where to look; all of the image if absent")
    margin_px: float = Field(
        0.0, ge=0, le=4000, description="how far around the region is looked too, on a retry"
    )
    full_image: bool = Field(
        False,
        description="look at all of the image too, on a retry; codes of neighbours count then",
    )
    count: int = Field(1, ge=1, le=64, description="how many codes must be there")
    expected: Annotated[tuple[str, ...], Listed] = Field(
        (), description="the texts that must be there, each on a code of its own"
    )
    expected_values: Annotated[tuple[ValueName, ...], Listed] = Field(
        (), description="such texts by name: job.NAME, or what an earlier tool read, TOOL.NAME"
    )
    pattern: str = Field(
        "", max_length=512, description="a regular expression every code's whole text must match"
    )
    check_digit: CheckDigit = Field(
        "none", description="the rule by which the last character must follow from the others"
    )
    gs1: bool = Field(False, description="codes must be GS1 codes with sound element strings")
    required_identifiers: tuple[Identifier, ...] = Field(
        (), description="GS1 application identifiers every code must carry, as 01, 10, 17"
    )
    identifier_texts: Mapping[Identifier, str] = Field(
        {}, description="GS1 application identifier -> the text it must be, as a fixed GTIN for 01"
    )
    identifier_values: Mapping[Identifier, ValueName] = Field(
        {}, description="GS1 application identifier -> the value it must have, as job.lot"
    )
    add_on: AddOn = Field("ignore", description="the two or five digits beside an EAN or UPC code")
    agreement: int = Field(1, ge=1, le=8, description="how many looks must at least read the same")
    retry_megapixels: float = Field(
        10.0, ge=0, le=200, description="what retries may cost; a megapixel takes 2 to 20 ms of CPU"
    )
    grade_at_least: float | None = Field(
        None, gt=0, le=4, description="worst print quality, 4 best (like ISO 15415); absent: any"
    )
    missing_reason: ReasonCode = "code_missing"
    unreadable_reason: ReasonCode = "code_unreadable"
    wrong_reason: ReasonCode = "code_wrong"
    poor_reason: ReasonCode = "code_poor"

    @model_validator(mode="after")
    def _rules_fit(self) -> Self:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(
                f"pattern {self.pattern!r} is no regular expression: {error}"
            ) from None
        named = len(self.expected) + len(self.expected_values)
        if named and self.count not in (1, named):
            raise ValueError(f"count is {self.count}, but {named} texts are expected")
        twice = sorted({*self.identifier_texts} & {*self.identifier_values})
        if twice:
            raise ValueError(f"({twice[0]}) has a text and a value; leave one out")
        for text in (*self.expected, *self.identifier_texts.values()):
            if re.fullmatch(r"job\.[a-z0-9_]+", text):
                raise ValueError(
                    f"{text!r} would be taken letter by letter; what the job says is compared "
                    "with expected_values or identifier_values"
                )
        if "" in self.expected:
            raise ValueError("an empty text cannot be expected; leave it out")
        return self

    def prepare(self, site: Site) -> Check:
        """Settle the rules; nothing is loaded."""
        del site
        reasons = Reasons(
            missing=self.missing_reason,
            unreadable=self.unreadable_reason,
            wrong=self.wrong_reason,
            poor=self.poor_reason,
        )

        def run(frame: Frame) -> Sequence[Finding]:
            return self._look(frame, reasons)

        return Check(
            run=run,
            regions=(self.region,) if self.region else None,
            reason_codes=reasons.all,
            compares_with=(*self.expected_values, *self.identifier_values.values()),
        )

    def _look(self, frame: Frame, reasons: Reasons) -> list[Finding]:
        rules = self._rules(frame)
        places = self._places(frame.image)
        search = Search(
            symbologies=self.symbologies,
            count=rules.count,
            add_on=self.add_on,
            agreement=self.agreement,
            retry_megapixels=self.retry_megapixels,
        )
        seen = read_codes(places, search)
        qualities = _qualities(frame.image, seen)
        spot = None if len(seen.sure) >= rules.count else _unreadable(places, seen)
        return findings_of(
            self.name, seen, qualities, rules, reasons, looked=places[0].corners, spot=spot
        )

    def _rules(self, frame: Frame) -> Rules:
        """What must be there on this part.

        Raises:
            JobValueError: a value that is compared with is not known.
        """
        wanted = (*self.expected, *(frame.value(name) for name in self.expected_values))
        named = {key: frame.value(name) for key, name in self.identifier_values.items()}
        elements = {**self.identifier_texts, **named}
        return Rules(
            count=len(wanted) or self.count,
            wanted=wanted,
            pattern=self.pattern,
            check_digit=self.check_digit,
            is_gs1=self.gs1 or bool(self.required_identifiers) or bool(elements),
            identifiers=self.required_identifiers,
            elements=elements,
            grade_at_least=self.grade_at_least,
        )

    def _places(self, image: Image) -> list[Place]:
        """Where to look, the tightest place first."""
        places = [place_of(image, self.region)]
        if self.region and self.margin_px:
            places.append(place_of(image, self.region, margin_px=self.margin_px))
        if self.region and self.full_image:
            places.append(place_of(image, None))
        return places


def _unreadable(places: Sequence[Place], seen: Seen) -> NDArray[np.float64] | None:
    """Where something is like a code and was not read: its corners in the image."""
    for reading in seen.damaged:
        if is_two_toned(places[-1].around(reading.corners, 0).image):
            return reading.corners
    patch = None if seen.sure else find_patch(places[0].image)
    return places[0].to_image(np.array(patch.corners)) if patch else None


def _qualities(image: Image, seen: Seen) -> list[Quality]:
    if not seen.sure:
        return []
    grey = place_of(image, None).image
    return [measure_quality(grey, reading) for reading in seen.sure]
