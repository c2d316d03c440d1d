"""What the anchors share: a view drawn on a reference picture, moved along with what was found."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from station.core.errors import StationError
from station.core.frame import Frame
from station.core.part import Found, Part
from station.core.pose import Pose
from station.core.region import Rectangle
from station.core.result import Evaluation, Finding, decide


def _upright(region: Rectangle | None) -> Rectangle | None:
    if region is not None and region.angle_deg % 360:
        raise ValueError("the rectangle must be upright")
    return region


View = Annotated[
    Rectangle,
    AfterValidator(_upright),
    Field(description="upright; the part's view in the reference picture: part coordinates begin "
          "at its corner"),
]  # fmt: skip
SearchRegion = Annotated[
    Rectangle | None,
    AfterValidator(_upright),
    Field(description="upright; where it is sought, all of the image if absent"),
]


def moved_view(
    view: Rectangle,
    here: NDArray[np.float64],
    there: NDArray[np.float64],
    turn_deg: float = 0.0,
    scale: float = 1.0,
) -> Pose:
    """The pose of a view whose anchor, at `here` (2,) in the reference picture, is at `there`."""
    turned = Pose(angle_deg=turn_deg, scale=scale)
    corner = there - turned.to_image(here - np.array((view.x, view.y)))
    angle_deg = (turn_deg + 180) % 360 - 180
    return Pose(x=float(corner[0]), y=float(corner[1]), angle_deg=angle_deg, scale=scale)


def anchored(
    tool: str,
    view: Rectangle,
    pose: Pose,
    measured: Mapping[str, float],
    *,
    score: float | None = None,
    limits: tuple[float, float] | None = None,
    weak_reason: str = "",
) -> Part:
    """A part whose view lies at a pose; judged where there are a score and limits."""
    evaluation = Evaluation.OK
    if score is not None and limits is not None:
        evaluation = decide(score, accept_limit=limits[0], reject_limit=limits[1])
    width, height = view_size(view)
    finding = Finding(
        tool=tool,
        evaluation=evaluation,
        reason_code=None if evaluation is Evaluation.OK else weak_reason,
        score=score,
        accept_limit=limits[0] if limits else None,
        reject_limit=limits[1] if limits else None,
        region=pose.place(Rectangle(x=0, y=0, width=width, height=height)),
        measured={
            "x_px": round(pose.x, 3),
            "y_px": round(pose.y, 3),
            "angle_deg": round(pose.angle_deg, 4),
            "scale": round(pose.scale, 5),
            **measured,
        },
    )
    return Part(pose=pose, width_px=width, height_px=height, finding=finding)


def view_size(view: Rectangle) -> tuple[int, int]:
    """Width and height of a view, in whole pixels."""
    return round(view.width), round(view.height)


def findings_of(find: Callable[[Frame], Found]) -> Callable[[Frame], Sequence[Finding]]:
    """`run` of a tool that locates: the findings of its parts, or its problem raised."""

    def run(frame: Frame) -> Sequence[Finding]:
        found = find(frame)
        if found.problem:
            raise found.problem
        return [part.finding for part in found.parts]

    return run


def lost(problem: StationError) -> Found:
    """Nothing found, and why."""
    return Found(problem=problem)


def angle_of(way: NDArray[np.float64]) -> float:
    """Of a direction (2,), clockwise as seen from the right, in degrees."""
    return math.degrees(math.atan2(float(way[1]), float(way[0])))
