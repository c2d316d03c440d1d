"""Do the tools of a recipe go together: who locates, who tells a value, who looks where."""

from collections.abc import Mapping

from station.core.errors import RecipeError
from station.core.part import beyond_view
from station.core.plugin import Check

JOB = "job"
"""Values of this name are the job's, as `job.lot`; all others are what tools read."""


def finder_of(recipe_id: str, checks: Mapping[str, Check]) -> str | None:
    """The name of the tool that locates the parts, None without one; the tools go together.

    Raises:
        RecipeError: no tool proves anything, two tools locate, one looks beyond the view of the
            part, or one compares with what nobody says.
    """
    if checks and not any(check.proves for check in checks.values()):
        raise RecipeError(
            f"recipe {recipe_id!r}: no tool of it looks at the part, so that nothing would be "
            "proven of it; add one that does"
        )
    _check_values(recipe_id, checks)
    finders = [name for name, check in checks.items() if check.find]
    if len(finders) > 1:
        raise RecipeError(
            f"recipe {recipe_id!r}: {' and '.join(finders)} both locate the part, and every "
            "other tool follows one of them; keep one, and make a recipe for each view"
        )
    _check_regions(recipe_id, checks, finders)
    return finders[0] if finders else None


def _check_values(recipe_id: str, checks: Mapping[str, Check]) -> None:
    """Refuse a tool that compares with what nobody says: no part could ever pass."""
    earlier: list[str] = []
    for name, check in checks.items():
        for value in check.compares_with:
            teller = value.rpartition(".")[0]
            if teller not in (JOB, *earlier):
                known = ", ".join((JOB, *earlier))
                raise RecipeError(
                    f"recipe {recipe_id!r}: tool {name!r} compares with {value!r}, and no "
                    f"tool before it that reads is called {teller!r} (there is: {known}); correct "
                    "the name, or put that tool first"
                )
        if not check.find:
            earlier.append(name)


def _check_regions(recipe_id: str, checks: Mapping[str, Check], finders: list[str]) -> None:
    """Refuse what looks beyond the view of the part that will be located."""
    view_px = checks[finders[0]].view_px if finders else None
    for name, check in checks.items():
        for region in check.regions or ():
            beyond = beyond_view(region, view_px) if view_px and name not in finders else None
            if beyond:
                raise RecipeError(f"recipe {recipe_id!r}: tool {name!r}: {beyond}")
