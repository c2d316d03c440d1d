"""Defects drawn into a picture of a good part, with the change they make."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.train.features.render.fields import Plane
from models.train.features.render.marks import blob, hazy_blob, lines, rectangle
from models.train.features.render.shapes import draw_shape, paint
from models.train.features.render.surface import Picture

_FAINTEST, _VISIBLE = 10, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The picture (0 to 255, BGR) a defect is drawn into, and another one to take matter from."""

    image: Picture
    donor: Picture
    rng: Generator

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    def tone(self) -> Picture:
        """A change of brightness, often with a colour, (3,)."""
        strength = np.exp(self.rng.uniform(np.log(_FAINTEST), np.log(130)))
        tint = np.ones(3) if self.rng.random() < 0.6 else self.rng.uniform(0.1, 1, 3)
        return np.asarray(self.rng.choice([-1, 1]) * strength * tint, np.float32)

    def covered(self, mask: Plane, other: Picture) -> Picture:
        """The picture, with another in its place where the mask is 1."""
        cover = mask[..., None]
        return np.asarray(self.image * (1 - cover) + other * cover, np.float32)


def add_defect(
    image: NDArray[np.uint8],
    donor: NDArray[np.uint8],
    rng: Generator,
    *,
    is_stationary: bool = False,
) -> tuple[NDArray[np.uint8], Plane]:
    """One defect: the picture [H, W, 3] with it, and the change a pixel, float32 [H, W], 0 to 255.

    `donor` is a picture of the same size that foreign matter is taken from. Where `is_stationary`,
    the picture looks the same everywhere, and matter moved within it would seldom be a defect.
    """
    canvas = Canvas(image=image.astype(np.float32), donor=donor.astype(np.float32), rng=rng)
    shares = np.array([share for _, share, _ in _KINDS])
    if is_stationary:
        shares = shares * [1.0 if keeps else 0.2 for _, _, keeps in _KINDS]
    kind = int(rng.choice(len(_KINDS), p=shares / shares.sum()))
    changed = np.clip(_KINDS[kind][0](canvas), 0, 255)
    taken = changed.astype(np.uint8)
    return taken, np.abs(changed - canvas.image).max(2)


def shows(image: NDArray[np.uint8], change: Plane) -> bool:
    """Whether a change of a picture stands out from the texture it lies on."""
    largest = float(change.max())
    if largest < _VISIBLE:
        return False
    where = change > max(_VISIBLE, 0.3 * largest)
    count = np.count_nonzero(where)
    if count < 3:
        return False
    grey = image[..., 1].astype(np.float32)
    middle = cv2.blur(grey, (15, 15))
    spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (15, 15)) - middle * middle, 0))
    room = 0.6 * float(spread[where].mean()) / min(2.0, (count / 40.0) ** 0.25)
    return float(change[where].mean()) > 5 + room


def _scratch(canvas: Canvas) -> Picture:
    """Scratches or cracks, some with a lit edge."""
    rng, image = canvas.rng, canvas.image
    for _ in range(int(rng.choice([1, 1, 2, 4]))):
        mask, tone = lines(rng, canvas.height, canvas.width), canvas.tone()
        if rng.random() < 0.5:
            mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.2)), np.float32)
        image = image + tone * mask[..., None]
        if rng.random() < 0.3:
            image = image - 0.6 * tone * np.roll(mask, (1, 1), (0, 1))[..., None]
    return np.asarray(image, np.float32)


def _stain(canvas: Canvas) -> Picture:
    """A spot that darkens, lightens or covers, with a hard or a soft edge."""
    rng = canvas.rng
    mask = blob(rng, canvas.height, canvas.width)
    if rng.random() < 0.6:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.6, 5)), np.float32)
    if rng.random() < 0.5:
        return np.asarray(canvas.image + canvas.tone() * mask[..., None], np.float32)
    grey = np.full(3, rng.uniform(0, 255))
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.4 else grey
    cover = np.asarray(mask * rng.uniform(0.25, 1), np.float32)
    return canvas.covered(
        cover, np.asarray(np.broadcast_to(colour, canvas.image.shape), np.float32)
    )


