"""What a PLC asks for, checked word by word."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from station.api.plc.answers import part_number
from station.core.errors import SettingsError
from station.core.frame import Job
from station.core.plc_words import SEQUENCE_AT_MOST

MOST_MS = 600_000
_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A trigger, whichever door it came through."""

    seq: int = 0
    """0: the station gives the number."""
    part_id: str = ""
    deadline_ms: int | None = None
    encoder_count: int | None = None
    gate_delay_ms: int | None = None
    is_awaited: bool = True

    @property
    def part(self) -> int:
        """The part as a PLC gets it back."""
        return part_number(self.part_id)

    def as_job(self) -> Job:
        """The job the line gets; only a number the PLC gave counts as one of its sequence."""
        return Job(
            part_id=self.part_id,
            trigger_sequence=self.seq or None,
            deadline_ms=self.deadline_ms,
            encoder_count=self.encoder_count,
            gate_delay_ms=self.gate_delay_ms,
        )


def order_of(words: Mapping[str, str]) -> Order:
    """A trigger from the words of a request.

    Raises:
        SettingsError: a word is unknown, or its value out of range.
    """
    only(words, "seq", "part", "wait", "deadline_ms", "encoder", "gate_ms")
    return Order(
        seq=number(words, "seq", 0, SEQUENCE_AT_MOST, default=0),
        part_id=part(words.get("part", "")),
        deadline_ms=number(words, "deadline_ms", 1, MOST_MS) if "deadline_ms" in words else None,
        encoder_count=(
            number(words, "encoder", -SEQUENCE_AT_MOST - 1, SEQUENCE_AT_MOST)
            if "encoder" in words
            else None
        ),
        gate_delay_ms=number(words, "gate_ms", 0, MOST_MS) if "gate_ms" in words else None,
        is_awaited=bool(number(words, "wait", 0, 1, default=1)),
    )


def only(words: Mapping[str, str], *names: str) -> None:
    """Let only these words through.

    Raises:
        SettingsError: there is another one.
    """
    strange = sorted(set(words) - set(names))
    if strange:
        raise SettingsError(f"{', '.join(strange)}: no word of this request ({', '.join(names)})")


def number(
    words: Mapping[str, str], name: str, least: int, most: int, default: int | None = None
) -> int:
    """A whole number in decimal digits.

    Raises:
        SettingsError: it is missing without a default, no number, or out of range.
    """
    word = words.get(name)
    if word is None and default is not None:
        return default
    if word is None or not _NUMBER.fullmatch(word) or not least <= int(word) <= most:
        raise SettingsError(f"{name} must be a number from {least} to {most}, got {word!r}")
    return int(word)


def part(word: str) -> str:
    """A part's id; empty where there is none, as with the 0 of a register never written.

    Raises:
        SettingsError: it is too long or has other signs.
    """
    if word and not _PART.fullmatch(word):
        raise SettingsError(f"part {word!r} must be up to 32 letters, digits, '-', '_', '.'")
    return word if word.strip("0") else ""
