"""`station plc kit`: everything of the interface is in the sheet, at the address it has."""

import csv
import re
from pathlib import Path
from typing import get_args

import pytest

from station.cli.plc_kit.facts import Facts
from station.cli.plc_kit.programs import FILES, Vendor, program
from station.cli.plc_kit.sheet import sheet_csv, sheet_markdown
from station.core.plc_words import (
    RESULT_WIDTHS,
    STATUS_WIDTHS,
    Control,
    Holding,
    Input,
    PlcBit,
    TextLine,
    reason_numbers,
    wide_text,
)
from station.core.reasons import STATION_NUMBERS
from tests.cli.conftest import RunStation

VENDORS = get_args(Vendor)


def rows(facts: Facts, group: str) -> list[dict[str, str]]:
    found = csv.DictReader(sheet_csv(facts).splitlines())
    return [row for row in found if row["group"] == group]


def test_every_reason_has_its_number(facts: Facts) -> None:
    numbers = {row["name"]: int(row["address"]) for row in rows(facts, "code") if row["name"]}

    assert numbers == reason_numbers(reason.code for reason in facts.recipe.reasons)
    assert {numbers[reason.code] for reason in facts.recipe.reasons} == set(
        range(101, 101 + len(facts.recipe.reasons))
    )
    assert numbers["overrun"] == STATION_NUMBERS["overrun"] == 1  # type: ignore[index]


def test_every_bit_and_register_has_its_place(facts: Facts) -> None:
    for group, words in (
        ("bit", PlcBit),
        ("control bit", Control),
        ("holding register", Holding),
        ("input register", Input),
    ):
        found = {row["name"]: int(row["address"].split("-")[0]) for row in rows(facts, group)}
        assert found == {word.name.lower(): word.value for word in words}
        assert all(row["meaning"] for row in rows(facts, group))


@pytest.mark.parametrize(
    ("line", "group", "widths"),
    [
        (TextLine.RESULT, "result text", RESULT_WIDTHS),
        (TextLine.STATUS, "status text", STATUS_WIDTHS),
    ],
)
def test_text_is_cut_where_the_sheet_says(
    facts: Facts, line: TextLine, group: str, widths: dict[str, int]
) -> None:
    fields = {name: place % 10 for place, name in enumerate(widths, 1)}
    text = wide_text(line, fields)

    for row in rows(facts, group):
        first, last = map(int, row["address"].split("-"))
        assert int(text[first : last + 1]) == fields[row["name"]]


def test_the_sheet_for_people_has_all_that_the_table_has(facts: Facts) -> None:
    sheet = sheet_markdown(facts)

    for place in facts.places():
        assert f"| {place.address} |" in sheet
        assert place.text in sheet
    assert facts.recipe.hash in sheet
    assert "192.168.7.20, port 8472" in sheet
    assert "4 = ring" in sheet
    assert "off: set `plc.ascii_port`" in sheet


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_program_uses_each_register_at_its_address(facts: Facts, vendor: Vendor) -> None:
    text = program(vendor, facts)

    read = {int(found) for found in re.findall(r"aIn\[(\d+)\]", text)}
    written = {int(found) for found in re.findall(r"aOut\[(\d+)\]", text)}
    unused = {Input.HELD, Input.RECIPE}
    assert read == {*Input, Input.SEQ + 1, Input.PART + 1} - unused
    assert written == {*Holding, Holding.SEQ + 1, Holding.PART + 1} - {Holding.RECIPE}
    for name in ("trigger_ready", "trigger_ack", "results_valid", "results_ack", "online"):
        assert f"WORD#16#{PlcBit[name.upper()].mask:04X}" in text
    assert "never compiled" in text.splitlines()[2]
    assert "@" not in text
    assert "1502" in text


def test_vendors_differ_where_they_must(facts: Facts) -> None:
    texts = {vendor: program(vendor, facts) for vendor in VENDORS}

    assert "MB_CLIENT" in texts["siemens"]
    assert "RemoteAddress.ADDR[4] := 20;" in texts["siemens"]
    assert "FB_MBReadInputRegs" in texts["beckhoff"]
    assert "sIPAddr := '192.168.7.20', nTCPPort := 1502" in texts["beckhoff"]
    assert "Modbus TCP Slave" in texts["codesys"]
    assert len(set(texts.values())) == len(FILES)


def test_the_command_writes_the_kit(station: RunStation, station_home: Path) -> None:
    ended = station("plc", "kit", "--vendor", "siemens", "--recipe", "ring", "--out", "kit")

    assert ended.code == 0
    assert sorted(path.name for path in (station_home / "kit").iterdir()) == [
        "contract.md", "interface.csv", "interface.md", "station_siemens.scl",
    ]  # fmt: skip


def test_the_command_takes_recipe_and_doors_from_the_settings(
    station: RunStation, station_home: Path
) -> None:
    (station_home / "station.toml").write_text(
        '[line]\nrecipe = "cap"\n[source]\nkind = "upload"\n[plc]\nmodbus_port = 777\n'
    )
    assert station("plc", "kit", "--host", "10.0.0.7").code == 0

    sheet = (station_home / "plc_kit" / "interface.md").read_text()
    assert "recipe cap version" in sheet
    assert "10.0.0.7, port 777" in sheet


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--vendor", "acme", "--recipe", "ring"), "no kit for 'acme'"),
        ((), "--recipe NAME"),
        (("--recipe", "nothing"), "no recipe 'nothing'"),
        (("--recipe", "ring", "--vendor", "siemens", "--host", "plc.local"), "192.168.0.10"),
    ],
)
def test_what_is_missing_is_said(
    station: RunStation, arguments: tuple[str, ...], said: str
) -> None:
    ended = station("plc", "kit", *arguments)

    assert ended.code == 2
    assert said in ended.err
