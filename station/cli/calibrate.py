"""`station calibrate`: what makes this station give the same answer as the next one."""

import typer

from station.cli.calibrate_apply import apply
from station.cli.calibrate_focus import focus
from station.cli.calibrate_geometry import lens, scale
from station.cli.calibrate_light import colour, flat
from station.cli.calibrate_target import target

app = typer.Typer(
    help="Calibrate a camera: focus, lens, scale, flat field, colour; print the targets for it.",
    no_args_is_help=True,
    add_completion=False,
)
for command in (target, focus, lens, scale, flat, colour, apply):
    app.command()(command)
