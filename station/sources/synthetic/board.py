"""The demo board on its tray: 24 components, a line of text and a DataMatrix, rendered with truth.

The board is put together at one pixel a part pixel and laid into the picture by a map in 1/32 px;
whole arrays see integers only, so that every machine gives the same bits.
"""

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.random import Generator

from station.core.pose import Pose
from station.core.region import Rectangle
from station.sources.synthetic import board_faults
from station.sources.synthetic.board_ground import bare_board, print_text, stick_code, tray
from station.sources.synthetic.board_parts import FINE, picture_of
from station.sources.synthetic.board_plan import (
    BY_NAME,
    GTIN,
    HEIGHT_PX,
    PICTURE_PX,
    POSITIONS,
    WIDTH_PX,
    Placed,
    Truth,
)
from station.sources.synthetic.exact import (
    Bytes,
    cos_sin,
    normal_table,
    random_bytes,
    spread,
    stream,
)

NUMBER = 3
REASON_CODES = tuple(board_faults.FAULTS)
_POSE, _TONE, _NOISE, _PLACES, _LABEL, _FAULT, _TRAY = 1, 2, 3, 11, 12, 21, 31
_STEPS = 32
"""Places in a picture are rounded to this part of a pixel, as OpenCV's fixed-point maps are."""
_LIGHT = 7
"""Fractional bits of the light."""
Inverse: TypeAlias = tuple[tuple[float, float, float], tuple[float, float, float]]
_LOT_LETTERS = "ABCDEFHKLMNPRTX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One picture of a board: BGR uint8 [H, W, 3], read-only; what is on it, and the fault's box.

    `region` is (x, y, w, h) in pixels of the picture.
    """

    image: Bytes
    truth: Truth
    region: tuple[int, int, int, int] | None


def render_board(
    *,
    seed: int,
    defect: str | None = None,
    size: tuple[int, int] = PICTURE_PX,
    pose: Pose | None = None,
    position: str | None = None,
) -> Board:
    """Board number `seed`, good or with one fault; the same seed lies and is lit the same way.

    `pose` overrules where it lies, `position` where the fault is.
    """
    truth = _good(seed, size)
    area: Rectangle | None = None
    if defect is not None:
        rng = stream(seed, NUMBER, _FAULT)
        truth, area = board_faults.FAULTS[defect](truth, rng, position)
    truth = truth if pose is None else replace(truth, pose=pose)
    image = _picture(truth, seed, size)
    image.flags.writeable = False
    region = None if area is None else _box_in(truth.pose, area, size)
    return Board(image=image, truth=truth, region=region)


def upright_pose(size: tuple[int, int] = PICTURE_PX) -> Pose:
    """The board in the middle of a picture, level, one pixel a part pixel."""
    return Pose(x=(size[0] - WIDTH_PX) // 2, y=(size[1] - HEIGHT_PX) // 2)


def _good(seed: int, size: tuple[int, int]) -> Truth:
    places, label = stream(seed, NUMBER, _PLACES), stream(seed, NUMBER, _LABEL)
    sign = _LOT_LETTERS[int(label.integers(len(_LOT_LETTERS)))]
    lot = f"{sign}{int(label.integers(1000, 10_000))}"
    serial = f"{int(label.integers(1, 1_000_000)):06d}"
    return Truth(
        pose=_pose(seed, size),
        placed=tuple(_put(at.name, str(at.part), places) for at in POSITIONS),
        lot=lot,
        serial=serial,
        printed=f"LOT {lot} SN {serial}",
        coded=f"(01){GTIN}(10){lot}(21){serial}",
    )


def _put(name: str, part: str, rng: Generator) -> Placed:
    """A component as a machine puts it: off by up to 1.2 px and a degree."""
    return Placed(
        position=name,
        part=part,
        dx=spread(rng, -1.2, 1.2),
        dy=spread(rng, -1.2, 1.2),
        turn_deg=spread(rng, -1.0, 1.0),
    )


def _pose(seed: int, size: tuple[int, int]) -> Pose:
    """Anywhere about the middle, turned by up to 10 degrees, 3 % nearer or farther."""
    rng = stream(seed, NUMBER, _POSE)
    unit = min(size[0] / PICTURE_PX[0], size[1] / PICTURE_PX[1])
    scale = round(unit * spread(rng, 0.97, 1.03), 6)
    turns = round(spread(rng, -10, 10) / 360, 7)
    cos, sin = cos_sin(turns)
    middle_x = size[0] / 2 + unit * spread(rng, -85, 85)
    middle_y = size[1] / 2 + unit * spread(rng, -75, 75)
    half_x, half_y = scale * WIDTH_PX / 2, scale * HEIGHT_PX / 2
    return Pose(
        x=round(middle_x - cos * half_x + sin * half_y, 4),
        y=round(middle_y - sin * half_x - cos * half_y, 4),
        angle_deg=round(turns * 360, 5),
        scale=scale,
    )


def _picture(truth: Truth, seed: int, size: tuple[int, int]) -> Bytes:
    """The board put together, laid on the tray, lit and photographed."""
    board = bare_board().copy()
    print_text(board, truth.printed)
    stick_code(board, truth.coded)
    for placed in truth.placed:
        _lay_component(board, placed)
    tone = stream(seed, NUMBER, _TONE)
    picture = _on_tray(board, truth.pose, seed, size)
    picture = _lit(picture, tone)
    unit = min(size[0] / PICTURE_PX[0], size[1] / PICTURE_PX[1])
    blur_px = unit * spread(tone, 0.5, 0.8)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur_px), np.uint8)
    grains = random_bytes(stream(seed, NUMBER, _NOISE), picture.shape)
    noise = cv2.LUT(grains, normal_table(spread(tone, 1.0, 1.8)))
    return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)


def _lay_component(board: Bytes, placed: Placed) -> None:
    """One component with its shadow, in place."""
    at = BY_NAME[placed.position]
    picture = picture_of(placed.part, at.width, at.height)
    x, y = at.x + placed.dx, at.y + placed.dy
    reach = math.ceil(math.hypot(picture.shape[0], picture.shape[1]) / FINE / 2) + 8
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    right, bottom = min(WIDTH_PX, int(x) + reach), min(HEIGHT_PX, int(y) + reach)
    inverse = _inverse(
        (at.angle_deg + placed.turn_deg) / 360,
        FINE,
        (x - left, y - top),
        (picture.shape[1] / 2, picture.shape[0] / 2),
    )
    seen = _warped(picture, inverse, (right - left, bottom - top))
    cover = seen[:, :, 3]
    shadow = np.zeros_like(cover)
    shadow[5:, 4:] = cover[:-5, :-4]
    shadow = np.asarray(cv2.blur(shadow, (7, 7)), np.uint8)
    under = board[top:bottom, left:right].astype(np.int32)
    under = under * (510 - shadow.astype(np.int32))[:, :, None] // 510
    under = under * (255 - cover.astype(np.int32))[:, :, None] // 255 + seen[:, :, :3]
    board[top:bottom, left:right] = np.minimum(under, 255).astype(np.uint8)


def _on_tray(board: Bytes, pose: Pose, seed: int, size: tuple[int, int]) -> Bytes:
    rng = stream(seed, NUMBER, _TRAY)
    dx, dy = int(rng.integers(0, 64)), int(rng.integers(0, 64))
    picture = tray(*size)[dy : dy + size[1], dx : dx + size[0]].copy()
    framed = cv2.copyMakeBorder(board, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(40, 62, 28))
    whole = np.full((*framed.shape[:2], 1), 255, np.uint8)
    inverse = _inverse(pose.angle_deg / 360, 1 / pose.scale, (pose.x, pose.y), (2.0, 2.0))
    seen = _warped(np.concatenate([framed, whole], axis=2), inverse, size)
    cover = seen[:, :, 3]
    shadow = np.zeros_like(cover)
    shadow[9:, 7:] = cover[:-9, :-7]
    shadow = np.asarray(cv2.blur(shadow, (15, 15)), np.uint8)
    dark = np.uint16(510) - shadow
    under = picture.astype(np.uint32) * dark[:, :, None] // 510
    # colours of a border pixel come already multiplied by its coverage
    under = under * (np.uint16(255) - cover)[:, :, None] // 255 + seen[:, :, :3]
    return np.asarray(np.minimum(under, 255), np.uint8)


def _lit(picture: Bytes, rng: Generator) -> Bytes:
    """Uneven light: a slope, and dimmer corners."""
    height, width = picture.shape[:2]
    across = np.arange(width, dtype=np.float64) * (2 / width) - 1
    down = np.arange(height, dtype=np.float64) * (2 / height) - 1
    level, fall = spread(rng, 0.88, 1.1), spread(rng, 0.04, 0.14)
    column = level + spread(rng, -0.1, 0.1) * across - fall * across * across
    row = spread(rng, -0.1, 0.1) * down - fall * down * down
    gain = np.rint((column[None, :] + row[:, None]) * (1 << _LIGHT)).astype(np.uint16)
    tint = [round(spread(rng, 0.97, 1.03) * 128) for _ in range(3)]
    shown = np.empty_like(picture)
    for channel in range(3):
        warm = (picture[:, :, channel].astype(np.uint16) * np.uint16(tint[channel])) >> 7
        shown[:, :, channel] = np.minimum((warm * gain) >> _LIGHT, 255)
    return shown


def _inverse(
    turns: float, scale: float, place: tuple[float, float], source: tuple[float, float]
) -> Inverse:
    """From places seen to places in the source: turned back, and `place` comes from `source`.

    Written out, because a matrix product may be rounded differently from machine to machine.
    """
    cos, sin = cos_sin(turns)
    a, b = cos * scale, sin * scale
    x, y = place
    return (a, b, source[0] - (a * x + b * y)), (-b, a, source[1] - (a * y - b * x))


def _warped(picture: Bytes, inverse: Inverse, size: tuple[int, int]) -> Bytes:
    """The picture seen through a map from continuous places there to continuous places in it."""
    x = np.arange(size[0], dtype=np.float64)[None, :] + 0.5
    y = np.arange(size[1], dtype=np.float64)[:, None] + 0.5
    places = [
        np.rint((row[0] * x + row[1] * y + (row[2] - 0.5)) * _STEPS).astype(np.int32)
        for row in inverse
    ]
    whole = np.stack([place >> 5 for place in places], axis=2)
    whole = np.clip(whole, -2, 32_000).astype(np.int16)
    part = ((places[1] & 31) * _STEPS + (places[0] & 31)).astype(np.uint16)
    seen = cv2.remap(picture, whole, part, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(seen, np.uint8)


def _box_in(pose: Pose, area: Rectangle, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The upright box around an area of the board, within the picture."""
    corners = pose.to_image(np.array(area.corners))
    low = np.clip(np.floor(corners.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, size).astype(int)
    x, y = low.tolist()
    width, height = (high - low).tolist()
    return x, y, width, height
