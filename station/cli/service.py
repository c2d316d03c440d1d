"""`station service`: run the station as a service of the operating system, from its start on."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from station.cli.home import home
from station.cli.service_needs import Needs, needs_of
from station.cli.service_systemd import systemd_unit
from station.cli.service_windows import powershell_script, winsw_xml
from station.core.errors import StationError
from station.core.files import write_whole
from station.line.settings import read_settings

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
    needs = _needs()
    _give(systemd_unit(home(), user, needs), to)
    typer.echo(_steps(user, to, needs or Needs()), err=True)


def _needs() -> Needs | None:
    """What the station's settings need; None, and a warning: they cannot be read."""
    try:
        return needs_of(read_settings(home() / "station.toml"), home())
    except StationError as error:
        typer.secho(
            f"warning: {error}; write the unit anew once the settings can be read: it opens the "
            "folders and ports they name",
            fg="yellow",
            err=True,
        )
        return None


def _steps(user: str, to: Path | None, needs: Needs) -> str:
    """What is left to do; the unit is written first, while the folder is still one's own."""
    folder, name = shlex.quote(str(home())), shlex.quote(user)
    again = f"STATION_HOME={folder} {shlex.quote(sys.executable)} -m station service systemd"
    unit = "/etc/systemd/system/station.service"
    put = f"{again} --user {name} | sudo tee {unit} >/dev/null"
    if to is not None:
        put = f"sudo install -m 644 {shlex.quote(str(to))} {unit}"
    others = ", ".join(map(str, needs.folders))
    return (
        f"# 1. {put}\n"
        f"# 2. sudo useradd --system --home-dir {folder} {name}; sudo chown -R {name} {folder}\n"
        + (f"#    Let {user} write to {others}, too.\n" if others else "")
        + "# 3. sudo systemctl daemon-reload; sudo systemctl enable --now station\n"
        "# 4. systemctl status station; journalctl -u station"
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
