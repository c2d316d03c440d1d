"""Which recipe is meant: a file, a folder with one, an id, a model, or what lies by the parts."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from station.cli.home import home, model_dirs, shipped
from station.core.errors import RecipeError
from station.core.recipe import Recipe, read_recipe
from station.line.batch_pictures import check_there
from station.tools.plain import plain_recipe
from station.vision.card import find_model, read_card

RECIPE_FILE = "recipe.json"


def choose_recipe(recipe: str | None, model: str | None, paths: Sequence[Path]) -> Recipe:
    """The recipe asked for by name or model; with neither, the one lying by the pictures.

    Raises:
        RecipeError: there is none, or it cannot be used.
        ModelError: there is no such model.
    """
    path = chosen_file(recipe, model, paths)
    if path is not None:
        return read_recipe(path)
    return plain_recipe(read_card(find_model(str(model), model_dirs())))


def chosen_file(recipe: str | None, model: str | None, paths: Sequence[Path]) -> Path | None:
    """The file of the recipe `choose_recipe` takes; None where it is made around a model.

    Raises:
        RecipeError: there is none.
        SettingsError: there is none, because a path does not exist.
    """
    if recipe and model:
        raise RecipeError("give --recipe or --model, not both: a recipe names its models itself")
    if recipe:
        return find_recipe(recipe)
    if model:
        return None
    near = _nearest(paths)
    if near is None:
        for path in paths:
            check_there(path)
        raise RecipeError(
            f"no {RECIPE_FILE} lies by the pictures or above them; say how to inspect them with "
            "--recipe (a file or an id) or --model (a model's name)"
        )
    return near


def find_recipe(name: str) -> Path:
    """The file of a recipe: a path, a folder holding a recipe.json, or an id.

    Raises:
        RecipeError: there is none; names those there are.
    """
    path = Path(name)
    if path.is_file():
        return path
    if (path / RECIPE_FILE).is_file():
        return path / RECIPE_FILE
    known = known_recipes()
    if name not in known:
        there = ", ".join(sorted(known)) or "none yet; make one with `station recipe new`"
        raise RecipeError(f"there is no recipe {name!r} (there is: {there})")
    return known[name]


def known_recipes() -> dict[str, Path]:
    """Id -> file: the station's own in `recipes`, then the shipped ones."""
    own = {path.stem: path for path in _sorted(home() / "recipes", "*.json")}
    samples = _sorted(shipped() / "sample_images", f"*/{RECIPE_FILE}")
    return {path.parent.name: path for path in samples} | own


def own_recipe_path(recipe_id: str) -> Path:
    """Where the station keeps its recipe of this id."""
    return home() / "recipes" / f"{recipe_id}.json"


def _sorted(folder: Path, pattern: str) -> Iterable[Path]:
    return sorted(folder.glob(pattern))


def _nearest(paths: Sequence[Path]) -> Path | None:
    for path in paths:
        whole = path.absolute()
        for folder in (whole, *whole.parents):
            if (folder / RECIPE_FILE).is_file():
                return folder / RECIPE_FILE
    return None
