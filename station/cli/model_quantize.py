"""`station model quantize`: a model in small whole numbers, where no verdict changes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from station.cli.home import home, model_dirs, shipped
from station.core.errors import ModelError

if TYPE_CHECKING:
    from station.teach.parity import Parity

EXIT_KEPT = 1


def quantize_model(
    model: Annotated[str, typer.Argument(metavar="NAME", help="name or name/version.")],
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Pictures of good and bad parts, best in such folders. [default: its samples]",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The new model. [default: NAME-int8]")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Make an int8 model: smaller, and faster where the processor has the instructions for it.

    Half of the pictures calibrate, all compare. The limits are refitted; if a verdict changes all
    the same, nothing is written, the exit code is 1, and the old model stays the one to use.
    """
    from station.teach.quantize import quantize  # the quantiser takes a second to import

    console = Console(stderr=True)
    folder = pictures or _samples(model)
    done = quantize(
        model, folder, model_dirs(), lambda line: console.out(line, highlight=False), name
    )
    for line in in_words(done.parity):
        typer.echo(line)
    if done.folder:
        typer.echo(f"model {done.card.reference} in {done.folder}")
    else:
        typer.secho(f"kept {done.parity.of}: verdicts change; nothing was written", fg="yellow")
    if as_json:
        kept = {"written": str(done.folder) if done.folder else None}
        typer.echo(json.dumps({**asdict(done.parity), **kept}))
    if done.folder is None:
        raise typer.Exit(EXIT_KEPT)


def _samples(model: str) -> Path:
    """The folder of sample pictures called like the model."""
    name = model.partition("/")[0]
    for root in (home(), shipped()):
        if (root / "sample_images" / name).is_dir():
            return root / "sample_images" / name
    raise ModelError(f"there are no sample pictures for {name}; give --pictures DIR")


def in_words(parity: "Parity") -> list[str]:
    """The comparison, a line each."""
    old, new = parity.old_limits, parity.limits
    lines = [
        f"pictures: {parity.pictures}, {parity.calibration_pictures} of them calibrated on",
        f"scores: off by up to {parity.largest_difference:.3g}, mean {parity.mean_difference:.3g}",
        f"changed verdicts: {parity.flips_at_old_limits}, at refitted limits {len(parity.flips)}",
        f"limits: accept {old[0]:.4g} -> {new[0]:.4g}, reject {old[1]:.4g} -> {new[1]:.4g}",
    ]
    if parity.auroc_before is not None and parity.auroc_after is not None:
        lines.append(f"AUROC: {parity.auroc_before:.4f} -> {parity.auroc_after:.4f}")
    lines.append(
        f"size: {parity.bytes_before / 1e6:.2f} -> {parity.bytes_after / 1e6:.2f} MB; "
        f"p50 {parity.p50_ms_before:.3g} -> {parity.p50_ms_after:.3g} ms a picture, in one run"
    )
    if parity.p50_ms_after >= parity.p50_ms_before:
        lines.append("note: it is not faster on this PC")
    lines += [f"changes: {name}" for name in parity.flips[:5]]
    return lines
