"""What stands where in answers to a PLC: bits, fields, registers, numbers; only ever added to."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum

from station.core.reasons import STATION_NUMBERS

SEQUENCE_AT_MOST = 2_147_483_647
"""After it comes 1; 0 means that no sequence number was given."""
PART_NUMBER_AT_MOST = 999_999_999
"""Part ids that are numbers up to here are repeated in answers; others read 0 there."""
SCORE_AT_MOST = 99_999
MS_AT_MOST = 99_999
REGISTER_AT_MOST = 65_535
"""What a register holds; scores and times beyond it read as this."""
BEAT_AT_MOST = 65_535
"""After it comes 0."""
RESULTS_HELD = 8
"""So many results wait for their acknowledgement."""
ANSWER_BYTES_AT_MOST = 200
"""Of an HTTP answer, head included."""
KEEP_ALIVE_S = 75

FIRST_RECIPE_NUMBER = 101
"""The first reason of a recipe's table; 1 to 99 are the station's own."""
BAD_REQUEST_NUMBER = 90
NOT_FOUND_NUMBER = 91
NOT_USABLE_NUMBER = 92
REPEATED_PART_NUMBER = 93
UNLISTED_NUMBER = 100
"""For a reason that stands in no table."""

REQUEST_TEXTS: dict[int, str] = {
    BAD_REQUEST_NUMBER: "the request is wrong: a parameter is missing, unknown or out of range",
    NOT_FOUND_NUMBER: "no such sequence number, recipe number or request",
    NOT_USABLE_NUMBER: "the recipe cannot be made ready; the one before stays active",
    REPEATED_PART_NUMBER: "the part's id came before under another number; not inspected again",
}
"""Numbers that are about a request and not about a part."""


class PlcBit(IntEnum):
    """Places of the handshake bits in the status word."""

    TRIGGER_READY = 0
    TRIGGER_ACK = 1
    BUSY = 2
    RESULTS_VALID = 3
    RESULTS_ACK = 4
    MISSED_ACQUISITION = 5
    BUFFER_OVERRUN = 6
    ONLINE = 7
    FAULT = 8
    HEARTBEAT = 9
    LINE_STOP_REQUEST = 10

    @property
    def mask(self) -> int:
        """The word in which only this bit is set."""
        return 1 << self


BIT_TEXTS: dict[PlcBit, str] = {
    PlcBit.TRIGGER_READY: "a trigger would be taken now",
    PlcBit.TRIGGER_ACK: "the last trigger was taken (falls with the PLC's trigger bit)",
    PlcBit.BUSY: "at least one part is under way",
    PlcBit.RESULTS_VALID: "the buffer holds a result that is not acknowledged",
    PlcBit.RESULTS_ACK: "the last acknowledgement was taken",
    PlcBit.MISSED_ACQUISITION: "latched: a trigger got no frame, or was not taken",
    PlcBit.BUFFER_OVERRUN: "latched: a result left the buffer unacknowledged",
    PlcBit.ONLINE: "the line runs",
    PlcBit.FAULT: "the line is in error; a reset ends it",
    PlcBit.HEARTBEAT: "toggles with the inspection loop, at least every 500 ms",
    PlcBit.LINE_STOP_REQUEST: "too many parts were not judged: stop the belt",
}


class Control(IntEnum):
    """Places of the bits in the control word; each acts on its rising edge."""

    TRIGGER = 0
    RESULTS_ACK = 1
    RESET = 2
    RECIPE_CHANGE = 3

    @property
    def mask(self) -> int:
        """The word in which only this bit is set."""
        return 1 << self


class Holding(IntEnum):
    """Modbus holding registers, written by the PLC; 32-bit numbers take two, high word first."""

    CONTROL = 0
    SEQ = 1
    PART = 3
    DEADLINE_MS = 5
    RECIPE = 6


HOLDING_COUNT = 7


class Input(IntEnum):
    """Modbus input registers, read by the PLC; 32-bit numbers take two, high word first."""

    BITS = 0
    BEAT = 1
    HELD = 2
    RECIPE = 3
    SEQ = 4
    PART = 6
    PASS = 8
    EVAL = 9
    STATE = 10
    CODE = 11
    SCORE = 12
    MS = 13
    DUP = 14


INPUT_COUNT = 15


class TextLine(StrEnum):
    """What a line of fixed width begins with."""

    RESULT = "R"
    STATUS = "S"


RESULT_WIDTHS: dict[str, int] = {
    "seq": 10,
    "part": 10,
    "pass": 1,
    "eval": 1,
    "state": 1,
    "code": 5,
    "score": 5,
    "ms": 5,
    "dup": 1,
}
"""Fields of a result in their order -> digits in the text of fixed width."""

STATUS_WIDTHS: dict[str, int] = {
    "bits": 5,
    "ready": 1,
    "busy": 1,
    "valid": 1,
    "online": 1,
    "fault": 1,
    "stop": 1,
    "beat": 5,
    "recipe": 5,
    "held": 1,
    "seq": 10,
}
"""Fields of the status in their order -> digits in the text of fixed width."""


def reason_numbers(recipe_codes: Iterable[str]) -> dict[str, int]:
    """Reason code -> the number a PLC gets; the recipe's in the order of its table."""
    own = {code: FIRST_RECIPE_NUMBER + place for place, code in enumerate(recipe_codes)}
    return own | {str(code): number for code, number in STATION_NUMBERS.items()}


def after_sequence(sequence: int) -> int:
    """The number that follows; after the largest comes 1."""
    return 1 if sequence >= SEQUENCE_AT_MOST else sequence + 1


def wide_text(line: TextLine, fields: dict[str, int]) -> str:
    """The text of fixed width, without the end of the line.

    Raises:
        KeyError: a field is missing.
        ValueError: a number has more digits than its place.
    """
    widths = RESULT_WIDTHS if line is TextLine.RESULT else STATUS_WIDTHS
    texts = [f"{fields[name]:0{width}d}" for name, width in widths.items()]
    if any(len(text) > width for text, width in zip(texts, widths.values(), strict=True)):
        raise ValueError(f"{fields} does not fit into the widths {widths}")
    return ",".join([line.value, *texts])
