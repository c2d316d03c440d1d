"""`station calibrate target`: boards and cards to print in true size."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from station.cli.calibrate_geometry import Columns, Dictionary, MarkerMm, Rows, SquareMm
from station.core.files import write_whole
from station.vision.calibrating.board import Board
from station.vision.calibrating.target import PAPERS_MM, draw_board, draw_colour_card

_BOARD = Board()


def target(
    kind: Annotated[
        Literal["charuco", "chessboard", "colour"], typer.Argument(help="Which.")
    ] = "charuco",
    pdf: Annotated[Path | None, typer.Option(help="Write a PDF here.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write a PNG here.")] = None,
    paper: Annotated[str, typer.Option(help=", ".join(PAPERS_MM))] = "A4",
    columns: Columns = _BOARD.columns,
    rows: Rows = _BOARD.rows,
    square_mm: SquareMm = _BOARD.square_mm,
    marker_mm: MarkerMm = _BOARD.marker_mm,
    dictionary: Dictionary = _BOARD.dictionary,
) -> None:
    """Write a target to print; without --pdf or --png both, into the present folder.

    Print at 100 % ("actual size"), measure the line, glue the sheet on something flat and stiff.
    """
    if kind == "colour":
        drawn, words = draw_colour_card(paper), "colour card"
    else:
        board = Board(
            kind=kind, columns=columns, rows=rows, square_mm=square_mm, marker_mm=marker_mm,
            dictionary=dictionary,
        )  # fmt: skip
        drawn, words = draw_board(board, paper), board.in_words
    if pdf is None and png is None:
        pdf, png = Path(f"target_{kind}_{paper}.pdf"), Path(f"target_{kind}_{paper}.png")
    files = [(path, pack) for path, pack in ((pdf, drawn.pdf), (png, drawn.png)) if path]
    for path, pack in files:
        write_whole(path, pack(words))
        typer.echo(f"{path}: {words}, on {paper}")
    typer.echo("print at 100 %, then measure the line: it must be 100.0 mm")
    if kind == "colour":
        typer.echo("printers differ: for true colours measure the patches and give --values FILE")
    else:
        typer.echo("if it is not, give --square-mm as measured to the commands that use the board")
