"""Annotated pictures of inspected parts: small ones for a page by itself, and files beside it."""

import base64
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from station.core.errors import PictureError
from station.core.result import RESULT_JSON, Result
from station.quality.summary import Record
from station.vision.annotate import annotate
from station.vision.images import encode_jpeg, read_image

JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small JPEG as a data URI, and its size in pixels."""

    uri: str
    width: int
    height: int


def thumbnails(
    records: Iterable[Record], root: Path, *, bits: int = 16, workers: int = 1, width_px: int = 320
) -> dict[str, Thumbnail]:
    """Origin -> thumbnail of every record whose picture can still be read below `root`."""
    wanted = list({record["origin"]: record for record in records}.values())
    pool = ThreadPoolExecutor(max_workers=max(1, workers))
    try:
        made = pool.map(lambda record: _thumbnail(record, root, bits, width_px), wanted)
        return {
            record["origin"]: thumbnail
            for record, thumbnail in zip(wanted, made, strict=True)
            if thumbnail is not None
        }
    finally:
        pool.shutdown(cancel_futures=True)


def save_annotated(
    records: Iterable[Record], root: Path, paths: Mapping[str, Path], *, bits: int = 16
) -> None:
    """Write the annotated picture of each record whose picture can still be read, as a JPEG.

    Args:
        records: results, one a picture.
        root: what their origins are relative to.
        paths: origin -> where to write.
        bits: what the sensor of 16-bit pictures fills.

    Raises:
        OSError: a file cannot be written.
    """
    for record in records:
        try:
            image = read_image(root / record["origin"], bits=bits)
        except PictureError:
            continue
        data = encode_jpeg(annotate(image, _result_of(record)), quality=JPEG_QUALITY)
        path = paths[record["origin"]]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _thumbnail(record: Record, root: Path, bits: int, width_px: int) -> Thumbnail | None:
    try:
        image = read_image(root / record["origin"], bits=bits)
    except PictureError:
        return None
    small = annotate(image, _result_of(record), width_px=width_px, banner=False)
    data = base64.b64encode(encode_jpeg(small, quality=80)).decode()
    return Thumbnail(
        uri=f"data:image/jpeg;base64,{data}", width=small.shape[1], height=small.shape[0]
    )


def _result_of(record: Record) -> Result:
    return RESULT_JSON.validate_python({**record, "models": dict(record["models"])})
