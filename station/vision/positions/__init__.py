"""Is each thing in its place: a bill of positions, and what each place looked like when taught."""

from station.vision.positions.bill import ABSENT, PRESENT, STATE_NAME, Bill, Position, read_bill
from station.vision.positions.counting import Like, find_like
from station.vision.positions.descriptor import (
    CELL,
    Features,
    Grid,
    Light,
    describe,
    grid_of,
    lies_inside,
    light_of,
    weighed,
)
from station.vision.positions.lighting import Lighting
from station.vision.positions.likeness import (
    Likeness,
    Look,
    Scale,
    distances,
    fit_template,
    look,
    score_of,
)
from station.vision.positions.taught import (
    Place,
    Places,
    PositionFacts,
    arrays_of,
    facts_of,
    lighting_of,
    places_of,
    shift_px,
)

__all__ = [
    "ABSENT",
    "CELL",
    "PRESENT",
    "STATE_NAME",
    "Bill",
    "Features",
    "Grid",
    "Light",
    "Lighting",
    "Like",
    "Likeness",
    "Look",
    "Place",
    "Places",
    "Position",
    "PositionFacts",
    "Scale",
    "arrays_of",
    "describe",
    "distances",
    "facts_of",
    "find_like",
    "fit_template",
    "grid_of",
    "lies_inside",
    "light_of",
    "lighting_of",
    "look",
    "places_of",
    "read_bill",
    "score_of",
    "shift_px",
    "weighed",
]  # fmt: skip
