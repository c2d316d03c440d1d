"""The bare demo board with its traces, pads and silk screen, and the tray it lies on."""

from functools import lru_cache

import cv2
import numpy as np
import zxingcpp

from station.sources.synthetic.board_plan import (
    CODE,
    FREE,
    HEIGHT_PX,
    POSITIONS,
    TEXT,
    WIDTH_PX,
    Position,
)
from station.sources.synthetic.exact import Bytes, random_bytes, smooth_field, speckle, stream
from station.sources.synthetic.lettering import letter

_TRACES, _TRAY = 51, 52
_OVER = 4
MASK, COPPER, PAD, SILK = (66, 96, 30), (78, 116, 40), (152, 178, 190), (206, 212, 208)
_MODULE_PX = 5


@lru_cache(maxsize=1)
def bare_board() -> Bytes:
    """The board without components, text and code: BGR uint8 [HEIGHT_PX, WIDTH_PX, 3]."""
    drawn = np.empty((HEIGHT_PX * _OVER, WIDTH_PX * _OVER, 3), np.uint8)
    drawn[:] = MASK
    _traces(drawn)
    for x in (34, WIDTH_PX - 34):
        for y in (34, HEIGHT_PX - 34):
            _disc(drawn, x, y, 24, PAD)
            _disc(drawn, x, y, 15, (40, 42, 44))
    for position in (*POSITIONS, *FREE):
        _footprint(drawn, position)
    size = (WIDTH_PX, HEIGHT_PX)
    board = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
    for position in (*POSITIONS, *FREE):
        _name(board, position)
    stamp(board, letter("CTRL-24 V2", "strokes", 14), 490, 26, SILK)
    board.flags.writeable = False
    return board


@lru_cache(maxsize=2)
def tray(width: int, height: int) -> Bytes:
    """The dark tray, larger than any picture by 64 px: BGR uint8."""
    shape = (height + 64, width + 64)
    rng = stream(0, _TRAY)
    tone = np.float32(58) + np.float32(7) * smooth_field(rng, shape, 160)
    tone += np.float32(5) * speckle(rng, shape, (3, 3))
    for x in range(0, shape[1], 96):
        tone[:, x : x + 2] -= np.float32(14)
        tone[:, x + 2 : x + 4] += np.float32(9)
    grey = np.clip(tone, 0, 255).astype(np.uint8)
    picture = np.stack([grey, grey, grey - np.minimum(grey, np.uint8(4))], axis=2)
    picture.flags.writeable = False
    return np.ascontiguousarray(picture)


def print_text(board: Bytes, line: str) -> None:
    """The line of text in silk screen, in place."""
    ink = letter(line, "strokes", 26)
    stamp(board, ink, int(TEXT.x) + 9, int(TEXT.y) + 9, SILK)