def _haze(canvas: Canvas) -> Picture:
    """A large soft change of tone: a faded, burnt or uneven place."""
    rng = canvas.rng
    mask = hazy_blob(rng, canvas.height, canvas.width)
    if rng.random() < 0.6:
        return np.asarray(canvas.image + 0.7 * canvas.tone() * mask[..., None], np.float32)
    factor = 1 + mask[..., None] * rng.choice([-0.5, -0.3, -0.2, 0.2, 0.4]) * rng.uniform(0.4, 1)
    return np.asarray(canvas.image * factor, np.float32)


def _specks(canvas: Canvas) -> Picture:
    image, tone = canvas.image, canvas.tone()
    for _ in range(int(canvas.rng.integers(1, 7))):
        mask = blob(canvas.rng, canvas.height, canvas.width, (0.008, 0.035))
        image = image + tone * mask[..., None]
    return np.asarray(image, np.float32)


def _pit(canvas: Canvas) -> Picture:
    """Holes: dark, with a lit rim on one side."""
    rng, image = canvas.rng, canvas.image
    turn = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.choice([1, 1, 2, 5]))):
        hole = blob(rng, canvas.height, canvas.width, (0.015, 0.1))
        hole = np.asarray(cv2.GaussianBlur(hole, (0, 0), rng.uniform(0.5, 1.5)), np.float32)
        depth, rim = rng.uniform(0.3, 0.95), rng.uniform(0, 90)
        slope_x = cv2.Sobel(hole, cv2.CV_32F, 1, 0, scale=0.25)
        slope_y = cv2.Sobel(hole, cv2.CV_32F, 0, 1, scale=0.25)
        lit = rim * (np.cos(turn) * slope_x + np.sin(turn) * slope_y)
        image = image * (1 - depth * hole[..., None]) + lit[..., None]
    return np.asarray(image, np.float32)


def _dent(canvas: Canvas) -> Picture:
    """A hollow or a bump: light on one side, dark on the other."""
    rng = canvas.rng
    x, y, radius, bell = _bell(canvas, (0.05, 0.25), rng.uniform(0.5, 2))
    turn = rng.uniform(0, 2 * np.pi)
    shade = (np.cos(turn) * x + np.sin(turn) * y) / radius * bell
    return np.asarray(canvas.image + 2.2 * canvas.tone() * shade[..., None], np.float32)


def _moved(canvas: Canvas) -> Picture:
    """A piece of the same picture in the wrong place, turned or resized."""
    rng, height, width = canvas.rng, canvas.height, canvas.width
    draw = blob if rng.random() < 0.5 else rectangle
    mask = draw(rng, height, width, (0.04, 0.25))
    turn = rng.uniform(0, 360) if rng.random() < 0.25 else 90 * int(rng.integers(3))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, rng.uniform(0.8, 1.25))
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-0.4, 0.4, 2) * [width, height]
    other = cv2.warpAffine(canvas.image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.7), np.float32)
    return canvas.covered(soft, np.asarray(other, np.float32))


def _foreign(canvas: Canvas) -> Picture:
    """Matter of another product, often of the same mean colour."""
    rng, other = canvas.rng, canvas.donor
    mask = blob(rng, canvas.height, canvas.width, (0.03, 0.22)) * np.float32(rng.uniform(0.3, 1))
    if rng.random() < 0.5:
        other = other - other.mean((0, 1)) + canvas.image.mean((0, 1))
    return canvas.covered(np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.7), np.float32), other)


