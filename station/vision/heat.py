"""Heat maps: what a model says of every place, brought back to pixels and cut into hot boxes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from station.core.region import Polygon, Rectangle, Region
from station.vision.card import ModelInput

Heat = NDArray[np.float32]

MOST_BOXES = 8
NEAR_PEAK = 0.6
"""A box is drawn round what is above this share of the hottest value, or above the limit."""


def unfit(heat: Heat, width: int, height: int, contract: ModelInput) -> Heat:
    """A model's heat map (rows, columns) as (height, width) of the picture it was shown.

    Takes back a letterbox; bilinear between the map's places.
    """
    if contract.fit == "letterbox":
        heat = _without_bars(heat, width, height, contract)
    return np.asarray(cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def hot_boxes(heat: Heat, limit: float) -> list[Rectangle]:
    """Boxes round the hottest places, hottest first, in the map's own pixels; at most eight."""
    peak = float(heat.max())
    level = max(min(limit, peak), NEAR_PEAK * peak) if peak > 0 else peak
    mask = (heat >= level).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    boxes = [
        (float(heat[y : y + tall, x : x + wide].max()), x, y, wide, tall)
        for x, y, wide, tall, _ in stats[1:count].tolist()
    ]
    boxes.sort(reverse=True)
    return [
        Rectangle(x=x, y=y, width=wide, height=tall) for _, x, y, wide, tall in boxes[:MOST_BOXES]
    ]


def lay(heat: Heat, region: Region, onto: Heat) -> None:
    """Put a crop's heat where it belongs in the frame, the hotter of the two winning."""
    height, width = onto.shape
    rows, columns = heat.shape
    corners = region.corners
    if isinstance(region, Polygon):
        left, top = (max(0, int(np.floor(min(c[axis] for c in corners)))) for axis in (0, 1))
        corners = ((left, top), (left + columns, top), (left + columns, top + rows))
    source = np.array([(0, 0), (columns, 0), (columns, rows)], np.float32) - 0.5
    matrix = cv2.getAffineTransform(source, np.array(corners[:3], np.float32) - 0.5)
    turned = cv2.warpAffine(heat, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=0)
    np.maximum(onto, turned, out=onto)


def _without_bars(heat: Heat, width: int, height: int, contract: ModelInput) -> Heat:
    scale = min(contract.width / width, contract.height / height)
    inner = (width * scale / contract.width, height * scale / contract.height)
    rows, columns = heat.shape
    # an affine sampling, because the bars seldom end between two places of the map
    matrix = np.array(
        [
            [inner[0], 0, columns * (1 - inner[0]) / 2 + (inner[0] - 1) / 2],
            [0, inner[1], rows * (1 - inner[1]) / 2 + (inner[1] - 1) / 2],
        ],
        np.float64,
    )
    return np.asarray(
        cv2.warpAffine(
            heat,
            matrix,
            (columns, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )
