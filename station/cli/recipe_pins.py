"""What a tool was approved with: models and taught things named with their hashes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from station.vision.card import find_model, read_card
from station.vision.taught import TAUGHT_FILE, read_taught_card


def pin(entry: dict[str, Any], model_dirs: Iterable[Path]) -> None:
    """Write into a tool's entry the version and hashes of what its `model` or `taught` names.

    Raises:
        ModelError: there is no such thing, or its card is broken.
    """
    dirs = tuple(model_dirs)
    if isinstance(entry.get("model"), str):
        card = read_card(find_model(entry["model"], dirs))
        entry["model"], entry["card_hash"] = card.reference, card.hash
        entry["model_sha256"] = card.sha256
    if isinstance(entry.get("taught"), str):
        taught = read_taught_card(find_model(entry["taught"], dirs, file=TAUGHT_FILE))
        entry["taught"], entry["taught_hash"] = taught.reference, taught.hash
