"""The recipes this station can change over to, by id."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from station.core.errors import RecipeError
from station.core.plugin import Site
from station.core.recipe import PreparedRecipe, Recipe, prepare, read_recipe

MOST_KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeEntry:
    """A recipe on the shelf; `problem` says why it cannot be used."""

    recipe_id: str
    version: int | None
    recipe_hash: str
    product_id: str
    description: str
    created_at: datetime | None
    path: str
    problem: str


class Shelf:
    """Recipe files in a few folders: `<folder>/*.json` and `<folder>/*/recipe.json`."""

    def __init__(self, folders: tuple[Path, ...], site: Site) -> None:
        self._folders, self._site = folders, site

    def entries(self) -> list[RecipeEntry]:
        """Every recipe file, good or not; of two with one id the first folder's counts."""
        entries: dict[str, RecipeEntry] = {}
        for path in self._paths():
            entry = _entry(path, _version_of(path))
            entries.setdefault(entry.recipe_id, entry)
        return list(entries.values())

    def find(self, name: str) -> Recipe:
        """The recipe with an id, or in a file, or in a folder's recipe.json.

        Raises:
            RecipeError: there is none, or it is broken.
        """
        path = Path(name)
        if path.is_dir() and (path / "recipe.json").is_file():
            return read_recipe(path / "recipe.json")
        if path.is_file():
            return read_recipe(path)
        for entry in self.entries():
            if entry.recipe_id == name:
                return read_recipe(Path(entry.path))
        known = ", ".join(sorted(entry.recipe_id for entry in self.entries())) or "none"
        raise RecipeError(f"there is no recipe {name!r} (there is: {known})")

    def prepare(self, name: str) -> PreparedRecipe:
        """Find a recipe and make it ready.

        Raises:
            StationError: it cannot be found or used here.
        """
        return prepare(self.find(name), self._site)

    def _paths(self) -> list[Path]:
        found: list[Path] = []
        for folder in self._folders:
            found += sorted(folder.glob("*.json")) + sorted(folder.glob("*/recipe.json"))
        return found


def _version_of(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None: it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=MOST_KEPT)
def _entry(path: Path, _version: tuple[int, int, int] | None) -> RecipeEntry:
    """What a file says, read again only once it changed: clients ask for the list all the time."""
    fallback = path.parent.name if path.name == "recipe.json" else path.stem
    try:
        recipe = read_recipe(path)
    except RecipeError as error:
        return RecipeEntry(
            recipe_id=fallback, version=None, recipe_hash="", product_id="", description="",
            created_at=None, path=str(path), problem=str(error),
        )  # fmt: skip
    return RecipeEntry(
        recipe_id=recipe.recipe_id,
        version=recipe.version,
        recipe_hash=recipe.hash,
        product_id=recipe.product_id,
        description=recipe.description,
        created_at=recipe.created_at,
        path=str(path),
        problem="",
    )
