"""A recipe from a draft: a TOML file a person writes, with tools, and reasons where they matter."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from station.cli.recipe_pins import pin
from station.core.errors import RecipeError, StationError
from station.core.plugin import Site, Tool, explain, parse
from station.core.reasons import Reason
from station.core.recipe import Recipe, new_recipe

KEYS = ("product_id", "description", "tools", "reasons", "health")


def read_draft(path: Path, name: str, site: Site) -> Recipe:
    """The recipe a draft describes, version 1: models pinned, the reason table completed.

    A reason code a tool can give and the draft does not list is added as `major`, its text made
    of its words.

    Raises:
        RecipeError: the draft is missing, broken, or has a key no draft has.
        StationError: a tool cannot be made ready; says which.
    """
    draft = _read(path)
    entries = draft.pop("tools", None)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RecipeError(f"draft {path} needs tools, each under [[tools]] with kind and name")
    tools = tuple(_tool(entry, at, path, site) for at, entry in enumerate(entries, 1))
    reasons = [_reason(entry, path) for entry in draft.pop("reasons", [])]
    listed = {reason.code for reason in reasons}
    given = (code for tool in tools for code in sorted(_codes_of(tool, site)))
    missing = dict.fromkeys(code for code in given if code not in listed)
    reasons += [Reason(code=code, text=_words(code)) for code in missing]
    return new_recipe(name, tools, tuple(reasons), **draft)


def _read(path: Path) -> dict[str, Any]:
    try:
        draft = tomllib.loads(path.read_text())
    except OSError as error:
        raise RecipeError(f"cannot read the draft {path}: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"draft {path} is no TOML: {error}") from error
    strange = [key for key in draft if key not in KEYS]
    if strange:
        raise RecipeError(
            f"draft {path}: {', '.join(strange)} is not for a draft (there is: {', '.join(KEYS)})"
        )
    return draft


def _tool(entry: dict[str, Any], at: int, path: Path, site: Site) -> Tool:
    """The tool of an entry, which stands at place `at` of the draft, from 1."""
    try:
        pinned = dict(entry)
        pin(pinned, site.model_dirs)
        return parse(Tool, pinned)
    except StationError as error:
        named = repr(entry["name"]) if "name" in entry else f"number {at}"
        raise RecipeError(f"draft {path}: tool {named}: {error}") from error


def _codes_of(tool: Tool, site: Site) -> frozenset[str]:
    try:
        return tool.prepare(site).reason_codes
    except StationError as error:
        raise type(error)(f"tool {tool.name!r}: {error}") from error


def _reason(entry: object, path: Path) -> Reason:
    try:
        return Reason.model_validate(entry)
    except ValidationError as error:
        raise RecipeError(f"draft {path}: a reason: {explain(error, Reason)}") from None


def _words(code: str) -> str:
    return code.replace("_", " ").replace("-", " ")
