"""`station calibrate focus`: a live number to turn the focus ring by, or pictures by sharpness."""

import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from station.cli.calibration_files import found_configuration, keep_step, show, warn
from station.cli.calibration_shots import (
    STATION_TOML,
    Camera,
    CameraId,
    Folder,
    Origin,
    Seconds,
    Settings,
    SourceOf,
)
from station.cli.home import home
from station.core.corrections import Focus
from station.core.errors import CalibrationError, SettingsError
from station.core.files import write_whole
from station.core.frame import Image
from station.core.region import Rectangle
from station.vision.calibrating.focus import sharpness
from station.vision.frames import decoded
from station.vision.geometry import cut
from station.vision.images import encode_png

BAR = 40
SHOWN_EVERY_S = 0.1
PLENTY = 1_000_000


def focus(
    folder: Folder = None,
    camera: Camera = False,
    settings: Settings = STATION_TOML,
    source: SourceOf = None,
    camera_id: CameraId = None,
    seconds: Seconds = 60,
    region: Annotated[
        str | None, typer.Option(help="Look only here: x,y,width,height in pixels.")
    ] = None,
) -> None:
    """Show how sharp the picture is while you turn the focus ring; with DIR, sort its pictures.

    The number is comparable only while the scene stays the same. Ctrl-C ends it; the best is kept.
    """
    origin = Origin.of(folder, camera, settings, source, camera_id, seconds)
    before = found_configuration(origin.camera_id)
    where = _region(region) if region else None
    best = _live(origin, where) if origin.source else _sorted(origin, where)
    if not best > 0:
        raise CalibrationError("the picture is even: there is nothing to focus on")
    if before.lens or before.plane:
        warn("if the focus ring was turned, lens and scale no longer hold: calibrate both again")
    keep_step(before, "focus", Focus(best=best), due_days=None)


def _sorted(origin: Origin, where: Rectangle | None) -> float:
    rows = [
        (sharpness(cut(image, where)), name)
        for name, image in origin.pictures("focus", PLENTY)
    ]  # fmt: skip
    rows.sort(reverse=True)
    table = Table()
    for column in ("picture", "sharpness", "of the best"):
        table.add_column(column, justify="left" if column == "picture" else "right")
    best = rows[0][0]
    for value, name in rows:
        table.add_row(name, f"{value:.2f}", f"{value / max(best, 1e-9):.0%}")
    show("pictures by sharpness", table)
    return best


def _live(origin: Origin, where: Rectangle | None) -> float:
    """The number, again and again; the sharpest picture is kept."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    kept = home() / "calibration" / "pictures" / origin.camera_id / f"focus-{stamp}" / "best.png"
    best: tuple[float, Image | None] = (0.0, None)
    until_s, shown_s = time.monotonic() + origin.seconds, 0.0
    if origin.source is None:
        raise SettingsError("there is no camera to focus")
    try:
        with closing(origin.source.open()) as feed:
            while time.monotonic() < until_s:
                frame = feed.grab(max(0.1, until_s - time.monotonic()))
                if frame is None:
                    break
                frame = decoded(frame)
                value = sharpness(cut(frame.image, where))
                if value > best[0]:
                    best = value, frame.image
                if time.monotonic() - shown_s >= SHOWN_EVERY_S:
                    shown_s = time.monotonic()
                    _show(value, best[0])
    except KeyboardInterrupt:
        pass
    typer.echo(f"\nbest {best[0]:.2f}")
    if best[1] is not None:
        write_whole(kept, encode_png(best[1]), durable=False)
        typer.echo(f"the sharpest picture: {kept}")
    return best[0]


def _show(value: float, best: float) -> None:
    filled = round(BAR * value / max(best, 1e-9))
    bar = "█" * filled + "·" * (BAR - filled)
    typer.echo(f"\r{bar} {value:8.2f}  best {best:8.2f}  {value / max(best, 1e-9):4.0%}", nl=False)


def _region(text: str) -> Rectangle:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
        return Rectangle(x=x, y=y, width=width, height=height)
    except ValueError as error:
        raise SettingsError(f"--region {text!r} is not x,y,width,height: {error}") from error
