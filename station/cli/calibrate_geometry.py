"""`station calibrate lens` and `station calibrate scale`: where things are, in px and in mm."""

from collections.abc import Sequence
from typing import Annotated, Literal

import typer
from rich.table import Table

from station.cli.calibration_files import (
    DueDays,
    Overdue,
    found_configuration,
    keep_report,
    keep_step,
    show,
    warn,
)
from station.cli.calibration_shots import (
    STATION_TOML,
    Camera,
    CameraId,
    Folder,
    Judge,
    Origin,
    Seconds,
    Settings,
    SourceOf,
    one_size,
)
from station.core.configuration import Contribution
from station.core.frame import Image
from station.vision.calibrating.board import Board, BoardView, find_board
from station.vision.calibrating.coverage import (
    count_corners,
    draw_report,
    missing_places,
    missing_views,
)
from station.vision.calibrating.lens import LensFit, alike, fit_lens
from station.vision.calibrating.plane import PlaneFit, fit_plane

_BOARD = Board()
Kind = Annotated[
    Literal["charuco", "chessboard"], typer.Option("--board", help="As printed on the board.")
]
Columns = Annotated[int, typer.Option(min=3, max=60, help="Squares across.")]
Rows = Annotated[int, typer.Option(min=3, max=60, help="Squares down.")]
SquareMm = Annotated[float, typer.Option(min=0.1, help="Edge of a square, as measured.")]
MarkerMm = Annotated[float, typer.Option(min=0.05, help="Edge of a ChArUco marker.")]
Dictionary = Annotated[str, typer.Option(help="Markers of a ChArUco board.")]


def lens(
    folder: Folder = None,
    camera: Camera = False,
    settings: Settings = STATION_TOML,
    source: SourceOf = None,
    camera_id: CameraId = None,
    pictures: Annotated[int, typer.Option(min=6, help="With --camera: how many views.")] = 20,
    seconds: Seconds = 300,
    board: Kind = _BOARD.kind,
    columns: Columns = _BOARD.columns,
    rows: Rows = _BOARD.rows,
    square_mm: SquareMm = _BOARD.square_mm,
    marker_mm: MarkerMm = _BOARD.marker_mm,
    dictionary: Dictionary = _BOARD.dictionary,
    due_days: DueDays = 365,
    when_overdue: Overdue = None,
) -> None:
    """Calibrate the lens from pictures of a board held at many places and tilts.

    Print the board with `station calibrate target`. Focus and zoom must stay as they are from now
    on; the scale must be calibrated afterwards.
    """
    origin = Origin.of(folder, camera, settings, source, camera_id, seconds)
    before = found_configuration(origin.camera_id)
    target = Board(
        kind=board, columns=columns, rows=rows, square_mm=square_mm, marker_mm=marker_mm,
        dictionary=dictionary,
    )  # fmt: skip
    shots = origin.pictures("lens", pictures, _new_views(target))
    fit = fit_lens(_views(shots, target), one_size(shots))
    _tell_lens(fit)
    keep_report(draw_report(fit, origin.camera_id), origin.camera_id, "lens")
    keep_step(
        before, "lens", fit.lens, size=fit.size, contributions=_of_lens(fit), due_days=due_days,
        when_overdue=when_overdue,
    )  # fmt: skip
    _tell_what_follows()


def scale(
    folder: Folder = None,
    camera: Camera = False,
    settings: Settings = STATION_TOML,
    source: SourceOf = None,
    camera_id: CameraId = None,
    pictures: Annotated[int, typer.Option(min=1, help="With --camera: how many pictures.")] = 5,
    seconds: Seconds = 60,
    board: Kind = _BOARD.kind,
    columns: Columns = _BOARD.columns,
    rows: Rows = _BOARD.rows,
    square_mm: SquareMm = _BOARD.square_mm,
    marker_mm: MarkerMm = _BOARD.marker_mm,
    dictionary: Dictionary = _BOARD.dictionary,
    due_days: DueDays = 365,
    when_overdue: Overdue = None,
) -> None:
    """Calibrate pixels to mm from pictures of a board lying still in the plane of the parts.

    The camera may look at it tilted. Pictures of one placing are averaged, and tell the
    repeatability.
    """
    origin = Origin.of(folder, camera, settings, source, camera_id, seconds)
    before = found_configuration(origin.camera_id)
    target = Board(
        kind=board, columns=columns, rows=rows, square_mm=square_mm, marker_mm=marker_mm,
        dictionary=dictionary,
    )  # fmt: skip
    shots = origin.pictures("scale", pictures, _with_board(target))
    size = one_size(shots)
    if before.lens:
        before.check_size(*size)
    fit = fit_plane(_views(shots, target), before.lens, size)
    _tell_plane(fit)
    keep_step(
        before, "scale", fit.plane, size=size, contributions=_of_plane(fit), due_days=due_days,
        when_overdue=when_overdue,
    )  # fmt: skip


