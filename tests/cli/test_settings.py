"""`station settings`: what it prints can be started, and says of every setting what it is for."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from station.cli.settings import reference
from station.core.errors import SettingsError
from station.core.plugin import Delivery, Plugin, Sink, Source, discover, parse
from station.line.settings import StationSettings, parse_settings, read_settings
from tests.cli.conftest import RunStation

LEAST = {"line": {"recipe": "ring"}, "source": {"kind": "synthetic"}}
BESIDE = {"ftp": {"anonymous": True}}
"""What a kind needs beside the keys it always needs."""
DEFAULT = re.compile(r'^# (\w+ = (?!"?<).*)$', re.MULTILINE)


class Frills(BaseModel):
    """What is sewn on."""

    width_mm: float = Field(gt=0)


class Foreign(Sink, kind="foreign_sink"):
    """A stranger's.

    It says little.
    """

    needed: dict[str, int]
    mode: Literal["on", "off"] | None = None
    places: tuple[int, ...] | None = None
    is_quick: bool | None = None
    frills: Frills | None = None

    def open(self) -> Delivery:
        raise NotImplementedError


def shipped(family: type[Plugin]) -> dict[str, type[Plugin]]:
    kinds = discover(family)
    return {kind: found for kind, found in kinds.items() if found.__module__.startswith("station.")}


KINDS = [(family, kind) for family in (Source, Sink) for kind in shipped(family)]


def test_what_it_prints_can_be_started(station: RunStation, tmp_path: Path) -> None:
    ended = station("settings")
    assert ended.code == 0, ended.err
    path = tmp_path / "station.toml"
    path.write_text(ended.out)
    assert read_settings(path) == parse_settings(LEAST, "least")
    assert max(map(len, ended.out.splitlines())) <= 100


def test_the_defaults_it_shows_are_the_defaults() -> None:
    words = ("name", "shifts", "line", "journal", "api", "hmi", "plc", "alarms", "synthetic")
    shown = "\n".join(DEFAULT.sub(r"\1", reference(word)) for word in words)
    assert len(tomllib.loads(shown)["line"]) > 10
    assert parse_settings(tomllib.loads(shown), "shown") == parse_settings(LEAST, "least")


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_a_kind_alone_is_a_table_that_is_taken(family: type[Plugin], kind: str) -> None:
    shown = DEFAULT.sub(r"\1", reference(kind).split("\n# [")[0])  # without a region
    table = tomllib.loads(shown)["source" if family is Source else "sinks"]
    entry: dict[str, Any] = table if family is Source else table[0]
    assert parse(family, entry | BESIDE.get(kind, {})).kind == kind


def test_every_setting_says_what_it_is_for() -> None:
    models: list[type[BaseModel]] = [
        StationSettings,
        *(kind for family in (Source, Sink) for kind in shipped(family).values()),
    ]
    assert [name for model in models for name in _unsaid(model)] == []


def _unsaid(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from () if issubclass(inner, Plugin) else _unsaid(inner)
        elif not field.description and name not in ("source", "sinks"):
            yield f"{model.__name__}.{name}"


def test_ranges_choices_and_what_is_needed_are_said(station: RunStation) -> None:
    line = station("settings", "line").out
    assert "(needed)" in next(row for row in line.splitlines() if row.startswith("recipe ="))
    assert "# workers = 2 " in line
    assert "(1 to 64)" in line
    assert "[source]" not in line
    plc = station("settings", "plc").out
    assert "# modbus_port = <number>" in plc
    assert "there is no password" in plc
    assert "(ring, cap, board, label)" in reference("synthetic")


def test_a_kind_somebody_installed_is_there_too() -> None:
    about, *body = reference("foreign_sink").split("\n[[sinks]]\n")
    assert about == "# A stranger's.\n#\n# It says little."
    assert body[0].splitlines()[:6] == [
        'kind = "foreign_sink"',
        'needed = "<needed>"           # (needed)',
        '# name = ""                   # unique on the station; none: the kind',
        '# mode = "<text>"             # (on, off)',
        "# places = <list>",
        "# is_quick = <true or false>",
    ]
    assert "# [sinks.frills]\n# width_mm" in body[0]
    tomllib.loads(reference("foreign_sink"))
    assert '\n# kind = "foreign_sink"\n' in reference()


def test_an_unknown_word_is_told_what_there_is() -> None:
    with pytest.raises(SettingsError, match=r"'webhok'; did you mean 'webhook'\?.*alarms.*watch"):
        reference("webhok")
