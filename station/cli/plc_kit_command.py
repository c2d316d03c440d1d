"""`station plc kit`: an interface sheet and an example program for a recipe."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from station.api import plc as plc_door
from station.cli.plc_kit.cautions import address_cautions, trigger_cautions
from station.cli.plc_kit.facts import Facts
from station.cli.plc_kit.programs import FILES, Vendor, program
from station.cli.plc_kit.sheet import sheet_csv, sheet_markdown
from station.cli.recipe_files import find_recipe
from station.core.errors import SettingsError
from station.core.files import write_whole
from station.core.recipe import read_recipe
from station.line.settings import PlcSettings, read_settings


def kit(
    vendor: Annotated[str, typer.Option(help="siemens, beckhoff, codesys or generic")] = "generic",
    recipe: Annotated[
        str | None, typer.Option(help="A recipe file or id; else the one in the settings.")
    ] = None,
    settings: Annotated[Path, typer.Option(help="The station's settings, for addresses.")] = Path(
        "station.toml"
    ),
    host: Annotated[
        str | None, typer.Option(help="The station's address as the PLC sees it.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("plc_kit"),
) -> None:
    """Write what the person who programs the PLC needs, for one recipe."""
    facts = _facts(recipe, settings, host)
    chosen = _vendor(vendor)
    files = {
        "interface.md": sheet_markdown(facts),
        "interface.csv": sheet_csv(facts),
        "contract.md": (Path(plc_door.__path__[0]) / "contract.md").read_text(encoding="utf-8"),
        f"station_{FILES[chosen]}": program(chosen, facts),
    }
    for file_name, text in files.items():
        write_whole(out / file_name, text.encode())
        typer.echo(f"{out / file_name}")
    typer.echo("The program is an example that was never compiled: test it with parts to reject.")
    for caution in facts.cautions:
        typer.secho(f"warning: {caution}", fg="yellow", err=True)


def _facts(recipe: str | None, settings: Path, host: str | None) -> Facts:
    told = read_settings(settings) if settings.is_file() else None
    name = recipe or (told.line.recipe if told else None)
    if name is None:
        raise SettingsError(f"say which recipe: --recipe NAME, or --settings; no {settings} here")
    plc = told.plc if told else PlcSettings()
    cautions = (*address_cautions(plc.host, host), *(trigger_cautions(told) if told else ()))
    if host is not None:
        plc = plc.model_copy(update={"host": host})
    return Facts(read_recipe(find_recipe(name)), plc, cautions)


def _vendor(name: str) -> Vendor:
    for vendor in get_args(Vendor):
        if vendor == name:
            found: Vendor = vendor
            return found
    raise SettingsError(f"there is no kit for {name!r}; choose of {', '.join(FILES)}")
