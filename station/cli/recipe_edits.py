"""Changing a recipe by named settings, and telling two recipes apart in words."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from station.cli.recipe_pins import pin
from station.core.errors import RecipeError, StationError
from station.core.plugin import explain
from station.core.recipe import Recipe

FIXED = ("recipe_id", "version", "schema_version", "created_at", "hash", "qualification")
LISTS = {"tools": "name", "reasons": "code"}
"""Lists whose entries are called by a name of their own."""


def apply_edits(recipe: Recipe, edits: Sequence[str], model_dirs: Iterable[Path]) -> Recipe:
    """A recipe with settings changed, each as in `tools.surface.accept_limit=0.1`.

    A changed `model` or `taught` brings its hashes along.

    Raises:
        RecipeError: a setting does not exist, must not be changed, or gets a wrong value.
    """
    if not edits:
        return recipe
    content = recipe.model_dump(mode="json")
    dirs = tuple(model_dirs)
    for edit in edits:
        path, equals, text = edit.partition("=")
        steps = path.strip().split(".")
        if not equals or not all(steps):
            raise RecipeError(f"--set {edit!r} must be path=value, as in health.mean_at_least=10")
        if steps[0] in FIXED:
            raise RecipeError(f"--set {edit!r}: {steps[0]} is set by the station")
        owner = _owner(content, steps, edit)
        owner[steps[-1]] = _value(text)
        if steps[-1] in ("model", "taught"):
            pin(owner, dirs)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"--set: {explain(error, Recipe)}") from None
    except StationError as error:
        raise RecipeError(f"--set: {error}") from error


def differences(before: Recipe, after: Recipe) -> list[str]:
    """One line for each thing that differs; the date and the description do not count."""
    old, new = dict(_flat(_content(before))), dict(_flat(_content(after)))
    lines = []
    for where in dict.fromkeys((*old, *new)):
        if where not in new:
            lines.append(f"{where}: {_shown(old[where])} before, gone now")
        elif where not in old:
            lines.append(f"{where}: new, {_shown(new[where])}")
        elif old[where] != new[where]:
            lines.append(f"{where}: {_shown(old[where])} before, {_shown(new[where])} now")
    if before.hash != after.hash:
        lines.append(f"hash: {before.hash[:12]} before, {after.hash[:12]} now")
    return lines


def _owner(content: dict[str, Any], steps: Sequence[str], edit: str) -> dict[str, Any]:
    """The object the last step of a path is a setting of."""
    here: Any = content
    for place, step in enumerate(steps[:-1]):
        if isinstance(here, list):
            key = LISTS[steps[place - 1]]
            there = {entry[key]: entry for entry in here}
        else:
            there = here
        if not isinstance(there, dict) or there.get(step) is None:
            known = ", ".join(there) if isinstance(there, dict) else "nothing"
            raise RecipeError(f"--set {edit!r}: there is no {step!r} (there is: {known})")
        here = there[step]
    if not isinstance(here, dict):
        raise RecipeError(f"--set {edit!r}: name one entry, as in tools.surface.accept_limit=0.1")
    return here


def _value(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


_TOLD = ("created_at", "description", "schema_version", "qualification")


def _content(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude=set(_TOLD))


def _flat(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its place in words, as in "tool surface, accept_limit"."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            if name in LISTS and isinstance(inner, list):
                for entry in inner:
                    yield from _flat(entry, f"{name[:-1]} {entry[LISTS[name]]}")
            else:
                yield from _flat(inner, f"{where}, {name}" if where else name)
    else:
        yield where, value


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 64 else f"{text[:12]}…"
