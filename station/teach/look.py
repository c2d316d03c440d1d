"""Looking at the pictures to learn from: the way they go into the net, and their features."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from station.core.errors import PictureError, TeachError
from station.core.frame import Image
from station.teach.features import FeatureNet
from station.teach.features.net import DEFAULT_PX
from station.teach.pictures import Picture
from station.vision.geometry import Fit
from station.vision.images import read_image
from station.vision.model import Model

WORKERS = 2
SAMPLE = 24
SAME_ASPECT = 1.1
"""Pictures whose width to height differs by no more than this are stretched alike."""
MAX_BROKEN_SHARE = 0.2
MIRROR_UP_TO = 1000
"""So many pictures are looked at mirrored too; more of them are variety enough."""
GRID_PX = 32

Tick = Callable[[int, int], None]
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Seen:
    """The pictures that could be read, their features, and what was wrong with the others."""

    pictures: tuple[Picture, ...]
    features: NDArray[np.float32]
    """(pictures, views, numbers): as it is, and mirrored across, down, and both."""
    broken: tuple[str, ...]


def choose_input(
    net: FeatureNet, pictures: Sequence[Picture], size_px: int | None, fit: Fit | None
) -> tuple[int, int, Fit]:
    """Width, height and fit of the model's input.

    A net of free size gets the area of a square of `size_px` in the shape of the pictures;
    pictures of one shape are stretched to it, those of mixed shapes letterboxed.

    Raises:
        TeachError: not one picture can be read, or the net has one size only and another is asked.
    """
    aspects = _aspects(pictures)
    aspect = float(np.median(aspects))
    width, height = net.card.input.width, net.card.input.height
    if net.is_free_in_size:
        edge = size_px or DEFAULT_PX
        width = max(GRID_PX, round(edge * math.sqrt(aspect) / GRID_PX) * GRID_PX)
        height = max(GRID_PX, round(edge / math.sqrt(aspect) / GRID_PX) * GRID_PX)
    elif size_px and size_px != width:
        raise TeachError(
            f"feature net {net.card.name} takes {width} x {height} and nothing else; leave the "
            "size out"
        )
    if fit:
        return width, height, fit
    alike = max(aspects) / min(aspects) <= SAME_ASPECT
    near = max(aspect * height / width, width / (aspect * height)) <= SAME_ASPECT
    return width, height, "stretch" if alike and (near or net.is_free_in_size) else "letterbox"


def look(model: Model, pictures: Sequence[Picture], tick: Tick) -> Seen:
    """The features of every readable picture, exactly as an inspection would compute them.

    Up to a thousand pictures are looked at mirrored too: whether that helps is measured later.

    Raises:
        TeachError: more than a fifth of the pictures cannot be read.
    """

    views = 4 if len(pictures) <= MIRROR_UP_TO else 1

    def one(picture: Picture) -> NDArray[np.float32] | str:
        try:
            image = read_image(picture.path)
            return np.stack([model.run(view).reshape(-1) for view in mirrored(image)[:views]])
        except PictureError as error:
            return str(error)

    answers = in_parallel(one, pictures, tick)
    rows = [(p, a) for p, a in zip(pictures, answers, strict=True) if not isinstance(a, str)]
    broken = tuple(answer for answer in answers if isinstance(answer, str))
    if len(broken) > MAX_BROKEN_SHARE * len(pictures) or not rows:
        raise TeachError(
            f"{len(broken)} of {len(pictures)} pictures cannot be read ({broken[0]}); repair the "
            "folder, there is too little left to trust"
        )
    features = np.stack([answer for _, answer in rows])
    return Seen(tuple(picture for picture, _ in rows), features, broken)


def mirrored(image: Image) -> list[Image]:
    """The image as it is, mirrored across, down, and both."""
    turned = (image, image[:, ::-1], image[::-1], image[::-1, ::-1])
    return [np.ascontiguousarray(view) for view in turned]


def in_parallel(work: Callable[[Item], Answer], items: Sequence[Item], tick: Tick) -> list[Answer]:
    """`work` on every item, in order, on two threads; an interruption drops what has not begun."""
    pool = ThreadPoolExecutor(WORKERS)
    try:
        futures: list[Future[Answer]] = [pool.submit(work, item) for item in items]
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            tick(len(futures) - len(waiting), len(futures))
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _aspects(pictures: Sequence[Picture]) -> list[float]:
    step = max(1, len(pictures) // SAMPLE)
    aspects, problem = [], ""
    for picture in pictures[::step]:
        try:
            height, width = read_image(picture.path).shape[:2]
            aspects.append(width / height)
        except PictureError as error:
            problem = str(error)
    if not aspects:
        raise TeachError(f"none of the pictures tried can be read ({problem})")
    return aspects
