"""What the text of a code says: check digits, and GS1 element strings by application identifier."""

from collections.abc import Callable
from typing import Literal

from biip import ParseError
from biip.gs1_messages import GS1Message

from station.vision.codes.reading import Reading

CheckDigit = Literal["none", "mod10", "mod43", "luhn"]

CODE39_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


class ContentError(ValueError):
    """What a code says breaks the rules it must follow; the message says how."""


def has_check_digit(text: str, kind: CheckDigit) -> bool:
    """True where the last character is the check digit of the others."""
    return kind == "none" or (len(text) > 1 and _RULES[kind](text))


def elements_of(reading: Reading) -> dict[str, str]:
    """Application identifier -> value of a GS1 code, as `{"01": …, "10": …}`.

    Raises:
        ContentError: it is no GS1 code by its symbology identifier, breaks off, carries an unknown
            identifier, a wrong check digit or date, or two values for one identifier.
    """
    if not reading.is_gs1:
        raise ContentError(f"it is no GS1 code (its symbology identifier is {reading.identifier})")
    try:
        strings = GS1Message.parse(reading.text).element_strings
    except ParseError as error:
        raise ContentError(f"its GS1 content is wrong: {error}") from None
    elements: dict[str, str] = {}
    for string in strings:
        identifier, value = string.ai.ai, string.value
        fault = string.gtin_error or string.sscc_error or string.gln_error
        if fault or not has_check_digit(value, "mod10" if identifier in _NUMBERED else "none"):
            raise ContentError(f"({identifier}){value}: {fault or 'its check digit is wrong'}")
        if elements.setdefault(identifier, value) != value:
            raise ContentError(f"({identifier}) stands twice: {elements[identifier]}, {value}")
    if not elements:
        raise ContentError("it holds no GS1 element string")
    return elements


def readable(reading: Reading) -> str:
    """The text as people read it: control characters by name, bytes in hexadecimal."""
    if not reading.is_text:
        return f"0x{reading.raw.hex()}"
    return "".join(_NAMED.get(ord(letter), letter) for letter in reading.text)


_NUMBERED = frozenset({"00", "01", "02", "03"})
"""Identifiers whose value ends with a check digit of GS1, modulo 10."""

_NAMED = {code: f"<{code:#04x}>" for code in (*range(32), 127)} | {
    10: "<LF>", 13: "<CR>", 29: "<GS>", 30: "<RS>", 4: "<EOT>",
}  # fmt: skip


def _mod10(text: str) -> bool:
    """Weights 3 and 1 from the right (GS1 General Specifications, section 7.9)."""
    if not _is_number(text):
        return False
    digits = [int(letter) for letter in reversed(text)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _luhn(text: str) -> bool:
    """Every second digit doubled, and their digits added (ISO/IEC 7812-1, annex B)."""
    if not _is_number(text):
        return False
    digits = [int(letter) for letter in reversed(text)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * one, 10)) for one in digits[1::2])) % 10 == 0


def _mod43(text: str) -> bool:
    """The sum of the characters' values modulo 43 (ISO/IEC 16388, annex A)."""
    values = [CODE39_CHARACTERS.find(letter) for letter in text]
    return min(values) >= 0 and sum(values[:-1]) % 43 == values[-1]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


_RULES: dict[CheckDigit, Callable[[str], bool]] = {
    "mod10": _mod10,
    "mod43": _mod43,
    "luhn": _luhn,
}
