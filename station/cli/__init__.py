"""The command line: one file a command."""

import sys

import typer

from station import __version__
from station.core.errors import StationError

app = typer.Typer(
    name="station",
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
