"""The recipes on this station's shelf, and the changeover."""

from fastapi import APIRouter, HTTPException

from station.api.context import Station
from station.api.problems import REFUSALS
from station.api.station import StationStatus, status_of
from station.line.shelf import RecipeEntry

router = APIRouter(prefix="/recipes", tags=["recipes"])


@router.get("")
def list_recipes(context: Station) -> list[RecipeEntry]:
    """Every recipe file; `problem` says why one cannot be used."""
    return context.shelf.entries()


@router.post("/{recipe_id}:activate", responses=REFUSALS)
def activate(recipe_id: str, context: Station) -> StationStatus:
    """Change over: loaded and verified first, then taken for the next trigger on."""
    if recipe_id not in {entry.recipe_id for entry in context.shelf.entries()}:
        raise HTTPException(
            404, f"there is no recipe {recipe_id!r}; GET /api/v1/recipes lists them"
        )
    context.line.activate(context.shelf.prepare(recipe_id))
    return status_of(context)
