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
    KEEP_ALIVE_S,
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
from tests.cli.conftest import Ended, RunStation

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


def test_the_rules_are_those_of_the_contract(facts: Facts) -> None:
    rules = " ".join(sheet_markdown(facts).split())

    assert "`pass` = 1, and, unless you sent that trigger twice, `dup` = 0." in rules
    assert "Call `reset` at each start of the PLC, before its first trigger" in rules
    assert "any first number is right then" in rules
    assert "ends a Halt and a stop request" in rules
    assert f"one over HTTP is closed after {KEEP_ALIVE_S} s without a request" in rules
    assert 'Set `[line] trigger_mode = "software"`' in rules
    assert "keep counting" not in rules


def test_a_kit_that_can_be_used_as_it_is_has_nothing_to_mend(facts: Facts) -> None:
    assert "mended" not in sheet_markdown(facts)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_program_says_that_it_resets_at_each_start(facts: Facts, vendor: Vendor) -> None:
    text = program(vendor, facts)

    assert "once at each start" in text
    assert "no number means two parts" not in text


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


SOFTWARE = 'trigger_mode = "software"\n'
UNREACHABLE = "a PLC cannot call"
ONLY_HERE = "the doors listen on"


@pytest.mark.parametrize(
    ("listens", "given", "said"),
    [
        ("127.0.0.1", None, f"{UNREACHABLE} 127.0.0.1"),
        ("0.0.0.0", None, f"{UNREACHABLE} 0.0.0.0"),  # noqa: S104 - not bound here
        ("192.168.7.20", None, ""),
        ("127.0.0.1", "192.168.7.20", f"{ONLY_HERE} 127.0.0.1 only"),
        ("localhost", "192.168.7.20", f"{ONLY_HERE} localhost only"),
        ("0.0.0.0", "192.168.7.20", ""),  # noqa: S104
        ("192.168.7.20", "0.0.0.0", f"{UNREACHABLE} 0.0.0.0"),  # noqa: S104
        ("127.0.0.1", "127.0.0.1", ""),
    ],
)
def test_an_address_no_plc_can_call_is_told(
    station: RunStation, station_home: Path, listens: str, given: str | None, said: str
) -> None:
    (station_home / "station.toml").write_text(
        f'[line]\nrecipe = "ring"\n{SOFTWARE}[source]\nkind = "synthetic"\n'
        f'[plc]\nhost = "{listens}"\n'
    )
    ended = station("plc", "kit", *(("--host", given) if given else ()))

    assert ended.code == 0
    assert_told(station_home, ended, said)


@pytest.mark.parametrize(
    ("source", "mode", "said"),
    [
        ("synthetic", "", 'trigger_mode is "continuous": if the PLC sends triggers, set it to'),
        ("synthetic", 'trigger_mode = "hardware"\n', 'trigger_mode is "hardware"'),
        ("synthetic", SOFTWARE, ""),
        ("watch", "", "the PLC must send no triggers"),
    ],
)
def test_parts_beside_those_of_the_plc_are_told(
    station: RunStation, station_home: Path, source: str, mode: str, said: str
) -> None:
    path = 'path = "in"\n' if source == "watch" else ""
    (station_home / "station.toml").write_text(
        f'[line]\nrecipe = "ring"\n{mode}[source]\nkind = "{source}"\n{path}'
        '[plc]\nhost = "192.168.7.20"\n'
    )
    assert_told(station_home, station("plc", "kit"), said)


def assert_told(home: Path, ended: Ended, said: str) -> None:
    """The same sentence at the terminal and in the sheet; none where nothing is to be said."""
    sheet = (home / "plc_kit" / "interface.md").read_text()
    warnings = [row for row in ended.err.splitlines() if row.startswith("warning: ")]
    if not said:
        assert warnings == []
        assert "mended" not in sheet
        return
    (warning,) = warnings
    assert said in warning
    assert warning.removeprefix("warning: ")[1:] in sheet


def test_without_settings_the_doors_are_as_by_default(station: RunStation) -> None:
    assert f"{UNREACHABLE} 127.0.0.1" in station("plc", "kit", "--recipe", "ring").err


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
