"""The command line: one file a command, imported only when it is called."""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from station import __version__
from station.core.errors import StationError

COMMANDS = {
    "demo": "run:demo",
    "run": "run:run",
    "inspect": "inspect:inspect",
    "qualify": "qualify:qualify",
    "teach": "teach:app",
    "recipe": "recipe:app",
    "model": "model:app",
    "calibrate": "calibrate:app",
    "measure": "measure:app",
    "settings": "settings:settings",
    "doctor": "doctor:doctor",
    "service": "service:app",
    "plc": "plc:app",
    "sample": "sample:app",
    "ledger": "ledger:ledger",
    "outbox": "outbox:app",
    "line": "line:line",
    "hmi": "hmi:hmi",
}
"""Command -> module below station.cli, and the function or sub-application in it."""


class Commands(TyperGroup):
    """The commands above; importing all of them would take longer than a first inspection."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"station.cli.{module}"), name)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command()(function)
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="station",
    cls=Commands,
    help="The inspection station: frames in, pass or fail out, with reason and picture.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def station(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """The inspection station."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; errors of the station end with one clear line and exit code 2."""
    try:
        app()
    except StationError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(2)
