"""A part found in an image, and what a search for parts came to."""

from dataclasses import dataclass

from station.core.errors import StationError
from station.core.pose import Pose
from station.core.region import Rectangle, Region, outside_point
from station.core.result import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part in an image: where it lies, and the size of the view other tools get of it."""

    pose: Pose
    width_px: int
    height_px: int
    """Size of the view, in part coordinates, which are pixels of the taught view."""
    finding: Finding
    """How surely it was found; its region is in image coordinates."""

    @property
    def view(self) -> Rectangle:
        """The whole view, in part coordinates."""
        return Rectangle(x=0, y=0, width=self.width_px, height=self.height_px)


def beyond_view(region: Region, view_px: tuple[int, int]) -> str | None:
    """In words, that a region reaches beyond a view of this width and height; None where not."""
    width, height = view_px
    point = outside_point(region, width, height)
    if point is None:
        return None
    return (
        f"a region reaches ({point[0]:.0f}, {point[1]:.0f}), the view of the part is "
        f"{width} x {height}; draw regions inside the view that was taught"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Every part that was surely found, and why that is not all that was wanted."""

    parts: tuple[Part, ...] = ()
    problem: StationError | None = None
    """`PartNotFoundError` or `PartAmbiguousError`: the job fails, whatever the parts look like."""
