"""From a frame to a model's input: regions cut out, resized without losing thin things, padded."""

import math
from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np

from station.core.errors import OutsideImageError
from station.core.frame import Image
from station.core.region import Polygon, Rectangle, Region, outside_point

Fit = Literal["stretch", "letterbox"]


def whole(image: Image) -> Rectangle:
    """The region that is the whole image."""
    return Rectangle(x=0, y=0, width=image.shape[1], height=image.shape[0])


def cut(image: Image, region: Region | None) -> Image:
    """The pixels of a region, upright; outside a polygon they are grey 127.

    A turned rectangle is sampled bilinearly at its own scale. None is the whole image.

    Raises:
        OutsideImageError: the region does not lie wholly inside the image.
    """
    if region is None:
        return image
    height, width = image.shape[:2]
    point = outside_point(region, width, height)
    if point:
        raise OutsideImageError(
            f"the region reaches ({point[0]:.0f}, {point[1]:.0f}), the image is {width} x "
            f"{height}; wrong camera settings, or a recipe for another camera"
        )
    if isinstance(region, Polygon):
        return _cut_polygon(image, region)
    return _cut_turned(image, region) if region.angle_deg % 360 else _cut_upright(image, region)


def _cut_upright(image: Image, region: Rectangle) -> Image:
    left, top = max(0, round(region.x)), max(0, round(region.y))
    right, bottom = round(region.x + region.width), round(region.y + region.height)
    return image[top : max(bottom, top + 1), left : max(right, left + 1)]


def _cut_turned(image: Image, region: Rectangle) -> Image:
    size = (max(1, round(region.width)), max(1, round(region.height)))
    centre = (region.x + region.width / 2, region.y + region.height / 2)
    # OpenCV turns about an index, and an index lies half a pixel into its pixel
    pivot = (centre[0] - 0.5, centre[1] - 0.5)
    matrix = cv2.getRotationMatrix2D(pivot, region.angle_deg, 1.0)
    matrix[:, 2] += np.array((size[0] / 2 - centre[0], size[1] / 2 - centre[1]))
    turned = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, np.uint8)


def _cut_polygon(image: Image, region: Polygon) -> Image:
    corners = np.array(region.points)
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
    crop = image[top:bottom, left:right].copy()
    mask = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(corners - (left, top)).astype(np.int32)], 255)
    crop[mask == 0] = 127
    return crop


def to_channels(image: Image, channels: int) -> Image:
    """Grey (height, width) for 1, BGR (height, width, 3) for 3."""
    if channels == 1 and image.ndim == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    if channels == 3 and image.ndim == 2:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    return image


def resize(image: Image, width: int, height: int) -> Image:
    """Resize; downwards halved by averaging as often as that goes, then bilinear.

    So thin scratches stay: plain bilinear sampling skips pixels when it shrinks by more than two.
    Averages over larger blocks or of fractional pixels show no more, and cost three to ten times
    as much.
    """
    while image.shape[1] >= 2 * width or image.shape[0] >= 2 * height:
        across = 2 if image.shape[1] >= 2 * width else 1
        down = 2 if image.shape[0] >= 2 * height else 1
        image = _average_blocks(image, across, down)
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _average_blocks(image: Image, across: int, down: int) -> Image:
    short_x, short_y = -image.shape[1] % across, -image.shape[0] % down
    if short_x or short_y:
        image = np.asarray(
            cv2.copyMakeBorder(image, 0, short_y, 0, short_x, cv2.BORDER_REPLICATE),
            np.uint8,
        )
    size = (image.shape[1] // across, image.shape[0] // down)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def fit(image: Image, width: int, height: int, how: Fit, *, pad: int = 114) -> Image:
    """Bring an image to a model's size: stretched, or letterboxed (aspect kept, padded)."""
    if how == "stretch":
        return resize(image, width, height)
    scale = min(width / image.shape[1], height / image.shape[0])
    inner_width = min(width, max(1, round(image.shape[1] * scale)))
    inner_height = min(height, max(1, round(image.shape[0] * scale)))
    inner = resize(image, inner_width, inner_height)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    right, bottom = width - inner_width - left, height - inner_height - top
    border = cv2.copyMakeBorder(
        inner, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(pad, pad, pad)
    )
    return np.asarray(border, np.uint8)


def tiles(width: int, height: int, tile: int, overlap: float) -> Iterator[Rectangle]:
    """Square tiles that cover an area wholly, row by row, overlapping by at least `overlap` (0-1).

    Where the area is smaller than a tile in a direction, the tile is cut to it.
    """
    for y in _starts(height, tile, overlap):
        for x in _starts(width, tile, overlap):
            yield Rectangle(x=x, y=y, width=min(tile, width), height=min(tile, height))


def place(tile: Rectangle, region: Region) -> Region:
    """Where a tile of a region's crop lies in the image: beside its corner, turned with it."""
    left = min(x for x, _ in region.corners)
    top = min(y for _, y in region.corners)
    if isinstance(region, Polygon) or not region.angle_deg % 360:
        return Rectangle(x=left + tile.x, y=top + tile.y, width=tile.width, height=tile.height)
    return _turned_place(tile, region)


def _turned_place(tile: Rectangle, region: Rectangle) -> Rectangle:
    origin, along, across = region.corners[0], region.corners[1], region.corners[3]
    u = (tile.x + tile.width / 2) / region.width
    v = (tile.y + tile.height / 2) / region.height
    cx = origin[0] + u * (along[0] - origin[0]) + v * (across[0] - origin[0])
    cy = origin[1] + u * (along[1] - origin[1]) + v * (across[1] - origin[1])
    return Rectangle(
        x=cx - tile.width / 2,
        y=cy - tile.height / 2,
        width=tile.width,
        height=tile.height,
        angle_deg=region.angle_deg,
    )


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    if length <= tile:
        return [0]
    count = math.ceil((length - tile) / max(1.0, tile * (1 - overlap))) + 1
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]
