"""What a kit is made from: a recipe, and where the station's doors are."""

from collections.abc import Iterator
from dataclasses import dataclass

from station import __version__
from station.core.plc_words import (
    BIT_TEXTS,
    FIRST_RECIPE_NUMBER,
    HOLDING_COUNT,
    INPUT_COUNT,
    REQUEST_TEXTS,
    RESULT_WIDTHS,
    STATUS_WIDTHS,
    Control,
    Holding,
    Input,
    PlcBit,
)
from station.core.reasons import STATION_NUMBERS, STATION_TEXTS
from station.core.recipe import Recipe
from station.line.settings import PlcSettings

MODBUS_PORT = 8502
"""Proposed where the station's Modbus door is still off."""

CONTROL_TEXTS: dict[Control, str] = {
    Control.TRIGGER: "a part is there: inspect it",
    Control.RESULTS_ACK: "the result was used; the next one may come",
    Control.RESET: "leave error, Halt and stop request, clear the latched bits, forget all numbers",
    Control.RECIPE_CHANGE: "change over to the recipe in its register",
}
HOLDING_TEXTS: dict[Holding, str] = {
    Holding.CONTROL: "control word; each bit acts on its rising edge",
    Holding.SEQ: "sequence number of the trigger, or of the acknowledged result",
    Holding.PART: "the part as a number; 0: none",
    Holding.DEADLINE_MS: "the answer must be there after so many ms; 0: the station's deadline",
    Holding.RECIPE: "number of the recipe for a change",
}
INPUT_TEXTS: dict[Input, str] = {
    Input.BITS: "handshake bits",
    Input.BEAT: "heartbeat count",
    Input.HELD: "results in the buffer",
    Input.RECIPE: "number of the active recipe",
    Input.SEQ: "sequence number of the oldest result",
    Input.PART: "its part as a number, else 0",
    Input.PASS: "1: the part may pass",
    Input.EVAL: "0 undefined, 1 OK, 2 NOT OK, 3 NOT DECIDABLE",
    Input.STATE: "1 completed, 2 processing, 3 aborted, 4 failed",
    Input.CODE: "why it did not pass; 0: it did",
    Input.SCORE: "worst share of a reject limit in thousandths; 1000: at the limit",
    Input.MS: "trigger to result, ms",
    Input.DUP: "1: triggered before; this is the answer it got then",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One row of the interface: where something stands, and what it means."""

    group: str
    address: str
    name: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A recipe, its reasons' numbers, and the addresses of the doors."""

    recipe: Recipe
    plc: PlcSettings
    cautions: tuple[str, ...] = ()
    """What must be mended before a PLC can use the kit."""

    @property
    def modbus_port(self) -> int:
        """As set, or as proposed."""
        return self.plc.modbus_port or MODBUS_PORT

    @property
    def header(self) -> str:
        """What every file begins with."""
        return (
            f"Inspection station {__version__}, recipe {self.recipe.recipe_id} version "
            f"{self.recipe.version}, hash {self.recipe.hash[:12]}. Written by `station plc kit`."
        )

    def codes(self) -> Iterator[Place]:
        """Every number of `code` that there is for this recipe."""
        for reason, number in STATION_NUMBERS.items():
            yield Place("code", str(number), reason.value, "station", STATION_TEXTS[reason])
        for number, text in REQUEST_TEXTS.items():
            yield Place("code", str(number), "", "request", text)
        for number, own in enumerate(self.recipe.reasons, FIRST_RECIPE_NUMBER):
            yield Place("code", str(number), own.code, own.severity, own.text)

    def places(self) -> Iterator[Place]:
        """The whole interface, in the order of the sheet."""
        for bit in PlcBit:
            yield Place("bit", str(int(bit)), bit.name.lower(), "BOOL", BIT_TEXTS[bit])
        for control in Control:
            name = control.name.lower()
            yield Place("control bit", str(int(control)), name, "BOOL", CONTROL_TEXTS[control])
        yield from _registers("holding register", HOLDING_TEXTS, HOLDING_COUNT)
        yield from _registers("input register", INPUT_TEXTS, INPUT_COUNT)
        yield from _signs("result text", RESULT_WIDTHS)
        yield from _signs("status text", STATUS_WIDTHS)
        yield from self.codes()


def _registers(
    group: str, texts: dict[Holding, str] | dict[Input, str], count: int
) -> Iterator[Place]:
    ends = [*list(texts)[1:], count]
    for (register, text), end in zip(texts.items(), ends, strict=True):
        is_long = end - register == 2
        address = f"{int(register)}-{end - 1}" if is_long else str(int(register))
        kind = "UDINT, high word first" if is_long else "WORD"
        yield Place(group, address, register.name.lower(), kind, text)


def _signs(group: str, widths: dict[str, int]) -> Iterator[Place]:
    at = 2  # after the sign and its comma, the first sign being 0
    for name, width in widths.items():
        text = f"{width} digits from sign {at}, counted from 0"
        yield Place(group, f"{at}-{at + width - 1}", name, f"{width} digits", text)
        at += width + 1
