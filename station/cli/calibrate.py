"""`station calibrate`: what makes this station give the same answer as the next one."""

import typer

from station.cli.calibrate_geometry import lens, scale

app = typer.Typer(
    help="Calibrate a camera: lens, scale, flat field, colour, focus; print the targets for it.",
    no_args_is_help=True,
)
app.command()(lens)
app.command()(scale)
