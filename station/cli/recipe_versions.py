"""The next version of a recipe: numbered after the latest, stamped now, the earlier one kept."""

from datetime import UTC, datetime
from pathlib import Path

from station.core.errors import StationError
from station.core.recipe import Recipe, read_unsealed, write_recipe


def after_latest(recipe: Recipe, path: Path) -> Recipe:
    """The recipe as the version after its own and after what lies at `path`."""
    latest = recipe.version
    if path.exists():
        latest = max(latest, read_unsealed(path)[0].version)
    return stamped(recipe, version=latest + 1)


def stamped(recipe: Recipe, *, version: int) -> Recipe:
    """The recipe under another version, made now; a qualification was another version's."""
    now = datetime.now(UTC).replace(microsecond=0)
    fields = {**recipe.model_dump(mode="json"), "version": version, "created_at": now}
    fields["qualification"] = None
    return Recipe.model_validate(fields)


def keep_earlier(path: Path) -> None:
    """Results name the recipe they were made with, so what is replaced stays to be read."""
    if not path.exists():
        return
    try:
        earlier = read_unsealed(path)[0]
    except StationError:
        return
    write_recipe(earlier, path.parent / "earlier" / f"{path.stem}.v{earlier.version}.json")
