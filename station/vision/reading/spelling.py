"""Which of the likely texts a field may hold, and how sure it is that it holds that one."""

import re
from dataclasses import dataclass

from station.vision.reading.decoding import Readings

SAME_SHAPE = ("0O", "1Il|", ".,", ";:")
"""Signs nobody can tell apart by their shape alone."""
LOOK_ALIKE = ("0OQD", "1Il|7", "5S", "8B3", "2Z", "6G", "UV", "4A")
"""Signs that are confused in poor print."""
_SMALL = str.maketrans("cosvwxzukp", "COSVWXZUKP")
"""Small letters that differ from the capital in size alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """What may be written on a field's line: the group `value` of the pattern is the field."""

    pattern: re.Pattern[str]
    label: re.Pattern[str]
    """How its line begins; fits everything where the field has no label."""
    allowed: frozenset[str] | None = None
    """What the value may be made of; None: of anything."""
    is_capitals: bool = True
    """Small letters that look like capitals are capitals."""

    def value_of(self, text: str) -> str | None:
        """What the field says if `text` is its line; None where that may not stand there.

        Nothing at all may never stand there, whatever the pattern: an empty field is no field.
        """
        match = self.pattern.fullmatch(text)
        value = match.group("value") if match else ""
        if not value:
            return None
        return value if self.allowed is None or self.allowed.issuperset(value) else None

    def has_label(self, text: str) -> bool:
        """The line begins as the field's does."""
        return self.label.match(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """What a field says, and what it might say instead; probabilities from 0 to 1."""

    value: str = ""
    line: str = ""
    """The likeliest line that says so."""
    confidence: float = 0.0
    rival: str = ""
    """The likeliest that differs in look-alikes only, be it one that may stand there or not."""
    rival_confidence: float = 0.0
    other: str = ""
    """The likeliest line that may not stand there."""
    other_confidence: float = 0.0

    @property
    def surest(self) -> float:
        """How sure it is what the line says, be it the field or something else."""
        return max(self.confidence, self.other_confidence)


NOTHING = Spelled()


def spell(readings: Readings, spelling: Spelling) -> Spelled:
    """The likeliest value that may stand in a field, with the probability it was read with.

    What may not stand there is left out and nothing is renormalised: a pattern chooses among
    readings and makes none of them surer.
    """
    values: dict[str, float] = {}
    lines: dict[str, str] = {}
    others: dict[str, float] = {}
    for read, probability in readings.items():
        text = as_capitals(read) if spelling.is_capitals else read
        value = spelling.value_of(text)
        if value is None:
            others[text] = others.get(text, 0.0) + probability
        else:
            values[value] = values.get(value, 0.0) + probability
            lines.setdefault(value, text)
    other = max(others, key=lambda text: others[text], default="")
    if not values:
        return Spelled(other=other, other_confidence=min(others.get(other, 0.0), 1.0))
    best = max(values, key=lambda value: values[value])
    # A letter among digits may not stand there, and yet be what is printed.
    ends = {text[-len(best) :]: share for text, share in reversed(others.items())}
    alike = {value: share for value, share in (ends | values).items() if value != best}
    alike = {value: share for value, share in alike.items() if differ_by_look(value, best)}
    rival = max(alike, key=lambda value: alike[value], default="")
    return Spelled(
        value=best, line=lines[best], confidence=min(values[best], 1.0), rival=rival,
        rival_confidence=alike.get(rival, 0.0), other=other,
        other_confidence=min(others.get(other, 0.0), 1.0),
    )  # fmt: skip


def twin_of(spelled: Spelled, spelling: Spelling) -> str:
    """Another value of exactly the same shape that may stand there too (`O` for `0`), or ""."""
    value = spelled.value
    start = spelled.line.rfind(value)
    for place, sign in enumerate(value):
        for other in next((group for group in SAME_SHAPE if sign in group), ""):
            twin = value[:place] + other + value[place + 1 :]
            line = spelled.line[:start] + twin + spelled.line[start + len(value) :]
            if other != sign and spelling.value_of(line) == twin:
                return twin
    return ""


def as_capitals(text: str) -> str:
    """The text with capitals for the small letters that differ from them in size alone."""
    return text.translate(_SMALL)


def differ_by_look(one: str, other: str) -> bool:
    """True where two texts differ only in signs that are confused in poor print."""
    if len(one) != len(other):
        return False
    groups = (*SAME_SHAPE, *LOOK_ALIKE)
    return all(
        a == b or any(a in group and b in group for group in groups)
        for a, b in zip(one, other, strict=True)
    )


def label_pattern(label: str) -> str:
    """The pattern of the words before a value; there signs of one shape are one, a colon is free.

    A label is known beforehand and proves nothing: only what follows it is judged.
    """
    plain = label.replace(" ", "")
    signs = [next((group for group in SAME_SHAPE if sign in group), sign) for sign in plain]
    either = "".join(f"[{re.escape(group + group.translate(_SMALL))}]" for group in signs)
    return either + ("[:.;,]?" if plain else "")
