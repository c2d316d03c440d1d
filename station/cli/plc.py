"""`station plc`: a simulated PLC, the kit for a real one, and what the station tells a PLC."""

import typer

from station.cli.plc_kit_command import kit
from station.cli.plc_sim_command import sim
from station.cli.plc_status import status

app = typer.Typer(
    help="A simulated PLC, and what a real one needs.", no_args_is_help=True, add_completion=False
)
app.command()(sim)
app.command()(kit)
app.command()(status)
