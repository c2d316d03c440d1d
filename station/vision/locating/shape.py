"""A taught shape: edge points with their normals, for each level of an image pyramid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from station.core.errors import ModelError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPoints:
    """Edge points seen when the picture is halved so many times.

    `points` (N, 2) are continuous part coordinates at full size, `normals` (N, 2) unit vectors
    across the edge, from dark to bright.
    """

    points: Floats
    normals: Floats
    either: NDArray[np.bool_]
    """(N,) where bright and dark may change places: at the outline, before another background."""

    def __len__(self) -> int:
        return len(self.points)

    def opened(self) -> "LevelPoints":
        """The same points, where bright and dark may change places at each."""
        either = np.ones(len(self), np.bool_)
        return LevelPoints(points=self.points, normals=self.normals, either=either)

    def part(self, chosen: "NDArray[np.bool_] | NDArray[np.int64]") -> "LevelPoints":
        """Some of the points."""
        return LevelPoints(
            points=self.points[chosen], normals=self.normals[chosen], either=self.either[chosen]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is looked for; `levels[k]` belongs to a picture halved k times."""

    width_px: int
    height_px: int
    levels: tuple[LevelPoints, ...]

    @property
    def centre(self) -> Floats:
        """(2,) the mean of the points: what a pose is turned about while it is searched."""
        return np.asarray(self.levels[0].points.mean(axis=0), np.float64)

    @property
    def radius_px(self) -> float:
        """The root mean square distance of the points from the centre."""
        away = self.levels[0].points - self.centre
        return float(np.sqrt((away**2).sum(axis=1).mean()))

    @property
    def corners(self) -> Floats:
        """(4, 2) of the view, clockwise from the origin."""
        width, height = self.width_px, self.height_px
        return np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float64)

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """For a taught file."""
        arrays: dict[str, NDArray[Any]] = {"size": np.array((self.width_px, self.height_px))}
        for number, level in enumerate(self.levels):
            arrays[f"points_{number}"] = level.points.astype(np.float32)
            arrays[f"normals_{number}"] = level.normals.astype(np.float32)
            arrays[f"either_{number}"] = level.either
        return arrays


def shape_of(arrays: Mapping[str, NDArray[Any]]) -> Shape:
    """The shape in the arrays of a taught file.

    Raises:
        ModelError: they are not those of a shape.
    """
    try:
        width, height = (int(size) for size in arrays["size"])
        count = sum(1 for name in arrays if name.startswith("points_"))
        levels = tuple(
            LevelPoints(
                points=arrays[f"points_{number}"].astype(np.float64).reshape(-1, 2),
                normals=arrays[f"normals_{number}"].astype(np.float64).reshape(-1, 2),
                either=arrays[f"either_{number}"].astype(np.bool_).reshape(-1),
            )
            for number in range(count)
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"this is no taught shape ({error}); teach it again") from error
    if not levels or any(len(level) < 8 for level in levels):
        raise ModelError("this is no taught shape: too few points; teach it again")
    if not all(
        np.isfinite(part).all() for level in levels for part in (level.points, level.normals)
    ):
        raise ModelError("this is no taught shape: points that are no numbers; teach it again")
    return Shape(width_px=width, height_px=height, levels=levels)
