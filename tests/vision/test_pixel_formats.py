"""Raw bytes of cameras become the right picture, or a clear error."""

import numpy as np
import pytest

from station.core.errors import AcquisitionError, IncompleteFrameError
from station.core.frame import Image
from station.vision.pixel_formats import LAYOUTS, to_image

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)
COLOURS = {"red": (250, 40, 10), "green": (20, 230, 60), "blue": (30, 80, 240)}
"""As R, G, B."""


def mosaic(tile: str, rgb: tuple[int, int, int], *, bits: int = 8) -> bytes:
    """What a sensor with a Bayer filter sees of one colour; `tile` is its first two pixels."""
    first = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}[tile]
    value = dict(zip("RGB", rgb, strict=True))
    deep = [round(value[letter] * (2**bits - 1) / 255) for letter in first]
    block = np.array(deep, np.uint8 if bits == 8 else "<u2").reshape(2, 2)
    return np.tile(block, (8, 8)).tobytes()


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("tile", ["RG", "GR", "GB", "BG"])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_bayer_mosaic_gets_its_colour_back(tile: str, colour: str, bits: int) -> None:
    rgb = COLOURS[colour]
    image = to_image(mosaic(tile, rgb, bits=bits), f"Bayer{tile}{bits}", 16, 16)
    assert image.shape == (16, 16, 3)
    assert image.dtype == np.uint8
    expected = np.broadcast_to(np.array(rgb[::-1]), image.shape)
    assert np.abs(image.astype(int) - expected)[2:-2, 2:-2].max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_deeper_grey_is_scaled_by_what_the_sensor_fills(bits: int) -> None:
    full = 2**bits - 1
    raw = np.array([[0, full // 3], [full // 2, full]], "<u2").tobytes()
    assert to_image(raw, f"Mono{bits}", 2, 2).tolist() == [[0, 85], [127, 255]]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("RGB8", [255, 0, 0, 0, 255, 0, 0, 0, 255]),
        ("RGB8Packed", [255, 0, 0, 0, 255, 0, 0, 0, 255]),
        ("BGR8", [0, 0, 255, 0, 255, 0, 255, 0, 0]),
        ("BGR8Packed", [0, 0, 255, 0, 255, 0, 255, 0, 0]),
        ("RGBa8", [255, 0, 0, 9, 0, 255, 0, 9, 0, 0, 255, 9]),
        ("BGRA8Packed", [0, 0, 255, 9, 0, 255, 0, 9, 255, 0, 0, 9]),
    ],
)
def test_colours_are_not_exchanged(name: str, raw: list[int]) -> None:
    image = to_image(bytes(raw), name, 3, 1)
    assert [tuple(pixel) for pixel in image[0].tolist()] == [RED, GREEN, BLUE]


def test_padding_after_each_row_is_no_part_of_the_picture() -> None:
    image = to_image(bytes([1, 2, 99, 3, 4, 99]), "Mono8", 2, 2, padding_bytes=1)
    assert image.tolist() == [[1, 2], [3, 4]]


def test_the_picture_has_memory_of_its_own() -> None:
    """A camera writes its next frame into the same buffer."""
    buffer = np.zeros(4, np.uint8)
    image: Image = to_image(buffer, "Mono8", 2, 2)
    buffer[:] = 255
    assert image.max() == 0


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_frame_that_is_too_short_is_torn(name: str) -> None:
    size = LAYOUTS[name].bytes_per_pixel * 4 * 4
    assert to_image(bytes(size), name, 4, 4).shape[:2] == (4, 4)
    with pytest.raises(IncompleteFrameError, match="4 x 4"):
        to_image(bytes(size - 1), name, 4, 4)
    with pytest.raises(IncompleteFrameError):
        to_image(b"", name, 0, 4)


@pytest.mark.parametrize("name", ["Mono12Packed", "YUV422_8", "Mono12p", ""])
def test_an_unknown_format_is_refused_by_name(name: str) -> None:
    with pytest.raises(AcquisitionError, match=rf"'{name}' cannot be read.*Mono8.*BayerRG8"):
        to_image(bytes(64), name, 4, 4)
