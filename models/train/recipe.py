"""The recipe of a demo product: one look at the whole picture with the product's own model."""

from pathlib import Path

from models.train.pool import classes_of
from station.core.reasons import Reason
from station.core.recipe import write_recipe
from station.tools.plain import plain_recipe
from station.vision.card import ModelCard

_RECIPES = Path(__file__).parents[2] / "sample_images"
_DESCRIPTIONS = {
    "ring": "Machined steel ring on its fixture: the surface of the upper side.",
    "cap": "Moulded bottle cap, open side up: cosmetic defects and the liner.",
}
_REASONS = (
    Reason(code="scratch", text="scratch across the machined face", severity="major"),
    Reason(code="dent", text="dent from a blow", severity="major"),
    Reason(code="stain", text="stain of rust, oil or coolant", severity="minor"),
    Reason(code="chip", text="piece broken off an edge", severity="critical"),
    Reason(code="flash", text="flash at the skirt or the rim", severity="major"),
    Reason(code="short_shot", text="skirt not filled", severity="critical"),
    Reason(code="discolouration", text="wrong colour on the moulding or liner", severity="minor"),
    Reason(code="missing_liner", text="liner missing", severity="critical"),
)


def write_demo_recipe(product: str, card: ModelCard) -> None:
    """Write `sample_images/<product>/recipe.json`, bound to the model and its card by hash."""
    recipe = plain_recipe(card, product_id=product)
    content = {
        "description": _DESCRIPTIONS[product],
        "reasons": tuple(reason for reason in _REASONS if reason.code in classes_of(product)),
    }
    write_recipe(recipe.model_copy(update=content), _RECIPES / product / "recipe.json")
