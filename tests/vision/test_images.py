"""One way to decode: whole pictures only, one stated rule for depth."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from station.core.errors import PictureError
from station.vision.images import decode, encode_jpeg, find_pictures, read_image


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def encoded(picture: np.ndarray, suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, picture)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_lossless_kinds_come_back_bit_for_bit(suffix: str, picture: np.ndarray) -> None:
    assert np.array_equal(decode(encoded(picture, suffix)), picture)
    grey = picture[:, :, 0]
    assert np.array_equal(decode(encoded(grey, suffix)), grey)


def test_jpeg_grey_stays_grey(picture: np.ndarray) -> None:
    assert decode(encode_jpeg(picture)).shape == (60, 80, 3)
    assert decode(encode_jpeg(picture[:, :, 1])).shape == (60, 80)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_picture_cut_short_is_refused(suffix: str, share: float, picture: np.ndarray) -> None:
    data = encoded(picture, suffix)
    with pytest.raises(PictureError):
        decode(data[: int(len(data) * share)])


def test_a_png_with_a_flipped_bit_is_refused(picture: np.ndarray) -> None:
    data = bytearray(encoded(picture, ".png"))
    data[len(data) // 2] ^= 1
    with pytest.raises(PictureError):
        decode(bytes(data))


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", b"\xff\xd8\xff\xd9", b"BM"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError):
        decode(data)


def test_a_picture_of_too_many_pixels_is_refused_from_its_header() -> None:
    bomb = io.BytesIO()
    Pillow.new("1", (40_000, 40_000)).save(bomb, "PNG")
    with pytest.raises(PictureError):
        decode(bomb.getvalue())


@pytest.mark.parametrize(("bits", "full"), [(16, 65535), (12, 4095), (10, 1023)])
def test_deep_pictures_are_scaled_by_what_the_sensor_fills(bits: int, full: int) -> None:
    ramp = np.array([[0, full // 2, full]], np.uint16)
    grey = decode(encoded(ramp, ".png"), bits=bits)
    assert grey.dtype == np.uint8
    assert abs(int(grey[0, 1]) - 127) <= 1
    assert grey[0, 0] == 0
    assert grey[0, 2] == 255


def test_the_rule_for_depth_does_not_look_at_the_content() -> None:
    dark = np.full((4, 4), 257 * 3, np.uint16)
    assert decode(encoded(dark, ".tiff")).max() == 3


def test_transparency_is_dropped(picture: np.ndarray) -> None:
    alpha = np.dstack([picture, np.full(picture.shape[:2], 9, np.uint8)])
    assert np.array_equal(decode(encoded(alpha, ".png")), picture)


def test_pictures_are_found_in_natural_order_below_folders(tmp_path: Path) -> None:
    for name in ("b/part10.png", "b/part2.PNG", "a/x.jpeg", ".trash/y.png", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert found == ["a/x.jpeg", "b/part2.PNG", "b/part10.png"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"gone\.png"):
        read_image(tmp_path / "gone.png")
