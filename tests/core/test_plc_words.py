"""The words for a PLC are those of the contract, to the digit."""

import re
from pathlib import Path

import pytest

import station
from station.core.plc_words import (
    HOLDING_COUNT,
    INPUT_COUNT,
    RESULT_WIDTHS,
    STATUS_WIDTHS,
    Holding,
    Input,
    PlcBit,
    TextLine,
    after_sequence,
    reason_numbers,
    wide_text,
)
from station.core.reasons import STATION_NUMBERS

CONTRACT = (Path(station.__file__).parent / "api" / "plc" / "contract.md").read_text()


def test_bits_stand_where_the_contract_says() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", CONTRACT, re.MULTILINE)

    assert [(int(place), name) for place, name in rows] == [
        (bit.value, bit.name.lower()) for bit in PlcBit
    ]


def test_the_result_as_text_is_that_of_the_contract() -> None:
    fields = dict(zip(RESULT_WIDTHS, (12, 0, 1, 1, 1, 0, 132, 23, 0), strict=True))

    assert f"`{wide_text(TextLine.RESULT, fields)}`" in CONTRACT
    assert (
        '{"'
        + ",".join(f'{name}":{value}' for name, value in fields.items()).replace(",", ',"')
        + "}"
        in CONTRACT
    )


def test_the_status_as_text_is_that_of_the_contract() -> None:
    fields = dict(zip(STATUS_WIDTHS, (129, 1, 0, 0, 1, 0, 0, 4711, 1, 0, 12), strict=True))

    assert f"`{wide_text(TextLine.STATUS, fields)}`" in CONTRACT


def test_a_number_too_long_for_its_place_is_refused() -> None:
    fields = dict.fromkeys(RESULT_WIDTHS, 0) | {"score": 100_000}

    with pytest.raises(ValueError, match="does not fit"):
        wide_text(TextLine.RESULT, fields)


def test_registers_follow_each_other_without_a_gap() -> None:
    two_words = {"SEQ", "PART"}
    for registers, count in ((Holding, HOLDING_COUNT), (Input, INPUT_COUNT)):
        address = 0
        for register in registers:
            assert register == address
            address += 2 if register.name in two_words else 1
        assert address == count


def test_the_recipes_reasons_are_numbered_from_101_in_their_order() -> None:
    numbers = reason_numbers(["dent", "chip"])

    assert (numbers["dent"], numbers["chip"]) == (101, 102)
    assert {code: numbers[code] for code in STATION_NUMBERS} == STATION_NUMBERS
    assert len(set(numbers.values())) == len(numbers)


def test_after_the_largest_sequence_comes_1() -> None:
    assert after_sequence(1) == 2
    assert after_sequence(2_147_483_647) == 1
