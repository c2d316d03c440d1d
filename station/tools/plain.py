"""The plain recipe: one tool around one model, and nothing else."""

from typing import Any

from station.core.errors import RecipeError, SettingsError
from station.core.plugin import Tool, discover, parse
from station.core.reasons import Reason
from station.core.recipe import Recipe, new_recipe
from station.core.region import Region
from station.vision.card import ModelCard

TOOL_NAME = "surface"


def plain_recipe(
    card: ModelCard,
    *,
    recipe_id: str = "",
    product_id: str = "",
    region: Region | None = None,
    accept_limit: float | None = None,
    reject_limit: float | None = None,
) -> Recipe:
    """The recipe of one model and nothing else: the model pinned, its limits written out.

    The tool is the one whose kind is the card's task.

    Raises:
        RecipeError: no tool runs such a model, or the limits are out of order.
    """
    if card.task not in discover(Tool):
        raise RecipeError(
            f"model {card.reference} is for {card.task}, which no tool runs; a recipe needs a "
            "model that gives verdicts"
        )
    limits = card.limits_with(accept_limit, reject_limit)
    settings: dict[str, Any] = {
        "kind": card.task,
        "name": TOOL_NAME,
        "model": card.reference,
        "model_sha256": card.sha256,
        "card_hash": card.hash,
        "region": region,
        "accept_limit": limits.accept_limit,
        "reject_limit": limits.reject_limit,
    }
    if card.tiling:
        settings["tiling"] = card.tiling
    if card.counts:
        settings["count"] = card.counts
    try:
        tool = parse(Tool, settings)
    except SettingsError as error:
        raise RecipeError(f"recipe around {card.reference}: {error}") from error
    counted = [rule.reason for rule in card.counts.values()]
    reasons = tuple(
        Reason(code=code, text=code.replace("_", " ").replace("-", " "))
        for code in dict.fromkeys((*card.reason_codes.values(), *counted))
    )
    return new_recipe(
        recipe_id or card.name,
        (tool,),
        reasons,
        product_id=product_id,
        created_at=card.created_at,
    )
