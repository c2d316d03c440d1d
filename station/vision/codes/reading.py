"""One look at one place of a picture: what ZXing reads there, in image coordinates."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from station.core.errors import OutsideImageError
from station.core.frame import Image
from station.core.region import Polygon, Rectangle, Region
from station.vision.codes.preparations import Preparation
from station.vision.codes.symbologies import KINDS, Symbology, formats_of, symbology_of
from station.vision.geometry import cut, whole

AddOn = Literal["ignore", "require"]

WHITE = np.uint8(255)

_NO_TEXT = frozenset(
    (
        zxingcpp.ContentType.Binary,
        zxingcpp.ContentType.Mixed,
        zxingcpp.ContentType.UnknownECI,
    )
)
"""Bytes, read as Latin-1 where ZXing gives a text for them at all."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What one look made of one code; an invalid one was found there and not decoded."""

    text: str
    raw: bytes
    symbology: Symbology
    identifier: str
    """The symbology identifier, as `]d2` (ISO/IEC 15424)."""
    corners: NDArray[np.float64]
    """(4, 2) in the image, continuous coordinates: top left, then clockwise as the code reads."""
    is_valid: bool
    is_gs1: bool = False
    is_text: bool = True
    """False for bytes: `text` is then empty, or takes each byte for a letter."""
    version: str = ""
    unused_error_correction: float | None = None
    """0 to 1 (ISO/IEC 15415); None where the symbology has none, or ZXing does not say."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """A part of an image, grey, and where it lies."""

    image: Image
    matrix: NDArray[np.float64]
    """(2, 3): continuous coordinates of the place to those of the image."""

    @property
    def corners(self) -> NDArray[np.float64]:
        """(4, 2) in the image, clockwise from the top left."""
        height, width = self.image.shape
        return self.to_image(np.array(((0, 0), (width, 0), (width, height), (0, height)), float))

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (…, 2) of the place as points of the image."""
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2], np.float64)

    def negative(self) -> "Place":
        """The same place with dark and bright exchanged."""
        return Place(image=np.asarray(WHITE - self.image, np.uint8), matrix=self.matrix)

    def around(self, corners: NDArray[np.float64], margin: float) -> "Place":
        """The upright part of this one about a code, grown by a share of its longer side."""
        inside = (corners - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T
        low, high = inside.min(axis=0), inside.max(axis=0)
        grown = max(16.0, margin * float((high - low).max()))
        height, width = self.image.shape
        left, top = np.clip(np.floor(low - grown), 0, (width - 1, height - 1)).astype(int)
        right, bottom = np.clip(np.ceil(high + grown), 1, (width, height)).astype(int)
        matrix = self.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ (left, top)
        image = np.ascontiguousarray(self.image[top:bottom, left:right])
        return Place(image=image, matrix=matrix)


def place_of(image: Image, region: Region | None, *, margin_px: float = 0) -> Place:
    """The pixels of a region, grown by `margin_px` as far as the image goes.

    Raises:
        OutsideImageError: the region itself does not lie within the image.
    """
    region = region or whole(image)
    cut(image, region)
    grown = _grown(region, margin_px, image) if margin_px else region
    try:
        crop = cut(image, grown)
    except OutsideImageError:
        grown, crop = region, cut(image, region)
    return Place(image=_grey(crop), matrix=_matrix_of(grown))


def look(
    place: Place, preparation: Preparation, symbologies: tuple[Symbology, ...], add_on: AddOn
) -> list[Reading]:
    """Everything that is read, or found and not decoded, in one prepared picture."""
    prepared = preparation.change(place.image)
    matrix = place.matrix.copy()
    matrix[:, 2] -= matrix[:, :2] @ np.full(2, preparation.frame_px)
    matrix[:, :2] /= preparation.scale
    is_needed = zxingcpp.EanAddOnSymbol.Require if add_on == "require" else None
    barcodes = zxingcpp.read_barcodes(
        prepared,
        formats=formats_of(symbologies),
        text_mode=zxingcpp.TextMode.Plain,
        binarizer=preparation.binarizer,
        ean_add_on_symbol=is_needed or zxingcpp.EanAddOnSymbol.Ignore,
        return_errors=True,
    )
    found = (_reading(barcode, symbologies, matrix) for barcode in barcodes)
    return [reading for reading in found if reading is not None]


def _reading(
    barcode: zxingcpp.Barcode, symbologies: tuple[Symbology, ...], matrix: NDArray[np.float64]
) -> Reading | None:
    symbology = symbology_of(barcode, symbologies)
    if symbology is None or (barcode.valid and _is_short(barcode, symbology)):
        return None
    extra = barcode.extra if isinstance(barcode.extra, dict) else {}
    spot = barcode.position
    points = (spot.top_left, spot.top_right, spot.bottom_right, spot.bottom_left)
    corners = np.array([(point.x, point.y) for point in points], np.float64)
    unused = extra.get("UEC")
    kind = barcode.content_type
    return Reading(
        text=barcode.text,
        raw=barcode.bytes,
        symbology=symbology,
        identifier=barcode.symbology_identifier,
        corners=corners @ matrix[:, :2].T + matrix[:, 2],
        is_valid=barcode.valid,
        is_gs1=kind is zxingcpp.ContentType.GS1,
        is_text=kind not in _NO_TEXT,
        version=str(extra.get("Version", "")),
        unused_error_correction=float(unused) if isinstance(unused, int | float) else None,
    )


def _is_short(barcode: zxingcpp.Barcode, symbology: Symbology) -> bool:
    return len(barcode.text or barcode.bytes) < KINDS[symbology].minimum_length


def _grown(region: Region, margin_px: float, image: Image) -> Rectangle:
    """The rectangle about a region, larger on every side; an upright one ends with the image."""
    if isinstance(region, Rectangle) and region.angle_deg % 360:
        return Rectangle(
            x=region.x - margin_px,
            y=region.y - margin_px,
            width=region.width + 2 * margin_px,
            height=region.height + 2 * margin_px,
            angle_deg=region.angle_deg,
        )
    corners = np.array(region.corners)
    height, width = image.shape[:2]
    left, top = np.maximum(corners.min(axis=0) - margin_px, 0)
    right, bottom = np.minimum(corners.max(axis=0) + margin_px, (width, height))
    return Rectangle(
        x=float(left), y=float(top), width=float(right - left), height=float(bottom - top)
    )


def _matrix_of(region: Region) -> NDArray[np.float64]:
    """Crop to image, as `geometry.cut` cuts: continuous coordinates."""
    if isinstance(region, Rectangle) and region.angle_deg % 360:
        angle = np.radians(region.angle_deg)
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        x, y = region.corners[0]
        return np.array(((cos, -sin, x), (sin, cos, y)))
    corners = np.array(region.corners)
    low = corners.min(axis=0)
    is_polygon = isinstance(region, Polygon)
    left, top = np.maximum(np.floor(low) if is_polygon else np.round(low), 0)
    return np.array(((1.0, 0.0, left), (0.0, 1.0, top)))


def _grey(image: Image) -> Image:
    if image.ndim == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    return np.ascontiguousarray(image)
