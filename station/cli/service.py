"""`station service`: run the station as a service of the operating system, from its start on."""

from pathlib import Path
from typing import Annotated

import typer

from station.cli.home import home
from station.cli.service_systemd import systemd_unit
from station.cli.service_windows import powershell_script, winsw_xml
from station.core.files import write_whole

app = typer.Typer(
    help="Recipes to run the station as a service of the operating system.",
    no_args_is_help=True,
    add_completion=False,
)

To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write it there.")]


@app.command()
def systemd(
    to: To = None,
    user: Annotated[str, typer.Option(help="Who the station runs as.")] = "station",
) -> None:
    """Write a systemd unit: watched over by the inspection loop, and shut off from the rest."""
    _give(systemd_unit(home(), user), to)
    typer.echo(
        "# 1. sudo useradd --system --home-dir "
        f"{home()} {user}; sudo chown -R {user} {home()}\n"
        "# 2. station service systemd --to station.service; "
        "sudo mv station.service /etc/systemd/system/\n"
        "# 3. sudo systemctl daemon-reload; sudo systemctl enable --now station\n"
        "# 4. systemctl status station; journalctl -u station",
        err=True,
    )


@app.command()
def windows(
    to: To = None,
    winsw: Annotated[
        bool, typer.Option("--winsw", help="For WinSW, which makes a real Windows service of it.")
    ] = False,
) -> None:
    """Write a PowerShell script that starts the station with Windows; never tried on Windows."""
    _give(winsw_xml(home()) if winsw else powershell_script(home()), to)


def _give(text: str, to: Path | None) -> None:
    if to is None:
        typer.echo(text, nl=False)
    else:
        write_whole(to, text.encode())
        typer.echo(f"wrote {to}", err=True)