def _views(shots: Sequence[tuple[str, Image]], board: Board) -> list[BoardView]:
    views = []
    for name, image in shots:
        view = find_board(image, board, name)
        if view is None:
            warn(f"{name}: no {board.in_words} is seen in it")
        else:
            views.append(view)
    return views


def _with_board(board: Board) -> Judge:
    return lambda image: "" if find_board(image, board) else f"no {board.in_words} is seen"


def _new_views(board: Board) -> Judge:
    """Wants pictures whose board lies elsewhere than in all before."""
    kept: list[BoardView] = []

    def judge(image: Image) -> str:
        view = find_board(image, board)
        if view is None:
            return f"no {board.in_words} is seen"
        size = (image.shape[1], image.shape[0])
        if any(alike(view, other, size) for other in kept):
            where = ", ".join(missing_places(kept, size))
            return f"move and tilt the board{f'; not yet seen: {where}' if where else ''}"
        kept.append(view)
        return ""

    return judge


def _tell_lens(fit: LensFit) -> None:
    table = Table()
    for column in ("picture", "corners", "error px", "tilt left/right", "tilt up/down"):
        table.add_column(column, justify="left" if column == "picture" else "right")
    for entry in fit.views:
        across, down = entry.tilt_deg
        table.add_row(
            entry.view.name, str(len(entry.view.ids)), f"{entry.error_px:.3f}", f"{across:+.0f}°",
            f"{down:+.0f}°",
        )  # fmt: skip
    show("views the lens rests on", table)
    for dropped in fit.dropped:
        typer.secho(f"  left out: {dropped.name}: {dropped.why}", fg="yellow")
    show("corners seen in each field of the picture", _coverage(fit))
    lens = fit.lens
    typer.echo(
        f"reprojection {lens.error_px:.3f} px, on views held out {lens.held_out_error_px:.3f} px; "
        f"focal length {lens.camera_matrix[0]:.1f} px ± {fit.focal_error_share:.2%}; "
        f"the corrected picture shows {fit.field_share:.1%} of the acquired one"
    )
    for words in missing_views(fit):
        warn(words)


def _coverage(fit: LensFit) -> Table:
    counts = count_corners([entry.view for entry in fit.views], fit.size)
    table = Table(show_header=False)
    for row in counts.tolist():
        table.add_row(*(str(count) if count else "[red]none[/red]" for count in row))
    return table


def _tell_plane(fit: PlaneFit) -> None:
    typer.echo(
        f"scale {fit.mm_per_px:.5f} mm a pixel at the centre; residual {fit.plane.error_mm:.4f} mm "
        f"({fit.residual_px:.3f} px), worst {fit.worst_mm:.4f} mm, of {fit.corners} corners over "
        f"{fit.covered_share:.0%} of the picture"
    )
    if fit.tilt_deg is not None and fit.mismatch is not None:
        typer.echo(
            f"the plane is tilted {fit.tilt_deg:.1f}° against the sensor and agrees with the lens "
            f"to {fit.mismatch:.2%}"
        )
    for words in fit.warnings:
        warn(words)


def _tell_what_follows() -> None:
    warn(
        "tools see the corrected picture from now on: regions drawn and models taught before lie "
        "in other pixels (station calibrate apply DIR OUT shows them)"
    )
    typer.echo("next: lay the board where the parts lie, then station calibrate scale")


def _of_lens(fit: LensFit) -> tuple[Contribution, ...]:
    error_px = fit.lens.held_out_error_px
    return (Contribution(source="lens, held-out reprojection", step="lens", error_px=error_px),)


def _of_plane(fit: PlaneFit) -> tuple[Contribution, ...]:
    residual = Contribution(
        source="plane, residual of the board", step="scale", error_px=fit.residual_px,
        error_mm=fit.plane.error_mm,
    )  # fmt: skip
    if fit.repeatability_px is None:
        return (residual,)
    repeatability = Contribution(
        source="repeatability from picture to picture", step="scale", error_px=fit.repeatability_px
    )
    return residual, repeatability