def stick_code(board: Bytes, elements: str) -> None:
    """The white label with a GS1 DataMatrix of `(01)…(10)…(21)…`, in place."""
    x, y, side = int(CODE.x), int(CODE.y), int(CODE.width)
    board[y : y + side, x : x + side] = (222, 226, 226)
    code = zxingcpp.create_barcode(elements, zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    modules = np.array(code.to_image(scale=1), np.uint8)
    large = np.repeat(np.repeat(modules, _MODULE_PX, axis=0), _MODULE_PX, axis=1)
    top, left = y + (side - large.shape[0]) // 2, x + (side - large.shape[1]) // 2
    under = board[top : top + large.shape[0], left : left + large.shape[1]]
    under[large == 0] = (34, 32, 32)


def stamp(board: Bytes, ink: Bytes, x: int, y: int, colour: tuple[int, int, int]) -> None:
    """Lay ink of a colour on the board, in place; `ink` is coverage 0 to 255."""
    under = board[y : y + ink.shape[0], x : x + ink.shape[1]]
    cover = ink[: under.shape[0], : under.shape[1]].astype(np.int32)[:, :, None]
    mixed = (under * (255 - cover) + np.array(colour, np.int32) * cover) // 255
    under[:] = mixed.astype(np.uint8)


def _traces(drawn: Bytes) -> None:
    """Copper under the mask: bundles of lines that bend by 45 degrees, and vias."""
    rng = stream(0, _TRACES)
    for _ in range(46):
        x, y = int(rng.integers(30, WIDTH_PX - 30)), int(rng.integers(30, HEIGHT_PX - 30))
        across, bend = int(rng.integers(40, 190)), int(rng.integers(-50, 50))
        for lane in range(int(rng.integers(1, 4))):
            points = ((x, y), (x + across, y), (x + across + abs(bend), y + bend))
            large = np.array([(px, py + 7 * lane) for px, py in points], np.int32) * _OVER
            cv2.polylines(drawn, [large], False, COPPER, 3 * _OVER, cv2.LINE_8)
            end = (large[-1, 0] // _OVER, large[-1, 1] // _OVER)
            _disc(drawn, end[0], end[1], 5, PAD)
            _disc(drawn, end[0], end[1], 2, (40, 46, 40))
    grain = random_bytes(rng, (drawn.shape[0] // 8, drawn.shape[1] // 8, 1)) // 64
    drawn += np.repeat(np.repeat(np.repeat(grain, 8, axis=0), 8, axis=1), 3, axis=2)


def _footprint(drawn: Bytes, position: Position) -> None:
    """Pads and outline of a place, turned with it."""
    for x, y, width, height in _pads(position):
        _box(drawn, position, x, y, width, height, PAD)
    half_w, half_h = position.width / 2 + 4, position.height / 2 + 4
    for x, y, width, height in (
        (-half_w, -half_h, 2 * half_w, 1.5),
        (-half_w, half_h - 1.5, 2 * half_w, 1.5),
        (-half_w, -half_h, 1.5, 2 * half_h),
        (half_w - 1.5, -half_h, 1.5, 2 * half_h),
    ):
        _box(drawn, position, x, y, width, height, SILK)


def _pads(position: Position) -> list[tuple[float, float, float, float]]:
    """Boxes (x, y, w, h) about the middle of a place, before it is turned."""
    w, h = position.width, position.height
    match position.footprint:
        case "soic16" | "soic8":
            legs = 8 if position.footprint == "soic16" else 4
            pitch = (w - 4) / legs
            columns = [2 + pitch * (leg + 0.5) - w / 2 for leg in range(legs)]
            return [(x - 5, y, 10, 18) for x in columns for y in (-h / 2, h / 2 - 18)]
        case "qfp":
            pitch = (w - 32) / 12
            places = [16 + pitch * (leg + 0.5) - w / 2 for leg in range(12)]
            rows = [(x - 3, y, 6.0, 16.0) for x in places for y in (-h / 2, h / 2 - 16)]
            return rows + [(y, x, down, across) for x, y, across, down in rows]
        case "header" | "terminal":
            count = 5 if position.footprint == "header" else 3
            pitch = w / count
            return [(pitch * (n + 0.5) - w / 2 - 7, -7, 14, 14) for n in range(count)]
        case "sot":
            return [(-w / 2 + 7, h / 2 - 16, 13, 16), (w / 2 - 20, h / 2 - 16, 13, 16),
                    (-7, -h / 2, 14, 16)]  # fmt: skip
        case _:
            side = min(18.0, h - 6)
            return [(-w / 2, -side / 2, side, side), (w / 2 - side, -side / 2, side, side)]


def _box(
    drawn: Bytes, position: Position, x: float, y: float, width: float, height: float,
    colour: tuple[int, int, int],
) -> None:  # fmt: skip
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    turned = [_turned(px, py, position.angle_deg) for px, py in corners]
    large = [(round((position.x + px) * _OVER), round((position.y + py) * _OVER))
             for px, py in turned]  # fmt: skip
    cv2.fillConvexPoly(drawn, np.array(large, np.int32), colour, cv2.LINE_8)


def _turned(x: float, y: float, angle_deg: int) -> tuple[float, float]:
    """Turned clockwise by a multiple of 90 degrees."""
    for _ in range(angle_deg // 90 % 4):
        x, y = -y, x
    return x, y


def _disc(drawn: Bytes, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    centre = (round(x * _OVER), round(y * _OVER))
    cv2.circle(drawn, centre, round(radius * _OVER), colour, -1, cv2.LINE_8)


def _name(board: Bytes, position: Position) -> None:
    """The name of a place beside it."""
    ink = letter(position.name, "strokes", 11)
    region = position.region
    x, y = int(region.x), int(region.y) - 20
    stamp(board, ink, max(2, x), max(2, y), SILK)
