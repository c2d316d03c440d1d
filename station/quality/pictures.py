"""Small pictures of inspected parts, regions outlined, for a page that stands by itself."""

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from station.core.errors import PictureError
from station.core.result import RESULT_JSON
from station.quality.summary import Record
from station.vision.annotate import annotate
from station.vision.images import encode_jpeg, read_image


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


def _thumbnail(record: Record, root: Path, bits: int, width_px: int) -> Thumbnail | None:
    try:
        image = read_image(root / record["origin"], bits=bits)
    except PictureError:
        return None
    result = RESULT_JSON.validate_python({**record, "models": dict(record["models"])})
    small = annotate(image, result, width_px=width_px, banner=False)
    data = base64.b64encode(encode_jpeg(small, quality=80)).decode()
    return Thumbnail(
        uri=f"data:image/jpeg;base64,{data}", width=small.shape[1], height=small.shape[0]
    )
