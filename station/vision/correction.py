"""The picture as tools see it: defect pixels, uneven light, colour and lens distortion taken back.

All that can be computed beforehand is, once for a configuration and a size of picture. Floating
maps and four channels, because OpenCV is fastest with them: on 1.3 megapixels the fixed-point maps
took twice as long for grey and half as long again for colour.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.configuration import Configuration
from station.core.corrections import Colour, FlatField, Grid, Lens
from station.core.errors import SettingsError
from station.core.frame import Frame, Image
from station.core.region import Polygon, Region
from station.vision.heat import Heat

Points = NDArray[np.float64]
Floats = NDArray[np.float32]

LINEAR_STEPS = 65535
"""Light is kept in 16 bits between the two colour tables, so that dark greys stay apart."""
OUTLINE_STEP_PX = 64
"""An edge of a region is bent at least so often when the distortion is put back."""


def corrected(frame: Frame, configuration: Configuration) -> Frame:
    """The frame with its image corrected; the very same frame where nothing is to be done.

    Raises:
        OutsideImageError: the image has another size than the calibration was made with.
        SettingsError: the calibration is of a colour camera, and the image is grey.
    """
    image = corrected_image(frame.image, configuration)
    return frame if image is frame.image else replace(frame, image=image)


def corrected_image(image: Image, configuration: Configuration) -> Image:
    """The same for an image alone."""
    height, width = image.shape[:2]
    configuration.check_size(width, height)
    if not configuration.corrects_pixels:
        return image
    return _prepared(configuration, width, height, image.ndim == 3).apply(image)


def acquired_region(region: Region, configuration: Configuration) -> Region:
    """A region of the corrected image as it lies in the acquired one."""
    if configuration.lens is None or configuration.image_size_px is None:
        return region
    corners = np.clip(np.array(region.corners, np.float64), 0, configuration.image_size_px)
    points = to_acquired(_subdivided(corners), configuration.lens)
    return Polygon(points=tuple((x, y) for x, y in points.tolist()))


def acquired_heat(heat: Heat, configuration: Configuration) -> Heat:
    """A map (height, width) over the corrected image as one over the acquired image.

    What the corrected image does not show gets the lowest value there is.
    """
    lens = configuration.lens
    if lens is None:
        return heat
    size = heat.shape[1::-1]
    maps = cv2.initInverseRectificationMap(
        _on_indices(lens.camera_matrix), np.array(lens.distortion), np.eye(3),
        _on_indices(lens.corrected_matrix), size, cv2.CV_32FC1,
    )  # fmt: skip
    lowest = float(heat.min())
    # nearest, because a place nobody looked at is minus infinity, which cannot be interpolated
    laid = cv2.remap(heat, *maps, cv2.INTER_NEAREST, borderValue=lowest)
    return np.asarray(laid, np.float32)


def to_acquired(points: Points, lens: Lens) -> Points:
    """Points (n, 2) of the corrected image, continuous pixels, as points of the acquired one."""
    rays = _normalised(points, lens.corrected_matrix)
    matrix = lens.camera_matrix
    focal, centre = (matrix[0], matrix[4]), (matrix[2], matrix[5])
    return np.asarray(distorted(rays, lens.distortion) * focal + centre, np.float64)


def to_corrected(points: Points, lens: Lens) -> Points:
    """Points (n, 2) of the acquired image, continuous pixels, as points of the corrected one."""
    criteria = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 50, 1e-9)
    straight = cv2.undistortPoints(
        np.ascontiguousarray(points, np.float64).reshape(-1, 1, 2),
        np.array(lens.camera_matrix).reshape(3, 3), np.array(lens.distortion), R=np.eye(3),
        P=np.array(lens.corrected_matrix).reshape(3, 3), criteria=criteria,
    )  # fmt: skip
    return np.asarray(straight, np.float64).reshape(-1, 2)


def distorted(rays: Points, distortion: tuple[float, ...]) -> Points:
    """Normalised image points (n, 2) with radial and tangential distortion (Brown 1966)."""
    x, y = rays.T
    k1, k2, p1, p2, k3 = distortion
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return np.stack(
        (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ),
        axis=1,
    )


@dataclass(frozen=True, slots=True)
class _Defects:
    """Pixels that say nothing, and the sound neighbours that speak for them."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    near_rows: NDArray[np.intp]
    near_columns: NDArray[np.intp]
    weights: Floats

    def mend(self, image: Image) -> Image:
        mended = image.copy()
        near = image[self.near_rows, self.near_columns].astype(np.float32)
        weights = self.weights if image.ndim == 2 else self.weights[..., np.newaxis]
        mended[self.rows, self.columns] = np.round((near * weights).sum(axis=1)).astype(np.uint8)
        return mended


