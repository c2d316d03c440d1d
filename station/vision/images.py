"""Bytes to images and back: the one way a picture is decoded, live, uploaded or from a folder."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from natsort import natsorted, ns

from station.core.errors import PictureError
from station.core.files import legible
from station.core.frame import Image
from station.vision import MAX_PIXELS

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
FULL_SCALE_BITS = 16


def decode(data: bytes, *, name: str = "picture", bits: int = FULL_SCALE_BITS) -> Image:
    """Decode a whole PNG, JPEG, BMP or TIFF to 8-bit grey or BGR; EXIF orientation is applied.

    Deeper pictures are scaled by one rule, the same for every picture: value * 255 / (2**bits - 1),
    rounded, cut off at 255. `bits` is what the sensor fills (10, 12, 14, 16), whatever the content.

    Raises:
        PictureError: empty, of another kind, cut short, damaged, or above 100 million pixels.
    """
    check_whole(data, name=name)
    try:
        raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise PictureError(f"{name} cannot be decoded: {_cause(error)}") from error
    if raw is None or raw.size == 0:
        raise PictureError(f"{name} cannot be decoded: it is damaged or too large")
    return to_eight_bits(np.asarray(raw), bits=bits, name=name)


def check_whole(data: bytes, *, name: str = "picture") -> None:
    """Refuse, without decoding, what is no picture or lacks its end, which OpenCV would make up.

    Raises:
        PictureError: empty, of another kind, cut short, or a PNG above 100 million pixels.
    """
    if not data:
        raise PictureError(f"{name} is empty")
    if data.startswith(b"\xff\xd8"):
        whole = b"\xff\xd9" in data[-64:]
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        whole = b"IEND" in data[-64:]
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        if width * height > MAX_PIXELS:
            raise PictureError(f"{name} has more than {MAX_PIXELS:,} pixels")
    elif data.startswith(b"BM"):
        whole = len(data) >= int.from_bytes(data[2:6], "little")
    elif data.startswith((b"II*\0", b"MM\0*")):
        whole = True  # the strips lie anywhere in the file; the decoder misses them itself
    else:
        raise PictureError(f"{name} is no PNG, JPEG, BMP or TIFF")
    if not whole:
        raise PictureError(f"{name} is cut short: its end is missing")


def to_eight_bits(raw: np.ndarray, *, bits: int = FULL_SCALE_BITS, name: str = "picture") -> Image:
    """Scale an 8- or 16-bit grey, BGR or BGRA array to an 8-bit image; see `decode` for the rule.

    Raises:
        PictureError: another depth or number of channels.
    """
    if raw.dtype == np.uint16:
        raw = cv2.convertScaleAbs(raw, alpha=255 / (2**bits - 1))
    if raw.dtype != np.uint8:
        raise PictureError(f"{name} has {raw.dtype} values; 8 or 16 bits are read")
    if raw.ndim == 3 and raw.shape[2] == 4:
        raw = cv2.cvtColor(raw, cv2.COLOR_BGRA2BGR)
    if raw.ndim == 3 and raw.shape[2] == 1:
        raw = raw[:, :, 0]
    if raw.ndim not in (2, 3) or (raw.ndim == 3 and raw.shape[2] != 3):
        raise PictureError(f"{name} has shape {raw.shape}; grey or three colours are read")
    return np.ascontiguousarray(raw)


def read_image(path: Path, *, bits: int = FULL_SCALE_BITS) -> Image:
    """Read and decode one file; see `decode`.

    Raises:
        PictureError: it cannot be read or decoded.
    """
    return decode(read_picture(path), name=legible(Path(path.name)), bits=bits)


def read_picture(path: Path) -> bytes:
    """The bytes of one whole picture file, not decoded; see `check_whole`.

    Raises:
        PictureError: it cannot be read, or is not whole.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{legible(path)} cannot be read: {error.strerror}") from error
    check_whole(data, name=legible(Path(path.name)))
    return data


def find_pictures(folder: Path) -> Iterator[Path]:
    """Every picture below a folder, in natural order (part2 before part10), no hidden ones."""
    found = (
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    yield from natsorted(found, alg=ns.PATH | ns.IGNORECASE)


def encode_jpeg(image: Image, *, quality: int = 85) -> bytes:
    """JPEG bytes of an image.

    Raises:
        PictureError: it cannot be encoded.
    """
    done, buffer = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise PictureError(f"an image of shape {image.shape} cannot be encoded as JPEG")
    return buffer.tobytes()


def encode_png(image: Image) -> bytes:
    """PNG bytes of an image, without loss.

    Raises:
        PictureError: it cannot be encoded.
    """
    done, buffer = cv2.imencode(".png", image)
    if not done:
        raise PictureError(f"an image of shape {image.shape} cannot be encoded as PNG")
    return buffer.tobytes()


def _cause(error: cv2.error) -> str:
    text = str(error)
    if "MAX_IMAGE" in text or "too large" in text or "CV_IO_MAX" in text:
        return f"it has more than {MAX_PIXELS:,} pixels"
    return text.split("error:")[-1].strip()[:120]