def _bent(canvas: Canvas) -> Picture:
    """A place pushed aside."""
    rng = canvas.rng
    x, y, _, bell = _bell(canvas, (0.08, 0.25), 1.0)
    move = rng.normal(0, 1, 2)
    move = move / np.linalg.norm(move) * rng.uniform(3, 10)
    columns, rows = np.arange(canvas.width), np.arange(canvas.height)[:, None]
    map_x = np.asarray(columns + 0 * y + bell * move[0], np.float32)
    map_y = np.asarray(rows + 0 * x + bell * move[1], np.float32)
    bent = cv2.remap(
        canvas.image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(bent, np.float32)


def _missing(canvas: Canvas) -> Picture:
    """Something is not there: its ground instead."""
    rng = canvas.rng
    mask = cv2.GaussianBlur(blob(rng, canvas.height, canvas.width, (0.05, 0.22)), (0, 0), 0.8)
    if rng.random() < 0.5:
        colour = canvas.image[int(rng.integers(canvas.height)), int(rng.integers(canvas.width))]
        fill = colour + rng.normal(0, 2, canvas.image.shape)
    else:
        fill = cv2.GaussianBlur(canvas.image, (0, 0), rng.uniform(4, 12))
    return canvas.covered(np.asarray(mask, np.float32), np.asarray(fill, np.float32))


def _worn(canvas: Canvas) -> Picture:
    """The texture is another here: polished, rough, flatter or stronger."""
    rng, image = canvas.rng, canvas.image
    mask = cv2.GaussianBlur(blob(rng, canvas.height, canvas.width, (0.08, 0.28)), (0, 0), 1.5)
    kind = int(rng.integers(3))
    if kind == 0:
        other = cv2.GaussianBlur(image, (0, 0), rng.uniform(1, 3))
    elif kind == 1:
        other = image + rng.normal(0, rng.uniform(8, 40), (*image.shape[:2], 1))
    else:
        even = cv2.GaussianBlur(image, (0, 0), 8)
        other = even + (image - even) * rng.choice([0.3, 1.8, 2.5])
    return canvas.covered(np.asarray(mask, np.float32), np.asarray(other, np.float32))


def _extra(canvas: Canvas) -> Picture:
    """A thing too many: a shape or letters."""
    rng = canvas.rng
    drawn = np.asarray(np.ascontiguousarray(canvas.image / 255), np.float32)
    shape = draw_shape(rng, min(canvas.height, canvas.width), radii=(0.03, 0.18))
    paint(drawn, replace(shape, thickness=max(1, shape.thickness // 2)))
    share = rng.uniform(0.3, 1) if rng.random() < 0.5 else 1.0
    return np.asarray(canvas.image * (1 - share) + 255 * drawn * share, np.float32)


# What draws it, how often, and whether it shows on a picture that looks the same everywhere.
_KINDS: tuple[tuple[Callable[[Canvas], Picture], float, bool], ...] = (
    (_scratch, 2.0, True), (_stain, 2.0, True), (_haze, 1.5, True), (_specks, 1.0, True),
    (_pit, 1.5, True), (_dent, 1.0, True), (_moved, 1.6, False), (_foreign, 1.0, True),
    (_bent, 1.0, True), (_missing, 1.2, False), (_worn, 1.2, True), (_extra, 0.8, True),
)  # fmt: skip


def _bell(
    canvas: Canvas, radii: tuple[float, float], aspect: float
) -> tuple[Plane, Plane, float, Plane]:
    """Offsets from a random place, its radius, and a Gaussian about it."""
    rng = canvas.rng
    radius = float(rng.uniform(*radii) * min(canvas.height, canvas.width))
    x0, y0 = rng.uniform(0, [canvas.width, canvas.height])
    rows, columns = np.mgrid[0 : canvas.height, 0 : canvas.width].astype(np.float32)
    x, y = columns - np.float32(x0), rows - np.float32(y0)
    bell = np.exp(-(x * x + aspect * y * y) / np.float32(2 * (radius / 2) ** 2))
    return x, y, radius, np.asarray(bell, np.float32)
