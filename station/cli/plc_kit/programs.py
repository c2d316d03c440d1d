"""Example programs: a vendor's frame around one handshake, with the constants filled in."""

import re
from pathlib import Path
from typing import Literal

from station.cli.plc_kit.facts import Facts
from station.core.errors import SettingsError
from station.core.plc_words import (
    HOLDING_COUNT,
    INPUT_COUNT,
    PART_NUMBER_AT_MOST,
    SEQUENCE_AT_MOST,
    Control,
    Holding,
    Input,
    PlcBit,
)

Vendor = Literal["siemens", "beckhoff", "codesys", "generic"]

FILES: dict[Vendor, str] = {
    "siemens": "siemens.scl",
    "beckhoff": "beckhoff.st",
    "codesys": "codesys.st",
    "generic": "generic.st",
}
CLOCKS: dict[Vendor, str] = {
    "siemens": "TIME_TCK()",
    "beckhoff": "TIME()",
    "codesys": "TIME()",
    "generic": "whatever counts ms",
}
_FOLDER = Path(__file__).parent / "programs"
_PLACE = re.compile(r"@([A-Z_]+)@")


def program(vendor: Vendor, facts: Facts) -> str:
    """The example for a vendor, in structured text."""
    words = _constants(facts) | {"CLOCK": CLOCKS[vendor]}
    for part in ("declarations", "handshake"):
        words[part.upper()] = _fill(_read(f"{part}.st"), words).rstrip()
    return _fill(_read(FILES[vendor]), words)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _fill(text: str, words: dict[str, str]) -> str:
    """Put the constants into their places; KeyError for a place without one."""
    return _PLACE.sub(lambda found: words[found[1]], text)


def _constants(facts: Facts) -> dict[str, str]:
    words = {
        "HEADER": facts.header,
        "HOST": facts.plc.host,
        "PORT": str(facts.modbus_port),
        "ADDRESS": _address(facts.plc.host),
        "SEQ_MOST": str(SEQUENCE_AT_MOST),
        "PART_MOST": str(PART_NUMBER_AT_MOST),
        "I_FIRST": "0",
        "I_COUNT": str(INPUT_COUNT),
        "I_LAST": str(INPUT_COUNT - 1),
        "I_SIEMENS": "30001",
        "H_FIRST": "0",
        "H_COUNT": str(HOLDING_COUNT),
        "H_LAST": str(HOLDING_COUNT - 1),
        "H_SIEMENS": "40001",
    }
    for register in (*Input, *Holding):
        name = f"{'I' if isinstance(register, Input) else 'H'}_{register.name}"
        words[name] = str(int(register))
        words[f"{name}_LOW"] = str(int(register) + 1)
    for bit in PlcBit:
        words[f"B_{bit.name}"] = str(int(bit))
        words[f"M_{bit.name}"] = f"{bit.mask:04X}"
    for control in Control:
        words[f"C_{control.name}"] = f"{control.mask:04X}"
    return words


def _address(host: str) -> str:
    """The address as a controller of Siemens takes it, byte by byte."""
    numbers = host.split(".")
    if len(numbers) != 4 or not all(number.isdigit() for number in numbers):
        raise SettingsError(f"the station's plc.host {host!r} must be an address as 192.168.0.10")
    return "\n".join(
        f"stAddress.RemoteAddress.ADDR[{place}] := {number};"
        for place, number in enumerate(numbers, 1)
    )
