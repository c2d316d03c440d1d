"""Teaching `compare`: pictures of good parts in, a golden template out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from station.core.errors import OutsideImageError, PictureError, TeachError
from station.core.frame import Image
from station.core.plugin import Site
from station.core.region import Rectangle
from station.teach.keep import check_name, keep_taught
from station.teach.part_views import read_views
from station.tools.compare import MOST_DISPLACED_PX, USUAL_DISPLACED_PX
from station.vision.geometry import cut
from station.vision.golden.differences import Compared, Comparison, Tolerance
from station.vision.golden.template import Mask, Template, grey_of, learn_template
from station.vision.images import encode_png, read_image
from station.vision.taught import TaughtCard

MOST_HELD_OUT = 10
USUAL = Tolerance(
    edge_px=2, levels=40, shift_px=16, local_shift_px=4, light=0.3, gap_px=8, thinnest_px=2
)
"""The tool's own, to say how good parts that were not shown would fare."""
USUAL_AREA_PX, USUAL_CONTRAST = 6, 0.85
DISPLACED_MARGIN = 1.25
"""The limit on displacement lies so much above what good parts left out showed."""
COLOURLESS_LEVELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareLesson:
    """What to learn from."""

    pictures: tuple[Path, ...]
    name: str
    locate: str = ""
    region: Rectangle | None = None
    """In part coordinates, or those of the image; None: all of the view."""
    ignore: Path | None = None
    """A painted picture of the view or the region: not black is not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtCompare:
    """What came of it."""

    card: TaughtCard
    folder: Path
    size: tuple[int, int]
    parts: int
    held_out: int
    """Good parts that were left out in turn, and compared with what the others taught."""
    held_out_rejected: tuple[str, ...]
    """Names of those that would not have passed with the tool's defaults."""


def teach_compare(lesson: CompareLesson, model_dirs: Sequence[Path]) -> TaughtCompare:
    """Learn a template and keep it as the next version.

    Raises:
        TeachError: a picture cannot be used; says which and why.
        ModelError: there is no such `locate`.
    """
    check_name(lesson.name)
    views, names = _views(lesson, Site(model_dirs=tuple(model_dirs)))
    ignored = _ignored(lesson, views[0])
    template = learn_template(views, ignored)
    tried = range(min(len(views), MOST_HELD_OUT)) if len(views) > 2 else range(0)
    held_out = [_compared(views, out, ignored) for out in tried]
    rejected = tuple(names[out] for out in tried if not _passes(held_out[out]))
    card, folder = keep_taught(
        model_dirs,
        lesson.name,
        "compare",
        template.arrays,
        settings={
            "region": _region_fact(lesson.region),
            "displaced_at_most_px": _displaced_limit(held_out),
        },
        training={"parts": len(views), "pictures": list(names), "held_out_rejected": len(rejected)},
        beside={"reference.png": encode_png(template.mean)},
    )
    return TaughtCompare(
        card=card,
        folder=folder,
        size=template.size,
        parts=len(views),
        held_out=len(tried),
        held_out_rejected=rejected,
    )


def _views(lesson: CompareLesson, site: Site) -> tuple[list[Image], list[str]]:
    views, names = [], []
    for path, frame in read_views(lesson.pictures, site, locate=lesson.locate):
        try:
            views.append(cut(frame.image, lesson.region))
        except OutsideImageError as error:
            raise TeachError(f"{path}: {error}") from error
        names.append(path.name)
    if not views:
        raise TeachError("there is no picture of a good part to learn from")
    if all(_is_colourless(view) for view in views):
        views = [grey_of(view) for view in views]
    return views, names


def _is_colourless(view: Image) -> bool:
    """A grey picture that was kept in three channels; a colour camera's noise is above this."""
    if view.ndim == 2:
        return True
    spread = view.max(axis=2) - view.min(axis=2)
    return int(spread.max()) <= COLOURLESS_LEVELS


def _ignored(lesson: CompareLesson, view: Image) -> Mask | None:
    """The painted mask, at the size of the view; one of the whole image is cut like that.

    Raises:
        TeachError: it cannot be read.
    """
    if lesson.ignore is None:
        return None
    try:
        painted = grey_of(read_image(lesson.ignore))
    except PictureError as error:
        raise TeachError(f"mask {error}") from error
    if painted.shape != view.shape[:2] and lesson.region:
        try:
            painted = cut(painted, lesson.region)
        except OutsideImageError as error:
            raise TeachError(f"mask {lesson.ignore}: {error}") from error
    return np.where(painted > 0, 255, 0).astype(np.uint8)


def _compared(views: Sequence[Image], out: int, ignored: Mask | None) -> Compared:
    """A good part as the others would judge it."""
    others = [view for number, view in enumerate(views) if number != out]
    template: Template = learn_template(others, ignored)
    return Comparison(template, USUAL, "dark").compare(views[out])


def _displaced_limit(held_out: Sequence[Compared]) -> float:
    """In px; good parts differ in how exactly their print and components lie."""
    seen = max((compared.displaced_px for compared in held_out), default=0.0)
    limit = max(USUAL_DISPLACED_PX, DISPLACED_MARGIN * seen)
    return round(min(limit, MOST_DISPLACED_PX), 2)


def _passes(compared: Compared) -> bool:
    """By the tool's defaults; displacement is judged by the limit these parts set themselves."""
    found = compared.differences
    has_contrast = compared.contrast_share >= USUAL_CONTRAST
    return has_contrast and (not found or found[0].area_px <= USUAL_AREA_PX)


def _region_fact(region: Rectangle | None) -> JsonValue:
    if region is None:
        return None
    return {"x": region.x, "y": region.y, "width": region.width, "height": region.height}
