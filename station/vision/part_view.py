"""The view of a located part: cut from the image upright, in the size it was taught."""

import cv2
import numpy as np

from station.core.errors import OutsideImageError
from station.core.frame import Image
from station.core.part import Part, beyond_view
from station.core.pose import Pose
from station.core.region import Region, outside_point
from station.vision.heat import Heat


def view_of(image: Image, part: Part) -> Image:
    """The part as it was taught: (part.height_px, part.width_px), sampled bilinearly.

    What lies outside the image repeats its border; `check_visible` says whether a tool looks there.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (part.width_px, part.height_px)
    view = cv2.warpAffine(
        image, _on_indices(part.pose), size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.ascontiguousarray(view, np.uint8)


def check_visible(image: Image, part: Part, regions: tuple[Region, ...] | None) -> None:
    """Refuse a part where something that is looked at lies outside the image, or beyond the view.

    Raises:
        OutsideImageError: a region of the part, or for None its whole view, is not in the image,
            or not in the view.
    """
    height, width = image.shape[:2]
    for region in regions or (part.view,):
        outside = beyond_view(region, (part.width_px, part.height_px))
        if outside:
            raise OutsideImageError(outside)
        point = outside_point(part.pose.place(region), width, height)
        if point:
            raise OutsideImageError(
                f"part {part.finding.part or 1} reaches ({point[0]:.0f}, {point[1]:.0f}), the "
                f"image is {width} x {height}; the part must lie in the image where it is looked at"
            )


def lay_view(heat: Heat, part: Part, onto: Heat) -> None:
    """Put the heat of a part's view where the part lies in the frame, the hotter winning."""
    height, width = onto.shape
    placed = cv2.warpAffine(heat, _on_indices(part.pose), (width, height), flags=cv2.INTER_LINEAR)
    np.maximum(onto, placed, out=onto)


def _on_indices(pose: Pose) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """The pose between pixel indices, whose centres lie half a pixel on."""
    matrix = pose.matrix
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return matrix
