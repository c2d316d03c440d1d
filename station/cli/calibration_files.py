"""The station's Configuration as a calibration finds it, leaves it, and tells of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from station.cli.home import home, site
from station.cli.stages import PIPED_WIDTH
from station.core.calibration_steps import NewStep, with_step
from station.core.configuration import (
    Configuration,
    Contribution,
    StepName,
    WhenOverdue,
    keep_configuration,
)
from station.core.errors import SettingsError
from station.core.files import write_whole
from station.core.frame import Image
from station.vision.images import encode_png

DueDays = Annotated[float, typer.Option(min=1, help="Days until it must be made again.")]
Overdue = Annotated[
    Literal["warn", "not_decidable"] | None,
    typer.Option(
        "--when-overdue",
        help="not_decidable: no part passes after the due date. If not told: as it was, else warn.",
    ),
]


def found_configuration(camera_id: str) -> Configuration:
    """What is in use for a camera; the identity where it was never calibrated.

    Raises:
        SettingsError: the file is broken; nothing is written over it.
    """
    return site(camera_id).configuration


def keep_step(
    before: Configuration,
    name: StepName,
    found: object,
    *,
    size: tuple[int, int] | None = None,
    contributions: tuple[Contribution, ...] = (),
    due_days: float | None = 365,
    when_overdue: WhenOverdue | None = None,
) -> Configuration:
    """Write the Configuration with a new step in it, and say what that means.

    Raises:
        SettingsError: it cannot be written; the earlier one stays.
    """
    step = NewStep(
        name=name, found=found, image_size_px=size, contributions=contributions,
        made_at=datetime.now(UTC).replace(microsecond=0), due_days=due_days,
        when_overdue=when_overdue,
    )  # fmt: skip
    after, gone = with_step(before, step)
    path = _kept(after, home() / "calibration")
    for words in gone:
        warn(words)
    if after.error_budget:
        show("error budget (standard uncertainties)", _budget(after))
    due = f", due on {after.due_at:%Y-%m-%d} (then: {after.when_overdue})" if after.due_at else ""
    typer.echo(f"configuration {after.configuration_id}{due}, in {path}")
    typer.echo(
        "a running line takes it over when it is started again; a qualification made with an "
        "earlier configuration no longer counts"
    )
    return after


def keep_report(image: Image, camera_id: str, step: str) -> None:
    """Write a picture of what was found beside the Configuration."""
    path = home() / "calibration" / "reports" / f"{camera_id}_{step}.png"
    write_whole(path, encode_png(image), durable=False)
    typer.echo(f"report: {path}")


def warn(words: str) -> None:
    """One warning, in yellow."""
    typer.secho(f"warning: {words}", fg="yellow")


def show(title: str, table: Table) -> None:
    """A table under its title; wide enough when piped."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    typer.echo(title)
    console.print(table)


def _kept(configuration: Configuration, folder: Path) -> Path:
    try:
        return keep_configuration(configuration, folder)
    except OSError as error:
        raise SettingsError(
            f"cannot write the configuration to {folder}: {error.strerror or error}; the earlier "
            "one is still in use"
        ) from error


def _budget(configuration: Configuration) -> Table:
    table = Table()
    for column in ("source", "px", "mm"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for entry in configuration.error_budget:
        table.add_row(entry.source, f"{entry.error_px:.3f}", _number(entry.error_mm))
    table.add_section()
    table.add_row(
        "combined", _number(configuration.error_px(), 3), _number(configuration.error_mm())
    )
    return table


def _number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
