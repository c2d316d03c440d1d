"""Teaching `colour`: pictures of good parts in, their colours and limits on them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from station.core.errors import OutsideImageError, PictureError, TeachError
from station.core.frame import Image
from station.core.plugin import Site
from station.core.region import Rectangle
from station.teach.keep import check_name, keep_taught
from station.teach.part_views import read_views
from station.tools.colour import ColourCard
from station.vision.colour import (
    Colours,
    ColourShare,
    Lab,
    colours_of,
    delta_e,
    histogram_distance,
    to_lab,
)
from station.vision.geometry import cut
from station.vision.taught import TaughtCard

TOLERANCE = 6.0
"""CIEDE2000 up to which a pixel has the taught colour: more than noise, less than another ink."""
LEAST_DELTA_E, LEAST_HISTOGRAM, LEAST_SHARE = 2.0, 3.0, 0.02
"""No limit is narrower, however alike the good parts are: lamps drift."""
ONE_PART = 1.5
"""From one part alone nothing is known of how parts differ: so many times as wide."""
MARGIN = 1.5
"""Limits lie so many times as far out as the worst good part that the others were asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourLesson:
    """What to learn from."""

    pictures: tuple[Path, ...]
    name: str
    locate: str = ""
    region: Rectangle | None = None
    """In part coordinates, or those of the image; None: all of the view."""
    patch: Rectangle | None = None
    """Where the view shows the colour whose area counts; None: the most usual of the region."""
    tolerance: float = TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtColour:
    """What came of it."""

    card: TaughtCard
    folder: Path
    parts: int
    limits: ColourCard
    mean: tuple[float, float, float]
    colour: tuple[float, float, float]
    shares: tuple[float, float]
    """The least and the most area of the colour on a good part."""


def teach_colour(lesson: ColourLesson, model_dirs: Sequence[Path]) -> TaughtColour:
    """Learn colours and their limits and keep them as the next version.

    Raises:
        TeachError: a picture cannot be used; says which and why.
    """
    check_name(lesson.name)
    views = _views(lesson, Site(model_dirs=tuple(model_dirs)))
    seen = [colours_of(crop) for crop, _ in views]
    colour = np.mean([patch for _, patch in views], axis=0)
    share = ColourShare(colour, lesson.tolerance)
    shares = [share.share(crop) for crop, _ in views]
    limits = _limits(lesson, seen, shares)
    known = _mean_of(seen)
    card, folder = keep_taught(
        model_dirs,
        lesson.name,
        "colour",
        {"mean": known.mean, "quantiles": known.quantiles, "colour": colour},
        settings=limits.model_dump(mode="json"),
        training={"parts": len(views), "share_least": min(shares), "share_most": max(shares)},
    )
    return TaughtColour(
        card=card,
        folder=folder,
        parts=len(views),
        limits=limits,
        mean=_triple(known.mean),
        colour=_triple(colour),
        shares=(min(shares), max(shares)),
    )


def _views(lesson: ColourLesson, site: Site) -> list[tuple[Image, Lab]]:
    """Each region, and the colour that counts as that view shows it."""
    views = []
    for path, frame in read_views(lesson.pictures, site, locate=lesson.locate):
        try:
            crop = cut(frame.image, lesson.region)
            patch = cut(frame.image, lesson.patch) if lesson.patch else crop
            colours_of(crop)
        except (OutsideImageError, PictureError) as error:
            raise TeachError(f"{path}: {error}") from error
        views.append((crop.copy(), _usual(patch)))
    if not views:
        raise TeachError("there is no picture of a good part to learn from")
    return views


def _usual(patch: Image) -> Lab:
    """The most usual colour: the mean of the fullest of 16 x 16 x 16 cells and those beside it."""
    pixels = patch.reshape(-1, 3)
    cells = (pixels >> 4).astype(np.int32) @ np.array((256, 16, 1), np.int32)
    counts = np.bincount(cells, minlength=4096).reshape(16, 16, 16)
    full = np.array(np.unravel_index(int(counts.argmax()), counts.shape))
    beside = (np.abs((pixels >> 4).astype(np.int16) - full) <= 1).all(axis=1)
    return np.asarray(to_lab(pixels[beside]).mean(axis=0), np.float64)


def _limits(lesson: ColourLesson, seen: Sequence[Colours], shares: Sequence[float]) -> ColourCard:
    """Wide enough for each good part as judged by the others, and not narrower than lamps drift."""
    held_out = [
        (seen[out], _mean_of([part for number, part in enumerate(seen) if number != out]))
        for out in range(len(seen) if len(seen) > 1 else 0)
    ]
    far = [float(delta_e(part.mean, others.mean)) for part, others in held_out]
    mixed = [histogram_distance(part.quantiles, others.quantiles) for part, others in held_out]
    wider = 1.0 if held_out else ONE_PART
    room = max(LEAST_SHARE * wider, (max(shares) - min(shares)) / 2)
    return ColourCard(
        delta_e_at_most=max(LEAST_DELTA_E * wider, MARGIN * max(far, default=0.0)),
        histogram_at_most=max(LEAST_HISTOGRAM * wider, MARGIN * max(mixed, default=0.0)),
        share_at_least=max(0.0, min(shares) - room),
        share_at_most=min(1.0, max(shares) + room),
        tolerance=lesson.tolerance,
        region=lesson.region,
    )


def _mean_of(seen: Sequence[Colours]) -> Colours:
    return Colours(
        np.mean([part.mean for part in seen], axis=0),
        np.mean([part.quantiles for part in seen], axis=0),
    )


def _triple(colour: Lab) -> tuple[float, float, float]:
    lightness, a, b = colour.tolist()
    return lightness, a, b
