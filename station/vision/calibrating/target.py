"""Targets to print in true size: boards and the colour card, with a line to check the size by."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from station.core.errors import SettingsError
from station.vision.calibrating import colour_card
from station.vision.calibrating.board import Board, charuco_of

PX_PER_MM = {"board": 20, "colour": 10}
"""Whole pixels a millimetre, so that no edge is rounded: 508 and 254 dots an inch."""
PAPERS_MM: dict[str, tuple[float, float]] = {
    "A5": (210, 148), "A4": (297, 210), "A3": (420, 297), "A2": (594, 420), "A1": (841, 594),
    "letter": (279.4, 215.9),
}  # fmt: skip
"""Width and height, lying."""

MARGIN_MM, FOOT_MM = 6.0, 20.0
RULER_MM = 100.0
MM_PER_INCH = 25.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One page, to be printed at 100 %."""

    page: Pillow.Image
    px_per_mm: int

    @property
    def dpi(self) -> float:
        """Dots an inch at which the page has its true size."""
        return self.px_per_mm * MM_PER_INCH

    def png(self, title: str) -> bytes:
        """PNG bytes with the resolution in them (pHYs, in pixels a metre)."""
        buffer = io.BytesIO()
        told = PngInfo()
        told.add_text("Title", title)
        self.page.save(buffer, "PNG", dpi=(self.dpi, self.dpi), pnginfo=told, optimize=True)
        return buffer.getvalue()

    def pdf(self, title: str) -> bytes:
        """PDF bytes of one page in the paper's size; boards without loss."""
        buffer = io.BytesIO()
        # a black and white page is packed without loss; a coloured one becomes the best JPEG
        jpeg = {} if self.page.mode == "1" else {"quality": 100, "subsampling": 0}
        self.page.save(buffer, "PDF", resolution=self.dpi, title=title, **jpeg)
        return buffer.getvalue()


def draw_board(board: Board, paper: str) -> Target:
    """A board on a page, black and white.

    Raises:
        SettingsError: it does not fit the paper.
    """
    scale = PX_PER_MM["board"]
    page, corner = _page("1", paper, board.size_mm, scale)
    page.paste(Pillow.fromarray(_pattern(board, scale)).convert("1"), corner)
    _draw_foot(page, scale, board.in_words, f"station calibrate lens DIR{_arguments(board)}")
    return Target(page=page, px_per_mm=scale)


def draw_colour_card(paper: str) -> Target:
    """The colour card on a page.

    Raises:
        SettingsError: it does not fit the paper.
    """
    scale = PX_PER_MM["colour"]
    page, (left, top) = _page("RGB", paper, colour_card.SIZE_MM, scale)
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, colour_card.DICTIONARY))
    edge_px = round(colour_card.MARKER_MM * scale)
    for number in range(4):
        marker = cv2.aruco.generateImageMarker(dictionary, number, edge_px)
        x, y = colour_card.marker_corner_mm(number)
        at = (left + round(x * scale), top + round(y * scale))
        page.paste(Pillow.fromarray(np.asarray(marker, np.uint8)), at)
    pen = ImageDraw.Draw(page)
    for number, colour in enumerate(colour_card.SRGB):
        x, y = (round(mm * scale) for mm in colour_card.patch_corner_mm(number))
        side = round(colour_card.PATCH_MM * scale) - 1
        pen.rectangle((left + x, top + y, left + x + side, top + y + side), fill=colour)
    words = f"colour card, 24 patches of {colour_card.PATCH_MM:g} mm, {colour_card.DICTIONARY} 0-3"
    _draw_foot(page, scale, words, "station calibrate colour DIR")
    return Target(page=page, px_per_mm=scale)


def _page(
    mode: str, paper: str, size_mm: tuple[float, float], scale: int
) -> tuple[Pillow.Image, tuple[int, int]]:
    """A white page, and where the pattern's top-left corner goes."""
    if paper not in PAPERS_MM:
        raise SettingsError(f"there is no paper {paper!r}; choose from {', '.join(PAPERS_MM)}")
    width_mm, height_mm = PAPERS_MM[paper]
    free_mm = width_mm - 2 * MARGIN_MM, height_mm - MARGIN_MM - FOOT_MM
    if size_mm[0] > free_mm[0] or size_mm[1] > free_mm[1]:
        raise SettingsError(
            f"{size_mm[0]:g} x {size_mm[1]:g} mm do not fit {paper}, which leaves "
            f"{free_mm[0]:g} x {free_mm[1]:g} mm; choose larger paper, smaller or fewer squares"
        )
    pixels = round(width_mm * scale), round(height_mm * scale)
    page = Pillow.new(mode, pixels, 1 if mode == "1" else (255, 255, 255))
    across = round((width_mm - size_mm[0]) / 2 * scale)
    down = round((MARGIN_MM + (free_mm[1] - size_mm[1]) / 2) * scale)
    return page, (across, down)


def _pattern(board: Board, scale: int) -> np.ndarray:
    edge_px = round(board.square_mm * scale)
    if board.kind == "charuco":
        size = (board.columns * edge_px, board.rows * edge_px)
        return np.asarray(charuco_of(board).generateImage(size, marginSize=0), np.uint8)
    down, across = np.indices((board.rows * edge_px, board.columns * edge_px)) // edge_px
    return np.asarray((down + across) % 2 * 255, np.uint8)


def _draw_foot(page: Pillow.Image, scale: int, words: str, command: str) -> None:
    """The line to check the size by, and what later commands must know."""
    pen = ImageDraw.Draw(page)
    ink = 0 if page.mode == "1" else (0, 0, 0)
    left, y = round(20 * scale), page.height - round((FOOT_MM - 7) * scale)
    right, tick, pen_px = left + round(RULER_MM * scale), 2 * scale, max(1, scale // 5)
    pen.line((left, y, right, y), fill=ink, width=pen_px)
    for x in (left, right):
        pen.line((x, y - tick, x, y + tick), fill=ink, width=pen_px)
    font = ImageFont.load_default(size=3 * scale)
    check = f"this line must be {RULER_MM:.1f} mm from tick to tick: print at 100 %, measure it"
    pen.text((left + scale, y + scale // 2), check, fill=ink, font=font)
    pen.text((right + 8 * scale, y - 4 * scale), words, fill=ink, font=font)
    pen.text((right + 8 * scale, y + scale // 2), command, fill=ink, font=font)


def _arguments(board: Board) -> str:
    """What the command must be told, because it is not the default."""
    usual = Board(kind=board.kind)
    told = [] if board.kind == "charuco" else [f"--board {board.kind}"]
    for name in ("columns", "rows", "square_mm", "marker_mm", "dictionary"):
        of_markers = name in ("marker_mm", "dictionary")
        value = getattr(board, name)
        if value != getattr(usual, name) and not (of_markers and board.kind == "chessboard"):
            shown = f"{value:g}" if isinstance(value, float) else value
            told.append(f"--{name.replace('_', '-')} {shown}")
    return "".join(f" {entry}" for entry in told)
