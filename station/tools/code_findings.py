"""From codes read to findings: what is wrong, missing, unreadable, poor, or cannot be decided."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.core.region import Polygon
from station.core.result import Evaluation, Finding, decide
from station.vision.codes.content import (
    CheckDigit,
    ContentError,
    elements_of,
    has_check_digit,
    readable,
)
from station.vision.codes.ladder import Seen
from station.vision.codes.quality import Quality
from station.vision.codes.reading import Reading

RIGHT, UNDECIDED, WRONG = 0.0, 0.5, 1.0
BEST_GRADE = 4.0
LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """The recipe's reason code for each fault."""

    missing: str
    unreadable: str
    wrong: str
    poor: str

    @property
    def all(self) -> frozenset[str]:
        """Every one of them."""
        return frozenset((self.missing, self.unreadable, self.wrong, self.poor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What must be on one part."""

    count: int
    wanted: tuple[str, ...] = ()
    pattern: str = ""
    check_digit: CheckDigit = "none"
    is_gs1: bool = False
    identifiers: tuple[str, ...] = ()
    elements: Mapping[str, str]
    """GS1 application identifier -> the value it must have."""
    grade_at_least: float | None = None


def findings_of(
    tool: str,
    seen: Seen,
    qualities: Sequence[Quality],
    rules: Rules,
    reasons: Reasons,
    *,
    looked: NDArray[np.float64],
    spot: NDArray[np.float64] | None,
) -> list[Finding]:
    """A finding for each code read, for all that are missing or unreadable, for each too poor.

    Args:
        tool: its name.
        seen: what the search came to.
        qualities: of each code that was read for sure.
        rules: what must be on the part.
        reasons: the recipe's reason codes.
        looked: corners of the place that was searched.
        spot: corners of what is like a code there and was not read.
    """
    found = [*_contents(tool, seen, qualities, rules, reasons)]
    found += _doubts(tool, seen, reasons)
    if not found or (len(seen.sure) < rules.count and not seen.unsure):
        found += [_absence(tool, seen, rules, reasons, looked, spot)]
    return [*found, *_poor(tool, seen, qualities, rules, reasons)]


def fault_of(reading: Reading, rules: Rules) -> str:
    """What is wrong with the content of one code; empty if nothing is."""
    if rules.wanted and not any(_is_text(reading, text) for text in rules.wanted):
        return f"expected {' or '.join(_short(text) for text in rules.wanted)}"
    if rules.pattern and not re.fullmatch(rules.pattern, _matched(reading)):
        return f"does not match {rules.pattern}"
    if not has_check_digit(reading.text, rules.check_digit):
        return f"its check digit ({rules.check_digit}) is wrong"
    return _fault_of_gs1(reading, rules) if rules.is_gs1 else ""


def _fault_of_gs1(reading: Reading, rules: Rules) -> str:
    try:
        elements = elements_of(reading)
    except ContentError as error:
        return str(error)
    for identifier in (*rules.identifiers, *rules.elements):
        if identifier not in elements:
            return f"({identifier}) is not in it"
    for identifier, value in rules.elements.items():
        if elements[identifier] != value:
            return f"({identifier}) is {elements[identifier]}, expected {_short(value)}"
    return ""


def _is_text(reading: Reading, text: str) -> bool:
    """The same text; a UPC of 12 digits is read as an EAN of 13, with a zero before it."""
    said = _matched(reading)
    return said == text or (reading.symbology in ("upc_a", "upc_e") and said == f"0{text}")


def _counts(seen: Seen) -> dict[str, float]:
    """How many looks it took, and what they found; undecoded things may be mere chance."""
    return {"looks": seen.looks, "codes": len(seen.sure), "undecoded": len(seen.damaged)}


def _matched(reading: Reading) -> str:
    """The text; of bytes without one, them in hexadecimal."""
    return reading.text or reading.raw.hex()


def _contents(
    tool: str,
    seen: Seen,
    qualities: Sequence[Quality],
    rules: Rules,
    reasons: Reasons,
) -> Iterator[Finding]:
    """One finding for each code read for sure."""
    reads = _apart([_read(reading, rules) for reading in seen.sure])
    is_ambiguous = (
        not rules.wanted and len({(one.text, one.raw) for one in seen.sure}) > rules.count
    )
    for reading, quality, read in zip(seen.sure, qualities, reads, strict=True):
        fault = fault_of(reading, rules)
        score = WRONG if fault else UNDECIDED if is_ambiguous else RIGHT
        doubt = "another code is there too, and nothing says which one counts"
        why = fault or (doubt if is_ambiguous else "")
        said = f"{reading.symbology} {_short(readable(reading))}"
        yield _finding(
            tool, score, reasons.wrong, reading.corners, f"{said}: {why}" if why else said,
            measured={**quality.measured, **_counts(seen)},
            read=read if not is_ambiguous else {},
        )  # fmt: skip
    yield from _unmet(tool, seen, rules, reasons)


def _unmet(tool: str, seen: Seen, rules: Rules, reasons: Reasons) -> Iterator[Finding]:
    """Enough codes, and yet an expected text on none of them, as one text twice."""
    if len(seen.sure) < rules.count or any(fault_of(one, rules) for one in seen.sure):
        return
    left = list(seen.sure)
    for text in rules.wanted:
        match = next((one for one in left if _is_text(one, text)), None)
        if match is None:
            corners = seen.sure[0].corners
            yield _finding(tool, WRONG, reasons.wrong, corners, f"no code says {_short(text)}")
            return
        left.remove(match)


def _doubts(tool: str, seen: Seen, reasons: Reasons) -> Iterator[Finding]:
    """Readings not enough looks agree on; what they say is told, and counts for nothing."""
    for reading in seen.unsure:
        said = f"{reading.symbology} read as {_short(readable(reading))}, but not surely"
        yield _finding(tool, UNDECIDED, reasons.unreadable, reading.corners, said)


def _absence(
    tool: str,
    seen: Seen,
    rules: Rules,
    reasons: Reasons,
    looked: NDArray[np.float64],
    spot: NDArray[np.float64] | None,
) -> Finding:
    """One finding for all the codes that were not read."""
    few = f"{rules.count - len(seen.sure)} of {rules.count} codes not read"
    measured = _counts(seen)
    if spot is None:
        said = f"{few}: nothing like a code is there"
        return _finding(tool, WRONG, reasons.missing, looked, said, measured=measured)
    said = f"{few}: something like a code is there"
    return _finding(tool, WRONG, reasons.unreadable, spot, said, measured=measured)


def _poor(
    tool: str,
    seen: Seen,
    qualities: Sequence[Quality],
    rules: Rules,
    reasons: Reasons,
) -> Iterator[Finding]:
    """One finding for each code whose quality is limited; the score is what a grade lacks to 4."""
    if rules.grade_at_least is None:
        return
    limit = BEST_GRADE - rules.grade_at_least
    reject_limit = float(np.nextafter(limit, np.inf))
    for reading, quality in zip(seen.sure, qualities, strict=True):
        score = BEST_GRADE - quality.grade
        evaluation = decide(score, accept_limit=limit, reject_limit=reject_limit)
        yield Finding(
            tool=tool,
            evaluation=evaluation,
            reason_code=None if evaluation is Evaluation.OK else reasons.poor,
            score=score,
            accept_limit=limit,
            reject_limit=reject_limit,
            region=_polygon(reading.corners),
            measured=quality.measured,
            text=f"grade {quality.grade:.1f} of 4",
        )


def _finding(
    tool: str,
    score: float,
    reason: str,
    corners: NDArray[np.float64],
    text: str,
    *,
    measured: Mapping[str, float] | None = None,
    read: Mapping[str, str] | None = None,
) -> Finding:
    evaluation = decide(score, accept_limit=RIGHT, reject_limit=WRONG)
    return Finding(
        tool=tool,
        evaluation=evaluation,
        reason_code=None if evaluation is Evaluation.OK else reason,
        score=score,
        accept_limit=RIGHT,
        reject_limit=WRONG,
        region=_polygon(corners),
        measured=measured or {},
        text=text,
        read=read or {},
    )


def _read(reading: Reading, rules: Rules) -> dict[str, str]:
    """Symbology, text or bytes, and of a sound GS1 code its elements by identifier."""
    read: dict[str, str] = {"symbology": reading.symbology}
    if reading.text:
        read["text"] = reading.text
    if not reading.is_text:
        read["hex"] = reading.raw.hex()
    try:
        return read | (elements_of(reading) if reading.is_gs1 or rules.is_gs1 else {})
    except ContentError:
        return read


def _apart(reads: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """What several codes say differently gets their number, so that no one stands for all."""
    names = {name for read in reads for name in read}
    shared = {name for name in names if len({read.get(name) for read in reads}) == 1}
    return [
        {name if name in shared else f"{name}_{number}": value for name, value in read.items()}
        for number, read in enumerate(reads, 1)
    ]


def _polygon(corners: NDArray[np.float64]) -> Polygon:
    return Polygon(points=tuple((round(float(x), 1), round(float(y), 1)) for x, y in corners))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
