"""Lines are found where they are, whatever their turn; where there is none, none is found."""

import cv2
import numpy as np
import pytest

from station.core.frame import Image
from station.core.region import Rectangle
from station.sources.synthetic.lettering import FONTS, letter
from station.vision.reading.lines import LineSearch, find_lines
from station.vision.reading.strips import Look, strip_of

PAPER, INK = 200, 60


def page(
    *lines: str, font: str = "uni", turn_deg: float = 0.0, height: int = 24, light: bool = False
) -> Image:
    """Lines of text on paper, turned clockwise about the middle: grey [240, 480]."""
    cover = np.zeros((240, 480), np.float32)
    for number, line in enumerate(lines):
        ink = letter(line, font, height)
        top = 60 + 50 * number
        cover[top : top + ink.shape[0], 60 : 60 + ink.shape[1]] = ink
    turn = cv2.getRotationMatrix2D((240, 120), -turn_deg, 1.0)
    cover = np.asarray(cv2.warpAffine(cover, turn, (480, 240)), np.float32)
    grey = PAPER + (INK - PAPER) * cover / 255
    noise = np.random.default_rng(0).normal(0, 2, grey.shape)
    seen = np.clip(grey + noise, 0, 255).astype(np.uint8)
    return 255 - seen if light else seen


@pytest.mark.parametrize("turn_deg", [-5.0, -1.3, 0.0, 2.4, 5.0])
@pytest.mark.parametrize("font", ["dots", "sans"])
def test_lines_are_found_with_their_turn(font: str, turn_deg: float) -> None:
    found = find_lines(page("LOT AB123456", "EXP 31.12.2034", font=font, turn_deg=turn_deg),
                       LineSearch())  # fmt: skip
    assert len(found.boxes) == 2
    assert found.boxes[0].y < found.boxes[1].y
    for box in found.boxes:
        assert box.angle_deg == pytest.approx(turn_deg, abs=0.6)
        assert 22 <= box.height <= 36
    assert found.contrast_grey > 60


def test_light_print_is_found_where_it_is_asked_for() -> None:
    image = page("LOT AB123456", light=True)
    for ink in ("light", "auto"):
        found = find_lines(image, LineSearch(ink=ink))
        assert len(found.boxes) == 1
        assert not found.is_dark
    assert find_lines(page("LOT AB123456"), LineSearch(ink="auto")).is_dark


def test_words_far_apart_are_lines_of_their_own() -> None:
    image = page("LOT AB")
    image[60:84, 380:460] = page("AB12")[60:84, 60:140]
    assert len(find_lines(image, LineSearch()).boxes) == 2


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (3, 40), (120, 300)])
def test_where_nothing_is_printed_nothing_is_found(grey: int, size: tuple[int, int]) -> None:
    assert find_lines(np.full(size, grey, np.uint8), LineSearch()).boxes == ()


def test_noise_is_no_print() -> None:
    noise = np.random.default_rng(1).normal(120, 5, (160, 400)).clip(0, 255).astype(np.uint8)
    assert find_lines(noise, LineSearch()).boxes == ()


def test_a_colour_picture_is_read_like_a_grey_one() -> None:
    grey = page("LOT AB123456")
    colour = np.repeat(grey[:, :, None], 3, axis=2)
    assert find_lines(colour, LineSearch()).boxes == find_lines(grey, LineSearch()).boxes


@pytest.mark.parametrize("height", [12, 24, 60])
def test_strips_are_upright_dark_on_light_and_48_px_high(height: int) -> None:
    image = page("A1", height=height, turn_deg=3)
    for shown, is_dark in ((image, True), (255 - image, False)):
        box = find_lines(shown, LineSearch(ink="auto")).boxes[0]
        strip = strip_of(shown, box, Look(), is_dark=is_dark)
        assert strip.shape[0] == 48
        assert np.median(strip) > 200
        assert strip.min() < 30
        rows = np.flatnonzero((strip < 128).any(axis=1))
        assert abs(rows[0] + rows[-1] - 47) <= 6


def test_a_line_too_long_is_squeezed_to_what_the_recogniser_takes() -> None:
    box = Rectangle(x=5, y=100, width=470, height=8)
    assert strip_of(page("A"), box, Look(), is_dark=True).shape[1] <= 960


def test_every_font_has_all_signs_and_unknown_ones_are_refused() -> None:
    for font in FONTS:
        assert letter("ABCXYZ0123456789", font, 20).shape[1] > 200
        assert not letter(" ", font, 20).any()
    with pytest.raises(ValueError, match="dots, strokes"):
        letter("A", "gothic", 20)