@dataclass(frozen=True, slots=True)
class _Light:
    """Gain of every pixel, and the dark level times the gain where there is one."""

    gain: Floats
    dark: Floats | None

    def even(self, image: Image) -> Image:
        if self.dark is None:
            return np.asarray(cv2.multiply(image, self.gain, dtype=cv2.CV_8U), np.uint8)
        bright = cv2.multiply(image, self.gain, dtype=cv2.CV_32F)
        return np.asarray(cv2.subtract(bright, self.dark, dtype=cv2.CV_8U), np.uint8)


@dataclass(frozen=True, slots=True)
class _Tint:
    """Bytes to linear light, the gains and the matrix on B G R, and linear light to sRGB bytes."""

    decode: NDArray[np.uint16]
    matrix: Floats
    encode: NDArray[np.uint8]

    def balance(self, image: Image) -> Image:
        if image.ndim == 2:
            raise SettingsError(
                "the picture is grey, the calibration corrects colour; set the camera's pixel "
                "format back, or calibrate again"
            )
        linear = cv2.transform(cv2.LUT(image, self.decode), self.matrix)
        return np.asarray(cv2.LUT(linear, self.encode), np.uint8)


@dataclass(frozen=True, slots=True)
class _Straight:
    """Where each pixel of the corrected image lies in the acquired one, in OpenCV's indices."""

    map_x: Floats
    map_y: Floats

    def straighten(self, image: Image) -> Image:
        maps = self.map_x, self.map_y
        border = cv2.BORDER_REPLICATE
        if image.ndim == 2:
            return np.asarray(cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=border))
        four = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
        straight = cv2.remap(four, *maps, cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(cv2.cvtColor(straight, cv2.COLOR_BGRA2BGR), np.uint8)


@dataclass(frozen=True, slots=True)
class _Correction:
    defects: _Defects | None
    light: _Light | None
    tint: _Tint | None
    straight: _Straight | None

    def apply(self, image: Image) -> Image:
        if self.defects:
            image = self.defects.mend(image)
        if self.light:
            image = self.light.even(image)
        if self.tint:
            image = self.tint.balance(image)
        return self.straight.straighten(image) if self.straight else image


@lru_cache(maxsize=8)
def _prepared(
    configuration: Configuration, width: int, height: int, is_colour: bool
) -> _Correction:
    lens, flat, colour = configuration.lens, configuration.flat_field, configuration.colour
    return _Correction(
        defects=_defects(flat, width, height) if flat and flat.defect_pixels else None,
        light=_light(flat, width, height, is_colour) if flat else None,
        tint=_tint(colour) if colour else None,
        straight=_straight(lens, width, height) if lens else None,
    )


def _defects(flat: FlatField, width: int, height: int) -> _Defects:
    bad = {(row, column) for column, row in flat.defect_pixels}
    around = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]
    places = sorted(bad)
    near = [[(row + down, column + right) for down, right in around] for row, column in places]
    sound = np.array([
        [float(p not in bad and 0 <= p[0] < height and 0 <= p[1] < width) for p in ring]
        for ring in near
    ])  # fmt: skip
    inside = all(0 <= row < height and 0 <= column < width for row, column in places)
    if not inside or not sound.sum(axis=1).all():
        raise SettingsError(
            "the calibration lists defect pixels that lie outside the image or have no sound "
            "neighbour; calibrate the flat field again"
        )
    rows, columns = np.array(places, np.intp).T
    ring = np.clip(np.array(near, np.intp), 0, (height - 1, width - 1))
    weights = (sound / sound.sum(axis=1, keepdims=True)).astype(np.float32)
    return _Defects(rows, columns, ring[..., 0], ring[..., 1], weights)


