"""A tiny detector and a tiny segmenter with their cards, and pictures for them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from station.core.frame import Image
from station.vision.card import Limits, ModelCard, ModelInput, ModelOutput, write_model
from station.vision.layout import BoxLayout
from station.vision.model import sha256_of
from tests.graphs import blob_boxes, colour_mask

RED, BLUE = (20, 20, 230), (230, 20, 20)


def squares(*places: tuple[int, int, tuple[int, int, int]], px: int = 64, edge: int = 8) -> Image:
    """A grey picture with squares at (x, y) in a colour (blue, green, red)."""
    image = np.full((px, px, 3), 100, np.uint8)
    for x, y, colour in places:
        image[y : y + edge, x : x + edge] = colour
    return image


def finder_card(data: bytes, **fields: Any) -> ModelCard:
    """A card for red (a fault, `rust`) and blue (a cap, of no meaning) things."""
    told: dict[str, Any] = {
        "name": "squares",
        "version": 1,
        "task": "detect",
        "description": "Finds red and blue squares; made by the tests.",
        "sha256": sha256_of(data),
        "classes": ("rust", "cap"),
        "reason_codes": {"rust": "rust"},
        "ignored": ("cap",),
        "limits": Limits(accept_limit=0.3, reject_limit=0.6),
        "licence": "Apache-2.0",
        "created_at": datetime(2025, 1, 1, tzinfo=UTC),
    }
    return ModelCard.model_validate(told | fields)


def unit_input(name: str, px: int) -> ModelInput:
    """RGB from 0 to 1, planes first."""
    return ModelInput(
        name=name, width=px, height=px, channel_order="RGB", layout="NCHW", dtype="float32",
        normalisation="outside", scale=1 / 255,
    )  # fmt: skip


def squares_card(data: bytes, **fields: Any) -> ModelCard:
    """The card of `blob_boxes("v8")`."""
    told: Mapping[str, Any] = {
        "input": unit_input("images", 64),
        "outputs": (ModelOutput(name="output0", holds="boxes", shape=(1, 6, 64)),),
        "boxes": BoxLayout(boxes_along="columns"),
    }
    return finder_card(data, **{**told, **fields})


def stains_card(data: bytes, **fields: Any) -> ModelCard:
    """The card of `colour_mask("softmax")`."""
    told: Mapping[str, Any] = {
        "name": "stains",
        "task": "segment",
        "input": unit_input("input", 32),
        "outputs": (ModelOutput(name="mask", holds="mask_probabilities", shape=(1, 3, 32, 32)),),
        "classes": ("ground", "rust", "cap"),
        "ignored": ("ground", "cap"),
    }
    return finder_card(data, **{**told, **fields})


def write_finders(models: Path) -> None:
    """Write `squares/1` and `stains/1`."""
    data = blob_boxes("v8").SerializeToString()
    write_model(models / "squares" / "1", squares_card(data), data)
    data = colour_mask("softmax").SerializeToString()
    write_model(models / "stains" / "1", stains_card(data), data)
