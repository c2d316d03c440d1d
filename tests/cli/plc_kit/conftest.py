"""The kit of the shipped ring recipe."""

import pytest

from station.cli.home import shipped
from station.cli.plc_kit.facts import Facts
from station.core.recipe import read_recipe
from station.line.settings import PlcSettings

__all__ = ["Facts", "facts"]


@pytest.fixture(scope="session")
def facts() -> Facts:
    recipe = read_recipe(shipped() / "sample_images" / "ring" / "recipe.json")
    return Facts(recipe, PlcSettings(host="192.168.7.20", modbus_port=1502, recipes={4: "ring"}))
