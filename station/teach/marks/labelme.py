"""labelme's JSON, one file a picture: polygons, rectangles, circles, lines."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from station.core.errors import TeachError
from station.core.plugin import explain
from station.teach.marks.shapes import Drawing, Points, Shape

CIRCLE_CORNERS = 64
FEWEST_POINTS = {"polygon": 3, "rectangle": 2, "circle": 2, "line": 2, "linestrip": 2}


def is_labelme(content: Any) -> bool:
    """Whether a JSON is one of labelme's."""
    return isinstance(content, dict) and "shapes" in content


class LabelmeShape(BaseModel):
    """One mark as labelme writes it; its other fields are of no use here."""

    label: str = ""
    points: list[tuple[float, float]]
    shape_type: str = "polygon"


class LabelmeFile(BaseModel):
    """One file of labelme; its other fields are of no use here."""

    shapes: list[LabelmeShape]
    width: int | None = Field(None, alias="imageWidth")
    height: int | None = Field(None, alias="imageHeight")


def read_labelme(path: Path, content: Any, picture: Path) -> Iterator[tuple[Path, Drawing]]:
    """The picture with its drawing, or nothing where the file marks nothing.

    Raises:
        TeachError: a field is wrong, or a kind of mark that is no area.
    """
    try:
        file = LabelmeFile.model_validate(content)
    except ValidationError as error:
        raise TeachError(f"labelme file {path}: {explain(error, LabelmeFile)}") from error
    shapes = tuple(_shape(mark, path) for mark in file.shapes)
    size = (file.width, file.height) if file.width and file.height else None
    if shapes:
        yield picture, Drawing(path, shapes, size)


def _shape(mark: LabelmeShape, path: Path) -> Shape:
    kind = mark.shape_type
    if kind not in FEWEST_POINTS or len(mark.points) < FEWEST_POINTS[kind]:
        raise TeachError(
            f"{path} has a mark of kind {kind!r} with {len(mark.points)} points; draw it as "
            f"{', '.join(FEWEST_POINTS)}"
        )
    return Shape(
        label=mark.label,
        points=_circle(*mark.points[:2]) if kind == "circle" else tuple(mark.points),
        is_box=kind == "rectangle",
        is_stroke=kind in ("line", "linestrip"),
    )


def _circle(centre: tuple[float, float], rim: tuple[float, float]) -> Points:
    radius = math.dist(centre, rim)
    turns = [2 * math.pi * step / CIRCLE_CORNERS for step in range(CIRCLE_CORNERS)]
    return tuple(
        (centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns
    )
