"""`station settings`: every setting of station.toml, with its default, range and meaning."""

import difflib
import json
import textwrap
from collections.abc import Mapping
from enum import Enum
from inspect import cleandoc
from pathlib import Path, PurePath
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from station.core.errors import SettingsError
from station.core.plugin import Plugin, Sink, Source, discover
from station.line.settings import StationSettings

INTRO = """\
# Every setting of station.toml: of the station, and of the sources and sinks installed here.
# What begins with "# " is what holds as long as nothing is said; <number> and the like: nothing.
# To set it, take the "# " away. `station settings plc` prints one section or kind alone."""
FIRST_SOURCE = "synthetic"
"""Needs no camera; the other kinds are comments."""
WIDTH = 98
"""With two more for the sign in front of a kind that is not chosen."""
WIDEST_ENTRY = 38
MANY = 100_000
"""From here on thousands are set apart."""


def settings(
    part: Annotated[
        str, typer.Argument(help="Only this: a section, or a kind of source or sink.")
    ] = "",
) -> None:
    """Print every setting of station.toml: default, range, and what it is for."""
    typer.echo(reference(part))


def reference(part: str = "") -> str:
    """A station.toml that can be started, with all there is to set as comments; or a part of it.

    Raises:
        SettingsError: there is no such section or kind.
        PluginError: see `discover`.
    """
    sections, sources, sinks = _sections(), _kinds(Source), _kinds(Sink)
    if not part:
        return "\n\n".join([INTRO, *sections.values()])
    if part in sections:
        return sections[part]
    if found := [kinds[part] for kinds in (sources, sinks) if part in kinds]:
        return "\n\n".join(found)
    near = difflib.get_close_matches(part, [*sections, *sources, *sinks], n=1)
    raise SettingsError(
        f"there is nothing to set called {part!r}"
        + (f"; did you mean {near[0]!r}?" if near else "")
        + f" (sections: {', '.join(sections)}; sources: {', '.join(sources)}; "
        f"sinks: {', '.join(sinks)})"
    )


def _sections() -> dict[str, str]:
    """The text of each key of station.toml; those without a table come first, as TOML wants it."""
    plain, tables = {}, {}
    for name, field in StationSettings.model_fields.items():
        if name == "source":
            tables[name] = _choice(Source, chosen=FIRST_SOURCE)
        elif name == "sinks":
            tables[name] = _choice(Sink)
        elif model := _table_of(field):
            tables[name] = _text(model, name)
        else:
            plain[name] = "\n".join(_rows({name: field}))
    return plain | tables


def _choice(family: type[Plugin], *, chosen: str = "") -> str:
    """Every kind, the chosen one first, the others as comments."""
    kinds, path = discover(family), _path(family)
    others = [_text(kinds[kind], path, is_comment=True) for kind in sorted(kinds) if kind != chosen]
    if not chosen:
        return "\n\n".join(
            ["# Where results go besides the journal, as many as you like:", *others]
        )
    first = _text(kinds[chosen], path)
    return "\n\n".join([first, "# One of these may stand in its place:", *others])


def _kinds(family: type[Plugin]) -> dict[str, str]:
    found = discover(family)
    return {kind: _text(found[kind], _path(family)) for kind in sorted(found)}


def _path(family: type[Plugin]) -> str:
    return "source" if family is Source else "sinks"


def _text(model: type[BaseModel], path: str, *, is_comment: bool = False) -> str:
    """A table with what it is above it."""
    about = [f"# {line}".rstrip() for line in cleandoc(model.__doc__ or "").splitlines()]
    body = _body(model, path)
    return "\n".join([*about, *(_commented(body) if is_comment else body)])


def _body(model: type[BaseModel], path: str) -> list[str]:
    """The table's head, its settings, those it needs first, and the tables in it."""
    fields = model.model_fields
    lines = [f"[[{path}]]" if path == "sinks" else f"[{path}]"]
    if issubclass(model, Plugin):
        lines.append(f'kind = "{model.kind}"')
    plain = {name: field for name, field in fields.items() if not _table_of(field)}
    lines += _rows(dict(sorted(plain.items(), key=lambda item: not item[1].is_required())))
    for name, field in fields.items():
        if inner := _table_of(field):
            table = _body(inner, f"{path}.{name}")
            about = field.description or cleandoc(inner.__doc__ or "").partition("\n")[0]
            lines += ["", f"# {about}"]
            lines += _commented(table) if _default(field) is None else table
    return lines


def _commented(lines: list[str]) -> list[str]:
    return [f"# {line}".rstrip() for line in lines]


def _rows(fields: Mapping[str, FieldInfo]) -> list[str]:
    """A line a setting, more where its meaning is long; the meanings stand below each other."""
    entries = {name: _entry(name, field) for name, field in fields.items()}
    column = min(max(map(len, entries.values()), default=0), WIDEST_ENTRY)
    rows = []
    for name, entry in entries.items():
        meaning = textwrap.wrap(_meaning(fields[name]), WIDTH - column - len("  # ")) or [""]
        if len(entry) > column:
            rows.append(entry)
            entry = ""
        for line in meaning:
            rows.append(f"{entry:{column}}  # {line}" if line else entry)
            entry = ""
    return rows


def _entry(name: str, field: FieldInfo) -> str:
    if not field.is_required():
        default = _default(field)
        shown = _placeholder(field.annotation) if default is None else _toml(default)
        return f"# {name} = {shown}"
    example = (field.examples or ["<needed>"])[0]
    return f"{name} = {_toml(example)}"


def _meaning(field: FieldInfo) -> str:
    said = field.description or ""
    choices = _choices(field.annotation)
    if all(choice in said for choice in choices):
        choices = []
    limits = ["needed"] * field.is_required() + [", ".join(choices), _range(field)]
    brackets = "; ".join(filter(None, limits))
    return f"{said} ({brackets})".strip() if brackets else said


def _range(field: FieldInfo) -> str:
    found = {
        name: getattr(known, name)
        for known in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(known, name)
    }
    if "ge" in found and "le" in found:
        return f"{_toml(found['ge'])} to {_toml(found['le'])}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return ", ".join(f"{words[name]} {_toml(limit)}" for name, limit in found.items())


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    return [choice for inner in get_args(annotation) for choice in _choices(inner)]


def _default(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _table_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a setting that is a table of its own; None: it stands in one line."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel) and not issubclass(kind, Plugin):
            return kind
    return None


def _placeholder(annotation: Any) -> str:
    """What stands where nothing is set."""
    kinds = set(get_args(annotation)) - {NoneType}
    if kinds <= {int, float}:
        return "<number>"
    if kinds == {bool}:
        return "<true or false>"
    if any(get_origin(kind) in (list, tuple) for kind in kinds):
        return "<list>"
    return '"<path>"' if Path in kinds else '"<text>"'


def _toml(value: Any) -> str:
    """A value as it stands in a TOML file."""
    match value:
        case bool():
            return str(value).lower()
        case Enum():
            return _toml(value.value)
        case int() if abs(value) >= MANY:
            return f"{value:_}"
        case int() | float():
            return str(value)
        case Mapping():
            pairs = ", ".join(f"{key} = {_toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case PurePath():
            return _toml(value.as_posix())
        case _:
            return json.dumps(str(value), ensure_ascii=False)
