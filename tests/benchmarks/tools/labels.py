"""labels: rendered labels in five fonts, read; and such that say something else than they must."""

import string
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from station.core.frame import Frame, Image
from station.core.plugin import Check, Site, Tool, parse
from station.core.result import Evaluation, Finding
from station.sources.synthetic.lettering import FONTS, letter
from tests.benchmarks.tools.figures import Figures

LABELS, WRONG_LABELS, O_LABELS = 200, 100, 60
EXACT_ASKED = 0.98
FIRST_SEED, FIRST_WRONG_SEED, FIRST_O_SEED = 910_000, 920_000, 930_000
"""No label with such a seed was looked at while the reading was made."""
WIDTH_PX, HEIGHT_PX = 560, 320
LEAST_CONTRAST_GREY = 35.0
_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_LETTERS = "".join(sign for sign in string.ascii_uppercase if sign not in "IO")
_CONFUSED = ("8B", "5S", "2Z", "6G", "UV", "38", "17", "69", "08", "MN", "EF", "CG", "PR", "DQ")
_SLASHED = ("dots", "strokes", "sans")
"""Fonts whose zero has a stroke inside."""
_SETTINGS: dict[str, Any] = {
    "kind": "read_text",
    "name": "label",
    "fields": [
        {
            "name": "lot", "kind": "lot", "label": "LOT", "pattern": r"[A-HJ-NP-Z]{2}\d{6}",
            "equal_to": "job.lot",
        },
        {
            "name": "expiry", "kind": "date", "label": "EXP", "formats": ["%d.%m.%Y"],
            "equal_to": "code.17", "must_not_be_expired": True,
        },
        {"name": "serial", "kind": "number", "label": "SN", "pattern": r"\d{8}"},
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """What is printed on a label."""

    lot: str
    expiry: str
    serial: str

    @property
    def lines(self) -> tuple[str, str, str]:
        """As printed, top to bottom."""
        return f"LOT {self.lot}", f"EXP {self.expiry}", f"SN {self.serial}"


@dataclass(slots=True)
class Tally:
    """What came out, field by field."""

    fields: int = 0
    exact: int = 0
    wrong_passed: int = 0
    cpu_s: float = 0.0
    evaluations: Counter[Evaluation] = field(default_factory=Counter)


def measure(data: Path) -> Figures:
    """200 labels that are right, 100 on which one character is not what it must be."""
    del data
    cv2.setNumThreads(1)
    check = parse(Tool, _SETTINGS).prepare(Site(model_dirs=()))
    right, by_font = _right_labels(check)
    wrong = _wrong_labels(check)
    letters, zeros = _letters_o()
    o_passed = f"{letters} of {O_LABELS} passed; {zeros} of {O_LABELS} right ones left open for it"
    exact = right.exact / right.fields
    fonts = ", ".join(f"{font} {share:.3f}" for font, share in by_font.items())
    passed = right.wrong_passed + wrong.wrong_passed
    share = f"{exact:.4f} (asked {EXACT_ASKED}) of {right.fields} fields on {LABELS} labels"
    where = f"{right.wrong_passed} misread, {wrong.wrong_passed} of {wrong.fields} changed ones"
    lines = (
        f"exact {share}: {fonts}",
        f"wrong fields passed {passed} (asked 0): {where}",
        f"right fields: {_verdicts(right)}; fields with one sign changed: {_verdicts(wrong)}",
        f"O for 0, fonts with slashed zeros, zeros = slashed: {o_passed}",
        f"{right.cpu_s / LABELS * 1e3:.0f} ms CPU a label of three lines (mean)",
    )
    numbers = {
        "exact": exact,
        "wrong_passed": passed,
        "letters_o_passed": letters,
        "passed": right.evaluations[Evaluation.OK] / right.fields,
        "cpu_ms": right.cpu_s / LABELS * 1e3,
    }
    return Figures(lines, numbers)


def _verdicts(tally: Tally) -> str:
    seen = tally.evaluations
    return (
        f"{seen[Evaluation.OK]} passed, {seen[Evaluation.NOT_DECIDABLE]} not decidable, "
        f"{seen[Evaluation.NOT_OK]} rejected"
    )


def _right_labels(check: Check) -> tuple[Tally, Mapping[str, float]]:
    tally, exact, fields = Tally(), Counter[str](), Counter[str]()
    for number in range(LABELS):
        rng = np.random.default_rng(FIRST_SEED + number)
        font = tuple(FONTS)[number % len(FONTS)]
        text = draw_text(rng)
        image = print_label(text, font, rng)
        started = time.process_time()
        findings = check.run(_frame(image, text))
        tally.cpu_s += time.process_time() - started
        for finding, printed in zip(findings, (text.lot, text.expiry, text.serial), strict=True):
            is_exact = tuple(finding.read.values()) == (printed,)
            tally.fields, fields[font] = tally.fields + 1, fields[font] + 1
            tally.exact, exact[font] = tally.exact + is_exact, exact[font] + is_exact
            tally.wrong_passed += finding.evaluation is Evaluation.OK and not is_exact
            tally.evaluations[finding.evaluation] += 1
    return tally, {font: exact[font] / fields[font] for font in FONTS}


def _wrong_labels(check: Check) -> Tally:
    """What is printed differs by one character from what the job or the code says."""
    tally = Tally()
    for number in range(WRONG_LABELS):
        rng = np.random.default_rng(FIRST_WRONG_SEED + number)
        wanted = draw_text(rng)
        printed = _with_other_sign(wanted, rng, in_lot=number % 2 == 0)
        image = print_label(printed, tuple(FONTS)[number // 2 % len(FONTS)], rng)
        findings = check.run(_frame(image, wanted))
        finding: Finding = findings[0 if number % 2 == 0 else 1]
        tally.fields += 1
        tally.wrong_passed += finding.evaluation is Evaluation.OK
        tally.evaluations[finding.evaluation] += 1
    return tally


def _letters_o() -> tuple[int, int]:
    """Numbers with one O for a 0 that passed; such with a 0 that are left open for want of it."""
    told = [{**field, "zeros": "slashed"} for field in _SETTINGS["fields"]]
    check = parse(Tool, {**_SETTINGS, "fields": told}).prepare(Site(model_dirs=()))
    passed = doubted = 0
    for number in range(O_LABELS):
        font = _SLASHED[number % len(_SLASHED)]
        for sign in "0O":
            rng = np.random.default_rng(FIRST_O_SEED + number)
            text, place = draw_text(rng), int(rng.integers(8))
            serial = text.serial[:place] + sign + text.serial[place + 1 :]
            image = print_label(replace(text, serial=serial), font, rng)
            finding = check.run(_frame(image, text))[2]
            passed += sign == "O" and finding.evaluation is Evaluation.OK
            doubted += sign == "0" and "letter O" in finding.text
    return passed, doubted


def draw_text(rng: Generator) -> Text:
    """A lot of two letters and six digits, a day from 2027 to 2035, a serial number."""
    lot = "".join(rng.choice(list(_LETTERS), 2)) + "".join(map(str, rng.integers(0, 10, 6)))
    day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(2027, 2036)
    serial = "".join(map(str, rng.integers(0, 10, 8)))
    return Text(lot, f"{day:02d}.{month:02d}.{year}", serial)


def print_label(text: Text, font: str, rng: Generator) -> Image:
    """The label as a camera sees it: grey [320, 560], uint8.

    Letters 18 to 33 px high, 35 to 140 grey levels darker than the paper, turned by up to 5
    degrees, uneven light, blur of 0.4 to 1.4 px, noise of 1 to 4.5 grey levels.
    """
    height, contrast = int(rng.integers(18, 34)), float(rng.uniform(LEAST_CONTRAST_GREY, 140))
    cover = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    for number, line in enumerate(text.lines):
        ink = letter(line, font, height)
        top = 70 + round(number * 1.9 * height)
        cover[top : top + ink.shape[0], 50 : 50 + ink.shape[1]] = ink
    paper = rng.uniform(contrast + 30, 235)
    picture = paper - contrast / 255 * cover
    middle = (WIDTH_PX / 2, HEIGHT_PX / 2)
    turn = cv2.getRotationMatrix2D(middle, rng.uniform(-5, 5), 1.0)
    turned = cv2.warpAffine(
        picture, turn, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    lit = turned * (1 + rng.uniform(-0.08, 0.08) * np.linspace(-1, 1, WIDTH_PX)[None, :])
    blurred = cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.4, 1.4))
    noisy = blurred + rng.normal(0, rng.uniform(1, 4.5), blurred.shape)
    return np.asarray(np.clip(noisy, 0, 255)).astype(np.uint8)


def _frame(image: Image, wanted: Text) -> Frame:
    day, month, year = wanted.expiry.split(".")
    return Frame(
        image=image,
        camera_id="labels",
        sequence=1,
        acquired_at=_NOW,
        values={"job.lot": wanted.lot, "code.17": year[2:] + month + day},
    )


def _with_other_sign(text: Text, rng: Generator, *, in_lot: bool) -> Text:
    """One sign changed for another of its kind; where there is one, for one it is confused with."""
    before = text.lot if in_lot else text.expiry
    while True:
        place = int(rng.integers(len(before)))
        if before[place] == ".":
            continue
        kind = string.digits if before[place].isdigit() else _LETTERS
        alike = {sign for pair in _CONFUSED if before[place] in pair for sign in pair}
        choices = sorted((alike & set(kind)) - {before[place]}) or sorted(set(kind))
        sign = str(rng.choice(choices))
        if sign != before[place]:
            after = before[:place] + sign + before[place + 1 :]
            return replace(text, lot=after) if in_lot else replace(text, expiry=after)
