"""Printed targets: their true size in PDF and PNG, and that what is printed is found again."""

import io
import re

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from station.core.errors import SettingsError
from station.vision.calibrating.board import Board, BoardKind, find_board
from station.vision.calibrating.colour_card import SRGB, find_card
from station.vision.calibrating.target import PAPERS_MM, Target, draw_board, draw_colour_card

MM_PER_POINT = 25.4 / 72


def page_mm(pdf: bytes) -> tuple[float, ...]:
    found = re.search(rb"/MediaBox\s*\[([^\]]*)\]", pdf)
    assert found
    _, _, width, height = (float(number) for number in found.group(1).split())
    return width * MM_PER_POINT, height * MM_PER_POINT


def png_px_per_m(png: bytes) -> tuple[int, int, int]:
    at = png.index(b"pHYs") + 4
    return int.from_bytes(png[at : at + 4]), int.from_bytes(png[at + 4 : at + 8]), png[at + 8]


@pytest.fixture(scope="module")
def charuco() -> Target:
    return draw_board(Board(), "A4")


def test_the_page_has_the_papers_size(charuco: Target) -> None:
    for target in (charuco, draw_colour_card("A3")):
        paper = PAPERS_MM["A4" if target is charuco else "A3"]
        assert page_mm(target.pdf("board")) == pytest.approx(paper, abs=0.02)
        png = target.png("board")
        across, down, unit = png_px_per_m(png)
        assert (across, down, unit) == (target.px_per_mm * 1000, target.px_per_mm * 1000, 1)
        size = Pillow.open(io.BytesIO(png)).size
        assert (size[0] / across * 1e3, size[1] / down * 1e3) == pytest.approx(paper, abs=0.05)


@pytest.mark.parametrize("kind", ["charuco", "chessboard"])
def test_a_printed_board_is_found_in_true_size(kind: BoardKind) -> None:
    board = Board(kind=kind)
    target = draw_board(board, "A4")
    page = np.asarray(target.page.convert("L").resize((297 * 2, 210 * 2)), np.uint8)
    view = find_board(page, board)
    assert view is not None
    assert len(view.ids) == 88
    apart_px = np.linalg.norm(view.points_px[0] - view.points_px[-1])
    apart_mm = np.linalg.norm(view.points_mm[0] - view.points_mm[-1])
    assert apart_px / 2 == pytest.approx(apart_mm, rel=0.001)


def test_the_line_to_check_by_is_100_mm(charuco: Target) -> None:
    page = ~np.asarray(charuco.page)
    scale = charuco.px_per_mm
    foot = page[page.shape[0] - 16 * scale : page.shape[0] - 10 * scale, : 150 * scale]
    row = max(foot, key=lambda pixels: int(pixels.sum()))
    inked = np.nonzero(row)[0]
    assert (inked[-1] - inked[0]) / scale == pytest.approx(100, abs=0.3)
    assert row[inked[0] : inked[-1]].all()


def test_the_cards_colours_are_those_of_the_table() -> None:
    page = np.asarray(draw_colour_card("A4").page)[::3, ::3, ::-1]
    view = find_card(np.ascontiguousarray(page))
    assert view is not None
    assert np.array_equal(view.values.round(), np.array(SRGB))
    assert len(set(SRGB)) == 24


def test_what_does_not_fit_the_paper_is_refused() -> None:
    with pytest.raises(SettingsError, match="do not fit A5"):
        draw_board(Board(), "A5")
    with pytest.raises(SettingsError, match="do not fit A5"):
        draw_colour_card("A5")
    with pytest.raises(SettingsError, match="no paper"):
        draw_board(Board(), "B4")
    assert draw_board(Board(square_mm=10, marker_mm=7), "A5").px_per_mm == 20


def test_colours_stay_in_the_pdf() -> None:
    pdf = draw_colour_card("A4").pdf("card")
    start = pdf.index(b"\xff\xd8")
    shown = cv2.imdecode(np.frombuffer(pdf[start:], np.uint8), cv2.IMREAD_COLOR)
    view = find_card(np.asarray(shown, np.uint8))
    assert view is not None
    assert np.abs(view.values - np.array(SRGB)).max() < 2