def _light(flat: FlatField, width: int, height: int, is_colour: bool) -> _Light:
    if len(flat.gain) == 3 and not is_colour:
        raise SettingsError(
            "the picture is grey, the flat field is of a colour camera; set the camera's pixel "
            "format back, or calibrate again"
        )
    channels = 3 if is_colour else 1
    gain = _over_image(flat.gain, width, height, channels)
    dark = _over_image(flat.dark, width, height, channels) * gain if flat.dark else None
    return _Light(gain, dark)


def _over_image(grids: tuple[Grid, ...], width: int, height: int, channels: int) -> Floats:
    planes = [spread(np.array(grid), width, height) for grid in grids]
    if channels == 1:
        return planes[0]
    return np.ascontiguousarray(np.dstack(planes if len(planes) == 3 else planes * 3))


def spread(nodes: Points, width: int, height: int) -> Floats:
    """Values at nodes over the whole image, (height, width), bilinear between them."""
    down, across = hats(height, nodes.shape[0]), hats(width, nodes.shape[1])
    return np.ascontiguousarray(down @ nodes @ across.T, np.float32)


def hats(length: int, nodes: int) -> Points:
    """(length, nodes): how much each node counts at each pixel's centre; rows add up to 1."""
    at = (np.arange(length) + 0.5) / length * (nodes - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, np.newaxis] - np.arange(nodes))), np.float64)


def _tint(colour: Colour) -> _Tint:
    light = decoded(np.arange(256) / 255, colour.encoding)
    decode = np.round(light * LINEAR_STEPS).astype(np.uint16)
    matrix = np.array(colour.matrix, np.float32).reshape(3, 3) * np.array(colour.gains, np.float32)
    levels = encoded(np.arange(LINEAR_STEPS + 1) / LINEAR_STEPS)
    encode = np.round(levels * 255).astype(np.uint8)
    # rows and columns turned round: the pixels are B G R
    return _Tint(decode, np.ascontiguousarray(matrix[::-1, ::-1]), encode)


def decoded(values: Points, encoding: str) -> Points:
    """Camera values 0-1 as linear light; sRGB by IEC 61966-2-1."""
    if encoding == "linear":
        return values
    low, high = values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    return np.asarray(np.where(values <= 0.04045, low, high), np.float64)


def encoded(light: Points) -> Points:
    """Linear light 0-1 as sRGB values 0-1 (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    high = 1.055 * light ** (1 / 2.4) - 0.055
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, high), np.float64)


def _straight(lens: Lens, width: int, height: int) -> _Straight:
    map_x, map_y = cv2.initUndistortRectifyMap(
        _on_indices(lens.camera_matrix), np.array(lens.distortion), np.eye(3),
        _on_indices(lens.corrected_matrix), (width, height), cv2.CV_32FC1,
    )  # fmt: skip
    return _Straight(np.asarray(map_x, np.float32), np.asarray(map_y, np.float32))


def _on_indices(matrix: tuple[float, ...]) -> Points:
    """A camera matrix between pixel indices, whose centres lie half a pixel on."""
    shifted = np.array(matrix, np.float64).reshape(3, 3)
    shifted[:2, 2] -= 0.5
    return shifted


def _normalised(points: Points, matrix: tuple[float, ...]) -> Points:
    return np.asarray((points - (matrix[2], matrix[5])) / (matrix[0], matrix[4]), np.float64)


def _subdivided(corners: Points) -> Points:
    """A closed outline with points along its edges, so that it can bend."""
    line = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        pieces = max(1, min(16, math.ceil(float(np.hypot(*(end - start))) / OUTLINE_STEP_PX)))
        line.append(start + (end - start) * (np.arange(pieces) / pieces)[:, np.newaxis])
    return np.concatenate(line)
