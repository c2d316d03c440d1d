"""Sealing: the qualification written into the recipe, if it has earned one."""

from pathlib import Path

import typer

from station.core.errors import RecipeError, SettingsError
from station.core.recipe import Recipe, carry_qualification
from station.line.acceptance_report import Acceptance, Verdict, seal_of


def seal_recipe(test: Acceptance, verdict: Verdict, record_sha256: str) -> bool:
    """Write the qualification into the recipe's file; False, with the reason said, if it fails."""
    path = Path(str(test.recipe_file))
    why_not = _why_not_sealed(test, verdict)
    if why_not:
        typer.echo(f"not sealed: {why_not}")
        return False
    try:
        carry_qualification(path, seal_of(test, verdict, record_sha256))
    except OSError as error:
        raise SettingsError(f"cannot write into {path}: {error.strerror}") from error
    typer.echo(f"sealed: {path} carries this qualification now")
    return True


def _why_not_sealed(test: Acceptance, verdict: Verdict) -> str:
    if verdict.figures.not_inspected:
        return f"{verdict.figures.not_inspected} pictures could not be inspected"
    if not verdict.meets_wish:
        return f"{test.recipe_file} does not keep to what was asked for as it stands"
    if test.labelled.copies:
        return f"{test.labelled.copies} pictures are copies of others and prove nothing"
    if test.learnt:
        return f"{len(test.learnt)} pictures were shown to a model when it was made"
    if test.limits_from:
        return f"its limits were chosen on these very pictures ({test.limits_from})"
    return ""


def check_pins(recipe: Recipe) -> None:
    """A seal on a recipe whose models or limits may change behind its back would be worth nothing.

    Raises:
        RecipeError: a tool takes whatever model or card it finds.
    """
    for tool in recipe.tools:
        loose = [name for name in ("model_sha256", "card_hash") if getattr(tool, name, None) == ""]
        if loose:
            raise RecipeError(
                f"tool {tool.name!r} leaves {' and '.join(loose)} open, so that nothing about it "
                "can be promised; `station recipe new --from` with --set of its model pins them"
            )
